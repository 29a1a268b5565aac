/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DepthwiseConv2D for cores without SIMD instructions, any kernel, stride, dilation, padding and channel multiplier.
 *
 * One input channel at a time is copied into a plane with its border, so `output` may be `input` for the reason given
 * in sb_depthwise_conv2d_s8.c. Four outputs that are neighbours in the plane are summed at once, so that each
 * weight is loaded for four products, and with stride 1 each value for up to three. Of a row that is no multiple of
 * four long, the last four overlap the four before. A layer may be `turned`: then the plane and the weights have H and
 * W exchanged, which the generator chooses for images that are higher than wide.
 *
 * Values in the plane are unsigned, stored byte + 128, as the smallest cores load those faster; the generator takes
 * 128 * the sum of the weights off the bias.
 *
 * weights: [output_channels][kernel_h][kernel_w].
 * scratch: sb_reach_h * sb_reach_w bytes, and three strides along W, which sums that nobody asks for may read.
 */
#include <string.h>

#include "sb_clamp.h"
#include "sb_scalar.h"
#include "sb_window.h"

/* Bytes between neighbours in the image along H and W of the plane. */
typedef struct {
  int32_t h, w;
} steps;

static steps steps_of(const sb_turned_conv_layer *layer, int32_t rows, int32_t columns, int32_t channels)
{
  return layer->turned ? (steps){channels, rows * channels} : (steps){columns * channels, channels};
}

/* The channel of the image that begins at `input`, into the inside of the plane. */
static void copy_channel(const sb_turned_conv_layer *layer, const int8_t *input, uint8_t *plane)
{
  const sb_window *const w = &layer->window;
  const int32_t pitch = sb_reach_w(w);
  const int32_t rows = sb_clamp(sb_reach_h(w) - w->pad_top, 0, w->input_h);
  const int32_t columns = sb_clamp(pitch - w->pad_left, 0, w->input_w);
  const steps step = steps_of(layer, w->input_h, w->input_w, layer->input_channels);
  plane += w->pad_top * pitch + w->pad_left;
  for (int32_t y = 0; y < rows; y++) {
    const int8_t *from = input;
    uint8_t *to = plane;
    for (const uint8_t *const end = to + columns; to < end; to++) {
      *to = (uint8_t)(*from ^ INT8_MIN);
      from += step.w;
    }
    input += step.h;
    plane += pitch;
  }
}

typedef struct {
  int32_t a, b, c, d;
} four_sums;

/* Three taps of a row, stride 1, no dilation: six values for twelve products. */
SB_INLINE void add_three_taps(four_sums *sum, const uint8_t *x, const int8_t *weights)
{
  const int32_t w0 = weights[0], w1 = weights[1], w2 = weights[2];
  int32_t value = x[0];
  sum->a += value * w0;
  value = x[1];
  sum->a += value * w1;
  sum->b += value * w0;
  value = x[2];
  sum->a += value * w2;
  sum->b += value * w1;
  sum->c += value * w0;
  value = x[3];
  sum->b += value * w2;
  sum->c += value * w1;
  sum->d += value * w0;
  value = x[4];
  sum->c += value * w2;
  sum->d += value * w1;
  value = x[5];
  sum->d += value * w2;
}

/* The outputs whose windows begin at x and the three behind it. */
SB_INLINE four_sums sums_at(const sb_window *w, const uint8_t *x, int32_t row_step, const int8_t *weights, int32_t bias)
{
  four_sums sum = {bias, bias, bias, bias};
  const int8_t *const end = weights + w->kernel_h * w->kernel_w;
  if (w->kernel_w == 3 && w->stride_w == 1 && w->dilation_w == 1) {
    for (; weights < end; weights += 3) {
      add_three_taps(&sum, x, weights);
      x += row_step;
    }
    return sum;
  }
  const int32_t stride = w->stride_w;
  while (weights < end) {
    const uint8_t *value = x;
    for (const int8_t *const row_end = weights + w->kernel_w; weights < row_end; weights++) {
      const int32_t weight = *weights;
      sum.a += value[0] * weight;
      sum.b += value[stride] * weight;
      sum.c += value[2 * stride] * weight;
      sum.d += value[3 * stride] * weight;
      value += w->dilation_w;
    }
    x += row_step;
  }
  return sum;
}

/* All outputs of one channel. */
static void convolve_plane(const sb_turned_conv_layer *layer, const uint8_t *plane, const int8_t *weights, int32_t c,
                           int8_t *output)
{
  const sb_window *const w = &layer->window;
  const int32_t pitch = sb_reach_w(w);
  const int32_t multiplier = layer->channels[c].multiplier;
  const int32_t right = -1 - layer->shifts[c];
  const int32_t twice = 2 * layer->output_zero_point + 1;
  const steps step = steps_of(layer, w->output_h, w->output_w, layer->output_channels);
  for (int32_t y = 0; y < w->output_h; y++) {
    for (int32_t next = 0; next < w->output_w; next += 4) {
      const int32_t x = w->output_w < 4 ? 0 : sb_clamp(next, 0, w->output_w - 4);
      const four_sums sum =
          sums_at(w, plane + x * w->stride_w, w->dilation_h * pitch, weights, layer->channels[c].bias);
      int8_t *result = output + x * step.w;
      *result = sb_output_scalar(sum.a, multiplier, right, twice);
      if (w->output_w > 1) {
        result += step.w;
        *result = sb_output_scalar(sum.b, multiplier, right, twice);
      }
      if (w->output_w > 2) {
        result += step.w;
        *result = sb_output_scalar(sum.c, multiplier, right, twice);
      }
      if (w->output_w > 3) {
        result += step.w;
        *result = sb_output_scalar(sum.d, multiplier, right, twice);
      }
    }
    output += step.h;
    plane += w->stride_h * pitch;
  }
}

void sb_depthwise_conv2d_s8_scalar(const sb_turned_conv_layer *layer, const int8_t *input, int8_t *output,
                                   void *scratch)
{
  const sb_window *const w = &layer->window;
  const int32_t multiplier = layer->output_channels / layer->input_channels;
  const int8_t *weights = layer->weights;
  uint8_t *const plane = scratch;
  memset(plane, layer->input_zero_point ^ INT8_MIN, (size_t)(sb_reach_h(w) * sb_reach_w(w) + 3 * w->stride_w));
  int32_t fresh = 0; /* outputs that the plane still serves */
  for (int32_t c = 0; c < layer->output_channels; c++) {
    if (fresh == 0) {
      copy_channel(layer, input++, plane);
      fresh = multiplier;
    }
    fresh--;
    convolve_plane(layer, plane, weights, c, output + c);
    weights += w->kernel_h * w->kernel_w;
  }
  sb_clamp_s8(output, w->output_h * w->output_w * layer->output_channels, layer->low, layer->high);
}
