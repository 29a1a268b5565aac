/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of a window as one of three interleaved patches of int16, see sb_paired_dsp.h.
 */
#include "sb_paired_dsp.h"

/* Four bytes as this pixel's part of a quad. */
SB_INLINE void widen_quad(uint32_t bytes, int16_t *to)
{
  sb_store(to, sb_sxtb16(bytes));
  sb_store(to + SB_QUAD_OF_THREE / 2, sb_sxtb16_ror8(bytes));
}

/* What runs leave over, one to three bytes of each. They are the last of four bytes where a run has as many, else the
   first: what is read beyond them is not used. */
static void widen_left_over(const sb_runs *runs, const int8_t *from, int16_t *to)
{
  const int32_t over = 8 * (runs->length & 3); /* bits */
  const int32_t unused = runs->length > 4 ? 32 - over : 0;
  const uint32_t mask = (1u << over) - 1;
  const int32_t step = runs->step;
  uint32_t bytes = 0;
  int32_t bits = 0;
  if (runs->length > 4) {
    from += runs->length - 4;
  }
  for (int32_t left = runs->count; left > 0; left--) {
    const uint32_t few = sb_load(from) >> unused & mask;
    bytes |= few << bits;
    bits += over;
    if (bits >= 32) {
      widen_quad(bytes, to);
      to += SB_QUAD_OF_THREE;
      bits -= 32;
      bytes = few >> (over - bits);
    }
    from += step;
  }
  if (bits > 0) {
    widen_quad(bytes, to);
  }
}

int16_t *sb_widen_runs_s8_dsp(const sb_runs *runs, const int8_t *from, int16_t *to)
{
  const int8_t *run = from;
  int32_t left = runs->count;
  do {
    const int8_t *x = run;
    if (runs->length & 4) {
      widen_quad(sb_load(x), to);
      x += 4;
      to += SB_QUAD_OF_THREE;
    }
    for (const int8_t *const end = x + (runs->length & ~7); x != end; x += 8) {
      const uint32_t first = sb_load(x), second = sb_load(x + 4);
      widen_quad(first, to);
      widen_quad(second, to + SB_QUAD_OF_THREE);
      to += 2 * SB_QUAD_OF_THREE;
    }
    run += runs->step;
  } while (--left > 0);
  if (runs->length & 3) {
    widen_left_over(runs, from, to);
  }
  return to;
}
