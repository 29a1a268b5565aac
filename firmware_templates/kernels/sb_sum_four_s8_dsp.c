/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums of four channels over an area. Up to 255 pixels are summed in pairs of int16, which hold that many int8, before
 * they go to the sums proper.
 */
#include "sb_sum_four.h"

#include "sb_dsp.h"

#define MOST_IN_INT16 255

static void add_row(const int8_t *pixel, int32_t count, int32_t step, int32_t sums[4])
{
  uint32_t even = 0, odd = 0;
  if (count & 1) {
    const uint32_t word = sb_load(pixel);
    even = sb_sxtb16(word);
    odd = sb_sxtb16_ror8(word);
    pixel += step;
  }
  for (int32_t pairs = count >> 1; pairs > 0; pairs--) {
    const uint32_t one = sb_load(pixel), other = sb_load(pixel + step);
    even = sb_sxtab16(sb_sxtab16(even, one), other);
    odd = sb_sxtab16_ror8(sb_sxtab16_ror8(odd, one), other);
    pixel += 2 * step;
  }
  sums[0] += sb_low(even);
  sums[1] += sb_low(odd);
  sums[2] += sb_high(even);
  sums[3] += sb_high(odd);
}

void sb_sum_four_s8_dsp(const sb_area *area, const int8_t *first, int32_t sums[4])
{
  int32_t rows = area->rows, columns = area->columns;
  const int32_t step = area->pixel_step;
  if (columns * step == area->row_step) { /* no gap between the rows: they are one */
    columns *= rows;
    rows = 1;
  }
  for (int32_t i = 0; i < 4; i++) {
    sums[i] = 0;
  }
  for (; rows > 0; rows--) {
    const int8_t *pixel = first;
    for (int32_t left = columns; left > 0; left -= MOST_IN_INT16) {
      const int32_t count = left < MOST_IN_INT16 ? left : MOST_IN_INT16;
      add_row(pixel, count, step, sums);
      pixel += count * step;
    }
    first += area->row_step;
  }
}
