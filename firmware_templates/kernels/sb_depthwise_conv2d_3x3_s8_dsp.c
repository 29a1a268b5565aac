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

/* The weights of a channel: (w0, w1) of each row, and the w2 of all rows. */
typedef struct {
  uint32_t top, middle, bottom, last_of_top_and_middle, last_of_bottom;
} kernel;

static inline kernel widen_weights(const int8_t *w)
{
  const kernel k = {sb_pair(w[0], w[1]), sb_pair(w[3], w[4]), sb_pair(w[6], w[7]), sb_pair(w[2], w[5]),
                    sb_pair(w[8], 0)};
  return k;
}

/* What turns a sum into an output byte. */
typedef struct {
  int32_t multiplier, right, twice;
} scale;

static inline int8_t scaled(int32_t sum, const scale *s)
{
  return sb_output_dsp(sum, s->multiplier, s->right, s->twice);
}

/* One row of outputs, two at a time, `step` bytes apart. */
static void convolve_row(const int16_t *x, int32_t pitch, const kernel *weights, int32_t bias, scale s, int8_t *output,
                         int32_t step, int32_t count)
{
  const kernel k = *weights;
  for (; count > 0; count -= 2) {
    uint32_t x01 = sb_load(x), x23 = sb_load(x + 2);
    int32_t even = sb_smlad(x01, k.top, bias);
    int32_t odd = sb_smlatb(x01, k.top, bias);
    even = sb_smlabb(x23, k.last_of_top_and_middle, even);
    odd = sb_smlabt(x23, k.top, odd);
    odd = sb_smlatb(x23, k.last_of_top_and_middle, odd);
    x01 = sb_load(x + pitch), x23 = sb_load(x + pitch + 2);
    even = sb_smlad(x01, k.middle, even);
    odd = sb_smlatb(x01, k.middle, odd);
    even = sb_smlabt(x23, k.last_of_top_and_middle, even);
    odd = sb_smlabt(x23, k.middle, odd);
    odd = sb_smlatt(x23, k.last_of_top_and_middle, odd);
    x01 = sb_load(x + 2 * pitch), x23 = sb_load(x + 2 * pitch + 2);
    even = sb_smlad(x01, k.bottom, even);
    odd = sb_smlatb(x01, k.bottom, odd);
    even = sb_smlabb(x23, k.last_of_bottom, even);
    odd = sb_smlabt(x23, k.bottom, odd);
    odd = sb_smlatb(x23, k.last_of_bottom, odd);
    *output = scaled(even, &s);
    output += step;
    if (count > 1) {
      *output = scaled(odd, &s);
    }
    output += step;
    x += 2;
  }
}

/* The same with stride 2: every output is at an even column. */
static void convolve_row_by_2(const int16_t *x, int32_t pitch, const kernel *weights, int32_t bias, scale s,
                              int8_t *output, int32_t step, int32_t count)
{
  const kernel k = *weights;
  for (; count > 0; count--) {
    int32_t sum = sb_smlad(sb_load(x), k.top, bias);
    sum = sb_smlabb(sb_load(x + 2), k.last_of_top_and_middle, sum);
    sum = sb_smlad(sb_load(x + pitch), k.middle, sum);
    sum = sb_smlabt(sb_load(x + pitch + 2), k.last_of_top_and_middle, sum);
    sum = sb_smlad(sb_load(x + 2 * pitch), k.bottom, sum);
    sum = sb_smlabb(sb_load(x + 2 * pitch + 2), k.last_of_bottom, sum);
    *output = scaled(sum, &s);
    output += step;
    x += 2;
  }
}

void sb_depthwise_conv2d_3x3_s8_dsp(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  const sb_window *const w = &layer->window;
  const int32_t step = layer->output_channels;
  const int32_t multiplier = layer->output_channels / layer->input_channels;
  const int32_t pitch = sb_plane_pitch(w);
  int16_t *const plane = scratch;
  sb_clear_plane(layer, plane);
  for (int32_t c = 0; c < layer->output_channels; c++) {
    if (c % multiplier == 0) {
      sb_copy_channel(layer, input + c / multiplier, plane);
    }
    const kernel k = widen_weights(layer->weights + 9 * c);
    const int32_t bias = layer->channels[c].bias;
    const scale s = {layer->channels[c].multiplier, -1 - layer->shifts[c], 2 * layer->output_zero_point + 1};
    const int16_t *row = plane;
    int8_t *result = output + c;
    for (int32_t y = 0; y < w->output_h; y++) {
      if (w->stride_w == 1) {
        convolve_row(row, pitch, &k, bias, s, result, step, w->output_w);
      } else {
        convolve_row_by_2(row, pitch, &k, bias, s, result, step, w->output_w);
      }
      row += w->stride_h * pitch;
      result += step * w->output_w;
    }
  }
  sb_clamp_s8(output, w->output_h * w->output_w * layer->output_channels, layer->low, layer->high);
}
