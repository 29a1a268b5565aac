/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window as one of three interleaved patches of int16, see sb_paired_dsp.h.
 */
#include "sb_paired_dsp.h"

/* Four bytes as this pixel's part of a quad. */
SB_INLINE void widen_quad(uint32_t bytes, int16_t *to)
{
  sb_store(to, sb_sxtb16(bytes));
  sb_store(to + SB_QUAD_OF_THREE / 2, sb_sxtb16_ror8(bytes));
}

/* The whole quads of one run. Gives the place of the next quad. */
SB_INLINE int16_t *widen_run(const int8_t *x, int32_t length, int16_t *to)
{
  if (length & 4) {
    widen_quad(sb_load(x), to);
    x += 4;
    to += SB_QUAD_OF_THREE;
  }
  for (const int8_t *const end = x + (length & ~7); x != end; x += 8) {
    widen_quad(sb_load(x), to);
    widen_quad(sb_load(x + 4), to + SB_QUAD_OF_THREE);
    to += 2 * SB_QUAD_OF_THREE;
  }
  return to;
}

/* What the runs leave over: `over` bytes of each, from a place behind its whole quads on. */
static void widen_left_over(const sb_runs *runs, const int8_t *from, int32_t over, int16_t *to)
{
  uint32_t bytes = 0;
  int32_t bits = 0;
  for (int32_t row = runs->rows; row > 0; row--) {
    const int8_t *run = from;
    for (int32_t i = runs->runs; i > 0; i--) {
      for (const int8_t *x = run; x != run + over; x++) {
        bytes |= (uint32_t)(uint8_t)*x << bits;
        bits += 8;
        if (bits == 32) {
          widen_quad(bytes, to);
          to += SB_QUAD_OF_THREE;
          bytes = 0;
          bits = 0;
        }
      }
      run += runs->run_step;
    }
    from += runs->row_step;
  }
  if (bits > 0) {
    widen_quad(bytes, to);
  }
}

void sb_widen_window_s8_dsp(const sb_runs *runs, const int8_t *from, int16_t *patch)
{
  const int32_t length = runs->length;
  const int8_t *row = from;
  for (int32_t i = runs->rows; i > 0; i--) {
    const int8_t *run = row;
    for (int32_t j = runs->runs; j > 0; j--) {
      patch = widen_run(run, length, patch);
      run += runs->run_step;
    }
    row += runs->row_step;
  }
  if (length & 3) {
    widen_left_over(runs, from + (length & ~3), length & 3, patch);
  }
}
