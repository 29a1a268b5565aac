/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The windows of three pixels as interleaved patches of int16, see sb_paired_dsp.h.
 */
#include "sb_paired_dsp.h"

/* Three pixels' four bytes as one quad. */
SB_INLINE void widen_quad(uint32_t p, uint32_t q, uint32_t r, int16_t *to)
{
  sb_store(to, sb_sxtb16(p));
  sb_store(to + 2, sb_sxtb16(q));
  sb_store(to + 4, sb_sxtb16(r));
  sb_store(to + 6, sb_sxtb16_ror8(p));
  sb_store(to + 8, sb_sxtb16_ror8(q));
  sb_store(to + 10, sb_sxtb16_ror8(r));
}

/* The first `count` bytes, 1 to 3, and zeros. */
static inline uint32_t load_few(const int8_t *from, int32_t count)
{
  uint32_t bytes = 0;
  while (count-- > 0) {
    bytes = bytes << 8 | (uint8_t)from[count];
  }
  return bytes;
}

void sb_widen_three_s8_dsp(const sb_three_windows *from, int16_t *patches)
{
  const int8_t *p = from->p, *q = from->q, *r = from->r;
  const int32_t whole = from->length & ~3, left = from->length & 3;
  for (int32_t rows = from->rows;;) {
    for (const int8_t *const end = p + whole; p != end;) {
      const uint32_t p_bytes = sb_load(p), q_bytes = sb_load(q), r_bytes = sb_load(r);
      p += 4;
      q += 4;
      r += 4;
      widen_quad(p_bytes, q_bytes, r_bytes, patches);
      patches += SB_QUAD_OF_THREE;
    }
    if (--rows == 0) {
      break;
    }
    p += from->pitch - whole;
    q += from->pitch - whole;
    r += from->pitch - whole;
  }
  if (left > 0) {
    widen_quad(load_few(p, left), load_few(q, left), load_few(r, left), patches);
  }
}
