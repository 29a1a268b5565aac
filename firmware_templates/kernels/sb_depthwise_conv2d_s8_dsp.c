/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DepthwiseConv2D with SIMD instructions: any kernel and padding, any stride and dilation along H; along W stride 1
 * or 2 and no dilation.
 *
 * One input channel at a time is copied to a plane of int16 with its border, so `output` may be `input` for the reason
 * given in sb_depthwise_conv2d_s8.c. Pairs of neighbours in the plane meet pairs of weights, two products an
 * instruction. An output at an odd column begins in the middle of a pair; for those the weights stand a second time,
 * one place later:
 *
 *     plane  (x0 x1) (x2 x3)      even column: (w0 w1) (w2 0)      odd column: (0 w0) (w1 w2)
 *
 * weights: [output_channels][kernel_h][kernel_w].
 * scratch: kernel_h * (kernel_w / 2 + 1) of each kind of pair in turn, then the plane.
 */
#include "sb_plane_dsp.h"

/* The weights of one channel as pairs for even and odd columns in turn. */
static void widen_weights(const sb_window *w, const int8_t *weights, int32_t pairs, int16_t *widened)
{
  for (int32_t ky = 0; ky < w->kernel_h; ky++) {
    for (int32_t kx = 0; kx < 2 * pairs; kx += 2) {
      const int32_t before = kx > 0 ? weights[kx - 1] : 0;
      const int32_t first = kx < w->kernel_w ? weights[kx] : 0;
      const int32_t second = kx + 1 < w->kernel_w ? weights[kx + 1] : 0;
      sb_store(widened, sb_pair(first, second));
      sb_store(widened + 2, sb_pair(before, first));
      widened += 4;
    }
    weights += w->kernel_w;
  }
}

/* Sums of an even column and of the odd one after it. */
static inline void two_sums(const int16_t *corner, int32_t row_step, const int16_t *widened, int32_t kernel_h,
                            int32_t pairs, int32_t *even, int32_t *odd)
{
  for (int32_t ky = 0; ky < kernel_h; ky++) {
    const int16_t *x = corner;
    for (int32_t i = 0; i < pairs; i++) {
      const uint32_t two = sb_load(x);
      uint32_t even_weights, odd_weights;
      widened = sb_take_two(widened, &even_weights, &odd_weights);
      *even = sb_smlad(two, even_weights, *even);
      *odd = sb_smlad(two, odd_weights, *odd);
      x += 2;
    }
    corner += row_step;
  }
}

/* Sum of an even column. */
static inline int32_t one_sum(const int16_t *corner, int32_t row_step, const int16_t *widened, int32_t kernel_h,
                              int32_t pairs, int32_t sum)
{
  for (int32_t ky = 0; ky < kernel_h; ky++) {
    const int16_t *x = corner;
    for (int32_t i = 0; i < pairs; i++) {
      sum = sb_smlad(sb_load(x), sb_load(widened), sum);
      x += 2;
      widened += 4;
    }
    corner += row_step;
  }
  return sum;
}

void sb_depthwise_conv2d_s8_dsp(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  const sb_window *const w = &layer->window;
  const int32_t pairs = w->kernel_w / 2 + 1;
  const int32_t step = layer->output_channels;
  const int32_t multiplier = layer->output_channels / layer->input_channels;
  const int32_t twice = 2 * layer->output_zero_point + 1;
  int16_t *const widened = scratch;
  int16_t *const plane = widened + 4 * w->kernel_h * pairs;
  const int32_t pitch = sb_plane_pitch(w);
  const int32_t row_step = w->dilation_h * pitch;
  const int8_t *weights = layer->weights;
  sb_clear_plane(layer, plane);
  for (int32_t c = 0; c < layer->output_channels; c++) {
    if (c % multiplier == 0) {
      sb_copy_channel(layer, input + c / multiplier, plane);
    }
    widen_weights(w, weights, pairs, widened);
    weights += w->kernel_h * w->kernel_w;
    const sb_channel channel = layer->channels[c];
    const int32_t right = -1 - layer->shifts[c];
    int8_t *result = output + c;
    for (int32_t y = 0; y < w->output_h; y++) {
      const int16_t *corner = plane + y * w->stride_h * pitch;
      if (w->stride_w == 1) {
        int32_t left = w->output_w;
        for (; left > 0; left -= 2) {
          int32_t even = channel.bias, odd = channel.bias;
          two_sums(corner, row_step, widened, w->kernel_h, pairs, &even, &odd);
          result[0] = sb_output_dsp(even, channel.multiplier, right, twice);
          if (left > 1) {
            result[step] = sb_output_dsp(odd, channel.multiplier, right, twice);
          }
          result += 2 * step;
          corner += 2;
        }
        result += left * step;
      } else {
        for (int32_t x = 0; x < w->output_w; x++) {
          const int32_t sum = one_sum(corner, row_step, widened, w->kernel_h, pairs, channel.bias);
          *result = sb_output_dsp(sum, channel.multiplier, right, twice);
          result += step;
          corner += 2;
        }
      }
    }
  }
  sb_clamp_s8(output, w->output_h * w->output_w * layer->output_channels, layer->low, layer->high);
}
