/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of eight pixels: all sums of four inputs with either sign, see sb_planes.h.
 *
 * Written in the order of a Gray code, so that one sum becomes the next by twice one input.
 */
#include "sb_planes.h"

/* Two pixels' part of one table; w .. z: the four inputs of either, joined to a word. */
SB_INLINE void write_sums(uint32_t w, uint32_t x, uint32_t y, uint32_t z, uint32_t *table)
{
  uint32_t sum = 0u - w - x - y - z;
  table[4 * 0] = sum;
  table[4 * 1] = sum += 2 * w;
  table[4 * 3] = sum += 2 * x;
  table[4 * 2] = sum -= 2 * w;
  table[4 * 6] = sum += 2 * y;
  table[4 * 7] = sum += 2 * w;
  table[4 * 5] = sum -= 2 * x;
  table[4 * 4] = sum -= 2 * w;
  table[4 * 12] = sum += 2 * z;
  table[4 * 13] = sum += 2 * w;
  table[4 * 15] = sum += 2 * x;
  table[4 * 14] = sum -= 2 * w;
  table[4 * 10] = sum -= 2 * y;
  table[4 * 11] = sum += 2 * w;
  table[4 * 9] = sum -= 2 * x;
  table[4 * 8] = sum - 2 * w;
}

SB_INLINE uint32_t join(const int8_t *first, const int8_t *second)
{
  return (uint32_t)*first + ((uint32_t)*second << 16);
}

/* The same for all their inputs; those that fill up the last four count as 0. */
static void sum_two(const int8_t *first, const int8_t *second, int32_t depth, uint32_t *table)
{
  for (; depth >= 4; depth -= 4) {
    write_sums(join(first, second), join(first + 1, second + 1), join(first + 2, second + 2),
               join(first + 3, second + 3), table);
    first += 4;
    second += 4;
    table += SB_TABLE;
  }
  if (depth > 0) {
    write_sums(join(first, second), depth > 1 ? join(first + 1, second + 1) : 0,
               depth > 2 ? join(first + 2, second + 2) : 0, 0, table);
  }
}

void sb_sum_signs_s8(const int8_t *from, int32_t depth, sb_eight_pixels eight, uint32_t *tables)
{
  const int8_t *const later = from + eight.four * depth;
  const int32_t one = eight.one * depth, two = eight.two * depth;
  sum_two(from, from + one, depth, tables);
  sum_two(from + two, from + two + one, depth, tables + 1);
  sum_two(later, later + one, depth, tables + 2);
  sum_two(later + two, later + two + one, depth, tables + 3);
}
