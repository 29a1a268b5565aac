/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row pair of the planes of sb_depthwise_dsp.h: two rows of the image, or of its border, of four channels or one.
 *
 *     upper row  a0 a1 a2 a3      PKHBT  a0 a1 b0 b1      AND       (.. a1 .. b1)      lane 1: (256 a1, 256 b1)
 *     lower row  b0 b1 b2 b3                              LSL, AND  (.. a0 .. b0)      lane 0
 *                                 PKHTB  a2 a3 b2 b3                                   lanes 2 and 3
 */
#include "sb_depthwise_dsp.h"

#define UPPER_BYTES 0xff00ff00u

/* Where a row of the image is, or a word of its border, which does not move. */
typedef struct {
  const int8_t *at;
  int32_t step;
} source;

static source row_of(const sb_conv_layer *layer, const int8_t *input, int32_t y, const uint32_t *border)
{
  const sb_window *const w = &layer->window;
  const int32_t step = layer->input_channels;
  const source inside = {input + y * w->input_w * step, step};
  const source outside = {(const int8_t *)border, 0};
  return y >= 0 && y < w->input_h ? inside : outside;
}

/* `count` columns of four lanes; gives the address behind them. */
static uint32_t *widen_four(source a, source b, int32_t count, uint32_t *to, const sb_planes *planes)
{
  const int32_t lane = planes->lane_step, slots = planes->slots;
  for (; count > 0; count--) {
    const uint32_t upper = sb_load(a.at), lower = sb_load(b.at);
    const uint32_t low = sb_low_halves(upper, lower), high = sb_high_halves(upper, lower);
    a.at += a.step;
    b.at += b.step;
    to[0] = low << 8 & UPPER_BYTES;
    to[lane] = low & UPPER_BYTES;
    to[2 * lane] = high << 8 & UPPER_BYTES;
    to[3 * lane] = high & UPPER_BYTES;
    to += slots;
  }
  return to;
}

static uint32_t *widen_one(source a, source b, int32_t count, uint32_t *to, const sb_planes *planes)
{
  for (; count > 0; count--) {
    *to = sb_pair(*a.at * 256, *b.at * 256);
    a.at += a.step;
    b.at += b.step;
    to += planes->slots;
  }
  return to;
}

void sb_widen_rows_s8_dsp(const sb_conv_layer *layer, const sb_planes *planes, const int8_t *input, int32_t pair)
{
  const sb_window *const w = &layer->window;
  const uint32_t border = sb_four_of(layer->input_zero_point);
  const source outside = {(const int8_t *)&border, 0};
  const source upper = row_of(layer, input, 2 * pair - w->pad_top, &border);
  const source lower = row_of(layer, input, 2 * pair + 1 - w->pad_top, &border);
  const int32_t reach = sb_reach_w(w);
  const int32_t left = sb_clamp(w->pad_left, 0, reach);
  const int32_t inside = sb_clamp(reach - left, 0, w->input_w);
  uint32_t *to = planes->words + pair;
  uint32_t *(*const widen)(source, source, int32_t, uint32_t *, const sb_planes *) =
      planes->lanes == 4 ? widen_four : widen_one;
  to = widen(outside, outside, left, to, planes);
  to = widen(upper, lower, inside, to, planes);
  widen(outside, outside, reach - left - inside, to, planes);
}
