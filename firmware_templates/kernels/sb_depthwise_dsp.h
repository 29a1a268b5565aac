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
 * Where rows of outputs are two rows of the image apart, there are only even ones, n = (k + 1) / 2, and each row pair
 * is the first of one. With other strides, with rows left out between those of a window, and for a single column each
 * row of outputs has its row pairs written anew.
 *
 * Values are widened times 2^8, to the upper bytes of their halves: two channels of two rows by four instructions.
 */
#ifndef SB_DEPTHWISE_DSP_H
#define SB_DEPTHWISE_DSP_H

#include "sb_dsp.h"
#include "sb_window.h"

/* The row pairs of some channels, `lanes`, in turn, and where they come from. */
typedef struct {
  uint32_t *words;
  int32_t lane_step;           /* words from one lane to the next */
  int32_t lanes;               /* 4: adjacent channels of the input; or 1 */
  int32_t slots;               /* n */
  int32_t left, inside, right; /* columns of border, image, border */
  int32_t top, rows;           /* rows of border above, rows of the image */
  int32_t row_step, step;      /* bytes from row to row, from pixel to pixel */
  uint32_t border;             /* its value, four times */
} sb_planes;

/* Writes rows y and y + apart of the lanes whose first channel is at `input` as row pair `pair`. The border counts:
   row 0 is its first. */
void sb_widen_rows_s8_dsp(const sb_planes *planes, const int8_t *input, int32_t pair, int32_t y, int32_t apart);

/* One or two rows of outputs of adjacent channels. */
typedef struct {
  const sb_turned_conv_layer *layer;
  int32_t channel, channels; /* the first one, and how many */
  const uint32_t *words;     /* its first window */
  int32_t lane_step;         /* words from channel to channel */
  const uint32_t *weights;   /* as the kernel has prepared them */
  int8_t *output;
  int32_t step;              /* bytes from column to column of the outputs */
  int32_t second;            /* bytes from the first row of outputs to the second; 0: there is none */
} sb_depthwise_rows;

/* Whether two rows of outputs are computed at once: there is stride 1 and more than one column. */
static inline int sb_two_rows(const sb_window *w)
{
  return w->stride_h == 1 && w->dilation_h == 1 && w->stride_w == 1 && w->output_w > 1;
}

/* Row pairs that a window, or two of them, reach: n. */
static inline int32_t sb_row_pairs(const sb_window *w)
{
  return sb_two_rows(w) ? w->kernel_h / 2 + 1 : (w->kernel_h + 1) / 2;
}

/*
 * The whole layer. prepare: writes `size` words of weights of a channel; convolve: computes the rows.
 * scratch: the weights of the lanes, then the planes.
 *
 * `output` may be `input` where row pairs are not written anew, both have as many channels, the output has neither more
 * rows nor more columns, or if it is turned as many rows and no more columns, and the border above is lower than the
 * kernel: a row of outputs is written when all rows of the image up to the one of the same number are in the planes,
 * and lies at or before that one, or if it is turned in its very place. The other channels' bytes stay as they are.
 */
SB_INLINE void sb_depthwise_dsp(const sb_turned_conv_layer *layer, const int8_t *input, int8_t *output,
                                uint32_t *scratch, int32_t size,
                                void (*prepare)(const sb_turned_conv_layer *layer, int32_t channel, uint32_t *weights),
                                void (*convolve)(const sb_depthwise_rows *rows))
{
  const sb_window *const w = &layer->window;
  const int32_t channels = layer->output_channels;
  const int32_t multiplier = channels / layer->input_channels;
  const int32_t rows_at_once = sb_two_rows(w) ? 2 : 1;
  const int shared = rows_at_once == 2 || (w->stride_h == 2 && w->dilation_h == 1); /* row pairs serve several rows */
  const int32_t step = layer->turned ? channels * w->output_h : channels;
  const int32_t row = layer->turned ? channels : channels * w->output_w;
  const int32_t passes = (w->output_h + rows_at_once - 1) / rows_at_once;
  const int32_t slots = sb_row_pairs(w);
  const int32_t lanes = multiplier == 1 && channels >= 4 ? 4 : 1;
  const int32_t reach = sb_reach_w(w);
  const int32_t left = sb_clamp(w->pad_left, 0, reach), inside = sb_clamp(reach - left, 0, w->input_w);
  const sb_planes planes = {.words = scratch + lanes * size,
                            .lane_step = slots * reach + passes - 1,
                            .lanes = lanes,
                            .slots = slots,
                            .left = left,
                            .inside = inside,
                            .right = reach - left - inside,
                            .top = w->pad_top,
                            .rows = w->input_h,
                            .row_step = layer->turned ? layer->input_channels : layer->input_channels * w->input_w,
                            .step = layer->turned ? layer->input_channels * w->input_h : layer->input_channels,
                            .border = sb_four_of(layer->input_zero_point)};
  for (int32_t c = 0; c < channels;) {
    const int32_t first = c + lanes <= channels ? c : channels - lanes;
    const int8_t *const from = input + first / multiplier;
    for (int32_t lane = c - first; lane < lanes; lane++) {
      prepare(layer, first + lane, scratch + lane * size);
    }
    int32_t ready = 0; /* row pairs that are written */
    for (int32_t pass = 0; pass < passes; pass++) {
      if (shared) {
        for (; ready < pass + slots; ready++) {
          sb_widen_rows_s8_dsp(&planes, from, ready, 2 * ready, 1);
        }
      } else {
        for (int32_t pair = 0; pair < slots; pair++) {
          const int32_t y = pass * w->stride_h + 2 * pair * w->dilation_h;
          sb_widen_rows_s8_dsp(&planes, from, pass + pair, y, w->dilation_h);
        }
      }
      const int32_t y = pass * rows_at_once, skipped = c - first;
      const sb_depthwise_rows rows = {.layer = layer,
                                      .channel = c,
                                      .channels = lanes - skipped,
                                      .words = planes.words + skipped * planes.lane_step + pass,
                                      .lane_step = planes.lane_step,
                                      .weights = scratch + skipped * size,
                                      .output = output + y * row + c,
                                      .step = step,
                                      .second = y + 1 < w->output_h && rows_at_once == 2 ? row : 0};
      convolve(&rows);
    }
    c = first + lanes;
  }
  sb_clamp_s8(output, w->output_h * w->output_w * channels, layer->low, layer->high);
}

#endif /* SB_DEPTHWISE_DSP_H */
