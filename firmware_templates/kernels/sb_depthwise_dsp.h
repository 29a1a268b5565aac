/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the `_dsp` depthwise convolutions share: four channels at a time, two rows of outputs at a time, and of the
 * image no more in memory than the rows that these reach.
 *
 * Two rows of one channel, border included, are a row of pairs of int16, one above the other; row pair q holds rows
 * 2 q and 2 q + 1. A kernel of k rows and two rows of outputs reach n = k / 2 + 1 row pairs. They lie skewed in one
 * piece, column x of row pair q at word n * x + q:
 *
 *     n = 2:      word  0    1    2    3    4    5
 *                       q0   q1   q0   q1   q0   q1            then q2 takes the place of q0 one column later:
 *                       x0   x0   x1   x1   x2   x2
 *                            q1   q2   q1   q2   q1   q2
 *                            x0   x0   x1   x1   x2   x2
 *
 * So all that a window of k columns sees are n * k words without a gap, whatever the row, and nothing is ever moved:
 * SMLAD takes two products of a word. A channel's weights are pairs as well, for the first row of outputs and for the
 * second, whose window begins in the middle of a pair:
 *
 *     pairs of rows   (r0 r1) (r2 r3)       even: (w0 w1) (w2 0)       odd: (0 w0) (w1 w2)
 *
 * Where rows of outputs are two rows of the image apart, each row pair is the beginning of one, an even one.
 *
 * Values are widened times 2^8, to the upper bytes of their halves: two channels of two rows by four instructions.
 */
#ifndef SB_DEPTHWISE_DSP_H
#define SB_DEPTHWISE_DSP_H

#include "sb_dsp.h"
#include "sb_window.h"

/* The row pairs of some channels, `lanes`, in turn. */
typedef struct {
  uint32_t *words;
  int32_t lane_step; /* words from one lane to the next */
  int32_t lanes;     /* 4: adjacent channels of the input; or 1 */
  int32_t slots;     /* n */
} sb_planes;

/* Writes row pair `pair` of the lanes whose first channel is at `input`. */
void sb_widen_rows_s8_dsp(const sb_conv_layer *layer, const sb_planes *planes, const int8_t *input, int32_t pair);

/* One or two rows of outputs of one channel. */
typedef struct {
  const sb_conv_layer *layer;
  int32_t channel;
  const uint32_t *words;   /* the first window */
  const uint32_t *weights; /* as the kernel has prepared them */
  int8_t *output;          /* pixels are layer->output_channels bytes apart */
  int32_t second;          /* bytes from the first row of outputs to the second; 0: there is none */
} sb_depthwise_rows;

/* Row pairs that a window and the one below it reach. */
static inline int32_t sb_row_pairs(const sb_window *w)
{
  return w->kernel_h / 2 + 1;
}

/*
 * The whole layer. prepare: writes `size` words of weights of a channel; convolve: computes the rows.
 * scratch: the weights of the lanes, then the planes.
 *
 * `output` may be `input` where both have as many channels, the output has neither more rows nor more columns, and the
 * border above is lower than the kernel: a row of outputs is written when all rows of the image up to the one of the
 * same number are in the planes, and lies at or before that one. The other channels' bytes stay as they are.
 */
SB_INLINE void sb_depthwise_dsp(const sb_conv_layer *layer, const int8_t *input, int8_t *output, uint32_t *scratch,
                                int32_t size,
                                void (*prepare)(const sb_conv_layer *layer, int32_t channel, uint32_t *weights),
                                void (*convolve)(const sb_depthwise_rows *rows))
{
  const sb_window *const w = &layer->window;
  const int32_t channels = layer->output_channels;
  const int32_t multiplier = channels / layer->input_channels;
  const int32_t rows_at_once = w->stride_h == 1 ? 2 : 1;
  const int32_t row = w->output_w * channels;
  const int32_t passes = (w->output_h + rows_at_once - 1) / rows_at_once;
  const int32_t slots = sb_row_pairs(w);
  const int32_t lanes = multiplier == 1 && channels >= 4 ? 4 : 1;
  const sb_planes planes = {scratch + lanes * size, slots * (sb_reach_w(w) - 1) + passes + slots - 1, lanes, slots};
  for (int32_t c = 0; c < channels;) {
    const int32_t first = c + lanes <= channels ? c : channels - lanes;
    const int8_t *const from = input + first / multiplier;
    for (int32_t lane = c - first; lane < lanes; lane++) {
      prepare(layer, first + lane, scratch + lane * size);
    }
    for (int32_t pair = 0; pair < slots - 1; pair++) {
      sb_widen_rows_s8_dsp(layer, &planes, from, pair);
    }
    for (int32_t pass = 0; pass < passes; pass++) {
      sb_widen_rows_s8_dsp(layer, &planes, from, pass + slots - 1);
      const int32_t y = pass * rows_at_once;
      sb_depthwise_rows rows = {.layer = layer, .second = y + 1 < w->output_h && rows_at_once == 2 ? row : 0};
      for (int32_t lane = c - first; lane < lanes; lane++) {
        rows.channel = first + lane;
        rows.words = planes.words + lane * planes.lane_step + pass;
        rows.weights = scratch + lane * size;
        rows.output = output + y * row + first + lane;
        convolve(&rows);
      }
    }
    c = first + lanes;
  }
  sb_clamp_s8(output, w->output_h * row, layer->low, layer->high);
}

#endif /* SB_DEPTHWISE_DSP_H */
