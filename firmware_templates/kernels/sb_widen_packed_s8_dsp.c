/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of one pixel, widened to int16, into the quads that three pixels share: see sb_packed_dsp.h.
 */
#include "sb_packed_dsp.h"

SB_INLINE void widen_quad(uint32_t bytes, int16_t *to)
{
  sb_store(to, sb_sxtb16(bytes));
  sb_store(to + SB_PACKED_QUAD / 2, sb_sxtb16_ror8(bytes));
}

void sb_widen_packed_s8_dsp(const int8_t *from, int16_t *to, int32_t count)
{
  for (; count >= 8; count -= 8) {
    widen_quad(sb_load(from), to);
    widen_quad(sb_load(from + 4), to + SB_PACKED_QUAD);
    from += 8;
    to += 2 * SB_PACKED_QUAD;
  }
  if (count >= 4) {
    widen_quad(sb_load(from), to);
    from += 4;
    to += SB_PACKED_QUAD;
    count -= 4;
  }
  if (count > 0) {
    uint32_t bytes = 0;
    while (count-- > 0) {
      bytes = bytes << 8 | (uint8_t)from[count];
    }
    widen_quad(bytes, to);
  }
}
