/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DepthwiseConv2D with a 3x3 kernel without dilation, stride 1 or 2 along H, any along W, whose outputs end at the zero
 * point, with SIMD instructions: sb_depthwise_dsp.h, with all weights of a channel in registers. w01 and w12 are the
 * pairs of a column of weights; of a column (r0 r1) (r2 r3) of the image
 *
 *     even row of outputs   r0 w0 + r1 w1   SMLAD        odd row   r1 w0           SMLATB
 *                           r2 w2           SMLABT                 r2 w1 + r3 w2   SMLAD
 *
 * From sum to output each channel has a straight line, whose start holds the bias: two instructions an output.
 *
 * weights: [output_channels][3][3]. shifts: the weights are shifted left by these when they are widened.
 */
#include "sb_depthwise_dsp.h"

/* Pairs of the three columns in turn. */
enum { W01, W12, COLUMN };

static void widen_weights(const sb_conv_layer *layer, int32_t channel, uint32_t *to)
{
  const int8_t *w = layer->weights + 9 * channel;
  const int32_t times = 1 << layer->shifts[channel];
  for (const int8_t *const end = w + 3; w < end; w++) {
    *to++ = sb_pair(w[0] * times, w[3] * times);
    *to++ = sb_pair(w[3] * times, w[6] * times);
  }
}

SB_INLINE int8_t output_of(int32_t sum, sb_line line)
{
  return (int8_t)sb_ssat8_line(sb_smmla(sum, line.slope, line.start));
}

static void convolve(const sb_depthwise_rows *rows)
{
  const sb_conv_layer *const layer = rows->layer;
  const sb_line line = layer->lines[rows->channel];
  const uint32_t *x = rows->words;
  const uint32_t a0 = rows->weights[0], b0 = rows->weights[1], a1 = rows->weights[2];
  const uint32_t b1 = rows->weights[3], a2 = rows->weights[4], b2 = rows->weights[5];
  const int32_t step = layer->output_channels;
  const int32_t second = rows->second;
  int8_t *output = rows->output;
  int32_t left = layer->window.output_w;
  uint32_t r01, r23;
  if (second == 0) {
    const int32_t to_next = 2 * layer->window.stride_w;
    for (; left > 0; left--) {
      sb_load_two(x, &r01, &r23);
      int32_t even = sb_smlabt(r23, b0, sb_smuad(r01, a0));
      sb_load_two(x + 2, &r01, &r23);
      even = sb_smlabt(r23, b1, sb_smlad(r01, a1, even));
      sb_load_two(x + 4, &r01, &r23);
      even = sb_smlabt(r23, b2, sb_smlad(r01, a2, even));
      *output = output_of(even, line);
      output += step;
      x += to_next;
    }
    return;
  }
  if (layer->window.stride_w == 1) {
    for (; left >= 2; left -= 2) {
      sb_load_two(x, &r01, &r23);
      int32_t even = sb_smuad(r01, a0);
      int32_t odd = sb_smultb(r01, a0);
      even = sb_smlabt(r23, b0, even);
      odd = sb_smlad(r23, b0, odd);
      sb_load_two(x + 2, &r01, &r23);
      int32_t next_even = sb_smuad(r01, a0);
      int32_t next_odd = sb_smultb(r01, a0);
      even = sb_smlad(r01, a1, even);
      odd = sb_smlatb(r01, a1, odd);
      even = sb_smlabt(r23, b1, even);
      odd = sb_smlad(r23, b1, odd);
      next_even = sb_smlabt(r23, b0, next_even);
      next_odd = sb_smlad(r23, b0, next_odd);
      sb_load_two(x + 4, &r01, &r23);
      even = sb_smlad(r01, a2, even);
      odd = sb_smlatb(r01, a2, odd);
      next_even = sb_smlad(r01, a1, next_even);
      next_odd = sb_smlatb(r01, a1, next_odd);
      even = sb_smlabt(r23, b2, even);
      odd = sb_smlad(r23, b2, odd);
      next_even = sb_smlabt(r23, b1, next_even);
      next_odd = sb_smlad(r23, b1, next_odd);
      sb_load_two(x + 6, &r01, &r23);
      next_even = sb_smlad(r01, a2, next_even);
      next_odd = sb_smlatb(r01, a2, next_odd);
      next_even = sb_smlabt(r23, b2, next_even);
      next_odd = sb_smlad(r23, b2, next_odd);
      x += 4;
      output[0] = output_of(even, line);
      output[step] = output_of(next_even, line);
      int8_t *const below = output + second;
      below[0] = output_of(odd, line);
      below[step] = output_of(next_odd, line);
      output += 2 * step;
    }
  }
  const int32_t to_next = 2 * layer->window.stride_w;
  for (; left > 0; left--) {
    sb_load_two(x, &r01, &r23);
    int32_t even = sb_smlabt(r23, b0, sb_smuad(r01, a0));
    int32_t odd = sb_smlad(r23, b0, sb_smultb(r01, a0));
    sb_load_two(x + 2, &r01, &r23);
    even = sb_smlabt(r23, b1, sb_smlad(r01, a1, even));
    odd = sb_smlad(r23, b1, sb_smlatb(r01, a1, odd));
    sb_load_two(x + 4, &r01, &r23);
    even = sb_smlabt(r23, b2, sb_smlad(r01, a2, even));
    odd = sb_smlad(r23, b2, sb_smlatb(r01, a2, odd));
    output[0] = output_of(even, line);
    output[second] = output_of(odd, line);
    output += step;
    x += to_next;
  }
}

void sb_depthwise_conv2d_3x3_relu_s8_dsp(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  sb_depthwise_dsp(layer, input, output, scratch, 6, widen_weights, convolve);
}
