/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DepthwiseConv2D with SIMD instructions, any kernel, stride, dilation, padding and channel multiplier: see
 * sb_depthwise_dsp.h. Two columns of one or two rows of outputs at a time.
 *
 * weights: [output_channels][kernel_h][kernel_w]; as pairs they are in the order of the words that they meet, for each
 * column of the kernel its row pairs, an even pair and an odd one of each.
 */
#include "sb_depthwise_dsp.h"

/* Of one channel. */
static inline int32_t weight_words(const sb_window *w)
{
  return 2 * sb_row_pairs(w) * w->kernel_w;
}

static void widen_weights(const sb_turned_conv_layer *layer, int32_t channel, uint32_t *to)
{
  const sb_window *const w = &layer->window;
  const int32_t rows = w->kernel_h, columns = w->kernel_w;
  const int8_t *const weights = layer->weights + channel * rows * columns;
  const int32_t pairs = sb_row_pairs(w);
  for (int32_t x = 0; x < columns; x++) {
    int32_t above = 0;
    for (int32_t y = 0; y < 2 * pairs; y += 2) {
      const int32_t first = y < rows ? weights[y * columns + x] : 0;
      const int32_t second = y + 1 < rows ? weights[(y + 1) * columns + x] : 0;
      *to++ = sb_pair(first, second);
      *to++ = sb_pair(above, first);
      above = second;
    }
  }
}

/* Sums of two columns, x and other, of an even row of outputs and the odd one below it. */
typedef struct {
  int32_t even, odd, other_even, other_odd;
} sums;

/* Adds the products of one word of each column; without odd rows their sums are left as they are. */
SB_INLINE void add_word(sums *s, const uint32_t *x, const uint32_t *other, const uint32_t *weights, int two_rows)
{
  s->even = sb_smlad(*x, weights[0], s->even);
  s->other_even = sb_smlad(*other, weights[0], s->other_even);
  if (two_rows) {
    s->odd = sb_smlad(*x, weights[1], s->odd);
    s->other_odd = sb_smlad(*other, weights[1], s->other_odd);
  }
}

/* Adds all products. */
SB_INLINE void add_window(sums *s, const sb_window *w, const uint32_t *weights, const uint32_t *x, const uint32_t *other,
                          int two_rows)
{
  const int32_t pairs = sb_row_pairs(w);
  const int32_t gap = (w->dilation_w - 1) * pairs;
  const int32_t runs = gap == 0 ? 1 : w->kernel_w;
  const int32_t run = gap == 0 ? w->kernel_w * pairs : pairs; /* words without a gap */
  for (int32_t i = 0; i < runs; i++) {
    if (run & 1) {
      add_word(s, x++, other++, weights, two_rows);
      weights += 2;
    }
    for (int32_t left = run >> 1; left > 0; left--) {
      add_word(s, x, other, weights, two_rows);
      add_word(s, x + 1, other + 1, weights + 2, two_rows);
      x += 2;
      other += 2;
      weights += 4;
    }
    x += gap;
    other += gap;
  }
}

static void convolve_channel(const sb_depthwise_rows *rows, int32_t i)
{
  const sb_turned_conv_layer *const layer = rows->layer;
  const sb_window *const w = &layer->window;
  const sb_channel channel = layer->channels[rows->channel + i];
  const int32_t right = -1 - layer->shifts[rows->channel + i];
  const int32_t twice = 2 * layer->output_zero_point + 1;
  const int32_t bias = sb_wrapping_shift_left(channel.bias, 8);
  const int32_t second = rows->second, to_next = w->stride_w * sb_row_pairs(w);
  const uint32_t *const weights = rows->weights + i * weight_words(w);
  const uint32_t *x = rows->words + i * rows->lane_step;
  int8_t *output = rows->output + i;
  for (int32_t left = w->output_w; left > 0; left -= 2) {
    const int32_t ahead = left > 1; /* a single last column is computed twice */
    const uint32_t *const other = x + ahead * to_next;
    int8_t *const other_output = output + ahead * rows->step;
    sums s = {bias, bias, bias, bias};
    if (second != 0) {
      add_window(&s, w, weights, x, other, 1);
      output[second] = sb_output_of_doubled(s.odd >> 7, channel.multiplier, right, twice);
      other_output[second] = sb_output_of_doubled(s.other_odd >> 7, channel.multiplier, right, twice);
    } else {
      add_window(&s, w, weights, x, other, 0);
    }
    *output = sb_output_of_doubled(s.even >> 7, channel.multiplier, right, twice);
    *other_output = sb_output_of_doubled(s.other_even >> 7, channel.multiplier, right, twice);
    x += 2 * to_next;
    output += 2 * rows->step;
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
