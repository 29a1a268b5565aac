/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DepthwiseConv2D with a 3x3 kernel, stride 1 or 2 along W, no dilation, with SIMD instructions: as
 * sb_depthwise_conv2d_s8_dsp.c, with all weights of a channel in registers.
 *
 * Each row of weights is one pair (w0 w1) and a single w2. The output at an even column and the odd one after it:
 *
 *     (x0 x1)(x2 x3)   even: x0 w0 + x1 w1   SMLAD          odd: x1 w0   SMLATB
 *                            x2 w2           SMLABB              x2 w1   SMLABT
 *                                                                x3 w2   SMLATB
 *
 * weights: [output_channels][3][3]. scratch: the plane.
 */
#include "sb_plane_dsp.h"
#include "sb_two_pixels_dsp.h"

/* Three rows of weights: (w0, w1) and (w2, 0) of each. */
typedef struct {
  uint32_t top, top_last, middle, middle_last, bottom, bottom_last;
} kernel;

static inline kernel widen_weights(const int8_t *w)
{
  const kernel k = {sb_pair(w[0], w[1]), sb_pair(w[2], 0),    sb_pair(w[3], w[4]),
                    sb_pair(w[5], 0),    sb_pair(w[6], w[7]), sb_pair(w[8], 0)};
  return k;
}

SB_INLINE void add_row(const int16_t *x, uint32_t weights, uint32_t last, int32_t *even, int32_t *odd)
{
  const uint32_t x01 = sb_load(x), x23 = sb_load(x + 2);
  *even = sb_smlad(x01, weights, *even);
  *odd = sb_smlatb(x01, weights, *odd);
  *even = sb_smlabb(x23, last, *even);
  *odd = sb_smlabt(x23, weights, *odd);
  *odd = sb_smlatb(x23, last, *odd);
}

SB_INLINE int32_t add_even_row(const int16_t *x, uint32_t weights, uint32_t last, int32_t sum)
{
  return sb_smlabb(sb_load(x + 2), last, sb_smlad(sb_load(x), weights, sum));
}

void sb_depthwise_conv2d_3x3_s8_dsp(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  const sb_window *const w = &layer->window;
  const int32_t step = layer->output_channels;
  const int32_t multiplier = layer->output_channels / layer->input_channels;
  const int32_t twice = 2 * layer->output_zero_point + 1;
  const int32_t pitch = sb_plane_pitch(w);
  int16_t *const plane = scratch;
  sb_clear_plane(layer, plane);
  for (int32_t c = 0; c < layer->output_channels; c++) {
    if (c % multiplier == 0) {
      sb_copy_channel(layer, input + c / multiplier, plane);
    }
    const kernel k = widen_weights(layer->weights + 9 * c);
    const sb_channel channel = layer->channels[c];
    const int32_t right = -1 - layer->shifts[c];
    int8_t *result = output + c;
    for (int32_t y = 0; y < w->output_h; y++) {
      const int16_t *x = plane + y * w->stride_h * pitch;
      for (int32_t left = w->output_w; left > 0; x += 2) {
        int32_t even = channel.bias, odd = channel.bias;
        if (w->stride_w == 1) {
          add_row(x, k.top, k.top_last, &even, &odd);
          add_row(x + pitch, k.middle, k.middle_last, &even, &odd);
          add_row(x + 2 * pitch, k.bottom, k.bottom_last, &even, &odd);
        } else {
          even = add_even_row(x, k.top, k.top_last, even);
          even = add_even_row(x + pitch, k.middle, k.middle_last, even);
          even = add_even_row(x + 2 * pitch, k.bottom, k.bottom_last, even);
        }
        *result = sb_output_dsp(even, channel.multiplier, right, twice);
        result += step;
        left--;
        if (w->stride_w == 1 && left > 0) {
          *result = sb_output_dsp(odd, channel.multiplier, right, twice);
          result += step;
          left--;
        }
      }
    }
  }
  sb_clamp_s8(output, w->output_h * w->output_w * layer->output_channels, layer->low, layer->high);
}
