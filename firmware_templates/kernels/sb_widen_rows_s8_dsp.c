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

/* A row of the image, or a word of the border, which does not move. */
typedef struct {
  const int8_t *at;
  int32_t step;
} source;

SB_INLINE source row_of(const sb_planes *planes, const int8_t *input, int32_t y)
{
  const source inside = {input + y * planes->row_step, planes->step};
  const source outside = {(const int8_t *)&planes->border, 0};
  return y >= 0 && y < planes->rows ? inside : outside;
}

/* `count` columns of border of four lanes, or of one where `lane` is 0; gives the address behind them. */
SB_INLINE uint32_t *fill(const sb_planes *planes, int32_t count, uint32_t *to, int32_t lane)
{
  const uint32_t both = planes->border & UPPER_BYTES;
  for (; count > 0; count--) {
    to[0] = both;
    to[lane] = both;
    to[2 * lane] = both;
    to[3 * lane] = both;
    to += planes->slots;
  }
  return to;
}

static void widen_four(const sb_planes *planes, source a, source b, uint32_t *to)
{
  const uint32_t upper_bytes = sb_in_register(UPPER_BYTES);
  const int32_t lane = planes->lane_step, slots = planes->slots;
  to = fill(planes, planes->left, to, lane);
  for (int32_t left = planes->inside; left > 0; left--) {
    const uint32_t upper = sb_load(a.at), lower = sb_load(b.at);
    const uint32_t low = sb_low_halves(upper, lower), high = sb_high_halves(upper, lower);
    a.at += a.step;
    b.at += b.step;
    to[0] = low << 8 & upper_bytes;
    to[lane] = low & upper_bytes;
    to[2 * lane] = high << 8 & upper_bytes;
    to[3 * lane] = high & upper_bytes;
    to += slots;
  }
  fill(planes, planes->right, to, lane);
}

static void widen_one(const sb_planes *planes, source a, source b, uint32_t *to)
{
  to = fill(planes, planes->left, to, 0);
  for (int32_t left = planes->inside; left > 0; left--) {
    *to = sb_pair(*a.at * 256, *b.at * 256);
    a.at += a.step;
    b.at += b.step;
    to += planes->slots;
  }
  fill(planes, planes->right, to, 0);
}

void sb_widen_rows_s8_dsp(const sb_planes *planes, const int8_t *input, int32_t pair, int32_t y, int32_t apart)
{
  const source upper = row_of(planes, input, y - planes->top);
  const source lower = row_of(planes, input, y + apart - planes->top);
  uint32_t *const to = planes->words + pair;
  if (planes->lanes == 4) {
    widen_four(planes, upper, lower, to);
  } else {
    widen_one(planes, upper, lower, to);
  }
}
