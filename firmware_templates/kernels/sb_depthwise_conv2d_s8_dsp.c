/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DepthwiseConv2D with SIMD instructions, any kernel, stride, dilation, padding and channel multiplier: see
 * sb_depthwise_dsp.h. Two columns of one or two rows of outputs at a time.
 *
 * weights: [output_channels][kernel_h][kernel_w]; as pairs they are in the order of the words that they meet: for each
 * column of the kernel its row pairs, and where there are two rows of outputs for each of these an even pair and an odd
 * one.
 */
#include "sb_depthwise_dsp.h"

/* Of one channel. */
static inline int32_t weight_words(const sb_window *w)
{
  return (sb_two_rows(w) ? 2 : 1) * sb_row_pairs(w) * w->kernel_w;
}

static void widen_weights(const sb_turned_conv_layer *layer, int32_t channel, uint32_t *to)
{
  const sb_window *const w = &layer->window;
  const int32_t rows = w->kernel_h, columns = w->kernel_w, pairs = sb_row_pairs(w);
  const int two_rows = sb_two_rows(w);
  const int32_t raised = sb_raised(layer, channel);
  const int8_t *top = layer->weights + channel * rows * columns;
  for (const int8_t *const end = top + columns; top < end; top++) {
    const int8_t *weight = top;
    uint32_t above = 0;
    int32_t left = rows;
    for (int32_t pair = pairs; pair > 0; pair--) {
      const uint32_t first = left > 0 ? (uint32_t)*weight << raised : 0;
      const uint32_t second = left > 1 ? (uint32_t)weight[columns] << raised : 0;
      *to++ = sb_low_halves(first, second);
      if (two_rows) {
        *to++ = sb_low_halves(above, first);
        above = second;
      }
      left -= 2;
      weight += 2 * columns;
    }
  }
}

/* What a window sees of the planes: `runs` times `run` words, with `gap` words between. */
typedef struct {
  int32_t runs, run, gap;
} shape;

/* Sums of two columns of an even row of outputs and of the odd one below it. */
typedef struct {
  int32_t even, other_even, odd, other_odd;
} sums;

static SB_APART void add_two_rows(sums *to, const shape *seen, const uint32_t *x, const uint32_t *other,
                                  const uint32_t *weights)
{
  sums s = *to;
  uint32_t x0, x1, y0, y1, even, odd;
  for (int32_t runs = seen->runs; runs > 0; runs--) {
    if (seen->run & 1) {
      weights = sb_take_words(weights, &even, &odd);
      x0 = *x++, y0 = *other++;
      s.even = sb_smlad(x0, even, s.even);
      s.other_even = sb_smlad(y0, even, s.other_even);
      s.odd = sb_smlad(x0, odd, s.odd);
      s.other_odd = sb_smlad(y0, odd, s.other_odd);
    }
    for (const uint32_t *const end = x + (seen->run & ~1); x != end;) {
      x = sb_take_words(x, &x0, &x1);
      other = sb_take_words(other, &y0, &y1);
      weights = sb_take_words(weights, &even, &odd);
      s.even = sb_smlad(x0, even, s.even);
      s.other_even = sb_smlad(y0, even, s.other_even);
      s.odd = sb_smlad(x0, odd, s.odd);
      s.other_odd = sb_smlad(y0, odd, s.other_odd);
      weights = sb_take_words(weights, &even, &odd);
      s.even = sb_smlad(x1, even, s.even);
      s.other_even = sb_smlad(y1, even, s.other_even);
      s.odd = sb_smlad(x1, odd, s.odd);
      s.other_odd = sb_smlad(y1, odd, s.other_odd);
    }
    x += seen->gap;
    other += seen->gap;
  }
  *to = s;
}

static SB_APART void add_one_row(sums *to, const shape *seen, const uint32_t *x, const uint32_t *other,
                                 const uint32_t *weights)
{
  int32_t sum = to->even, other_sum = to->other_even;
  for (int32_t runs = seen->runs; runs > 0; runs--) {
    uint32_t x0, x1, y0, y1, w0, w1;
    if (seen->run & 1) {
      w0 = *weights++;
      sum = sb_smlad(*x++, w0, sum);
      other_sum = sb_smlad(*other++, w0, other_sum);
    }
    for (const uint32_t *const end = x + (seen->run & ~1); x != end;) {
      x = sb_take_words(x, &x0, &x1);
      other = sb_take_words(other, &y0, &y1);
      weights = sb_take_words(weights, &w0, &w1);
      sum = sb_smlad(x1, w1, sb_smlad(x0, w0, sum));
      other_sum = sb_smlad(y1, w1, sb_smlad(y0, w0, other_sum));
    }
    x += seen->gap;
    other += seen->gap;
  }
  to->even = sum;
  to->other_even = other_sum;
}

static SB_APART void convolve_channel(const sb_depthwise_rows *rows, int32_t i)
{
  const sb_turned_conv_layer *const layer = rows->layer;
  const sb_window *const w = &layer->window;
  const sb_channel channel = layer->channels[rows->channel + i];
  const int32_t right = sb_right(layer, rows->channel + i);
  const int32_t twice = 2 * layer->output_zero_point + 1;
  const int32_t bias = sb_wrapping_shift_left(channel.bias, 8);
  const int two_rows = sb_two_rows(w);
  const int32_t pairs = sb_row_pairs(w), to_next = w->stride_w * pairs, step = rows->step, second = rows->second;
  const shape close = {1, w->kernel_w * pairs, 0}, apart = {w->kernel_w, pairs, (w->dilation_w - 1) * pairs};
  const shape *const seen = w->dilation_w == 1 ? &close : &apart;
  const uint32_t *const weights = rows->weights + i * weight_words(w);
  const uint32_t *x = rows->words + i * rows->lane_step;
  int8_t *output = rows->output + i;
  for (int32_t left = w->output_w; left > 0; left -= 2) {
    const uint32_t *other = x; /* a single last column is computed twice */
    int8_t *other_output = output;
    if (left > 1) {
      other += to_next;
      other_output += step;
    }
    sums s = {bias, bias, bias, bias};
    if (two_rows) {
      add_two_rows(&s, seen, x, other, weights);
      other_output[second] = sb_output_of_doubled(s.other_odd >> 7, channel.multiplier, right, twice);
      output[second] = sb_output_of_doubled(s.odd >> 7, channel.multiplier, right, twice);
    } else {
      add_one_row(&s, seen, x, other, weights);
    }
    *other_output = sb_output_of_doubled(s.other_even >> 7, channel.multiplier, right, twice);
    *output = sb_output_of_doubled(s.even >> 7, channel.multiplier, right, twice);
    x += 2 * to_next;
    output += 2 * step;
  }
}

static void convolve(const sb_depthwise_rows *rows)
{
  for (int32_t i = 0; i < rows->channels; i++) {
    convolve_channel(rows, i);
  }
}

void sb_depthwise_conv2d_s8_dsp(const sb_turned_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  sb_depthwise_dsp(layer, input, output, scratch, weight_words(&layer->window), widen_weights, convolve);
}
