/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of every `planes` convolution: weights of few bits as planes of signs, and sums of four inputs looked up.
 *
 * A weight of b bits on the mid-rise grid is a sum of b signs, each times a power of two; one of 2 bits on the mid-tread
 * grid, -1, 0 or 1, is half a sum of two:
 *
 *     mid-rise, b bits       weight = 2^(b-1) * s + ... + 2 * s + s            doubled = 1
 *     mid-tread, 2 bits      2 * weight = s + s                                doubled = 0
 *
 * Four inputs with four signs have 16 sums. For eight pixels a .. h at a time and for each four inputs of theirs, these
 * are written down once. Then every plane of every channel takes its own by four bits of weights: no multiplication at
 * all, and not many more instructions than there are weights.
 *
 *     tables      16 times  a + b * 2^16 | c + d * 2^16 | e + f * 2^16 | g + h * 2^16   of inputs 0 .. 3, by signs;
 *                 16 times the same of inputs 4 .. 7; ...
 *     weights     one bit for each input, 1 for a plus, the first input in the lowest; whole words of 32; the planes of
 *                 a channel one after the other, the one with the largest factor first
 *
 * The sums of two pixels are added up in one word, as one number modulo 2^32, and doubled between two planes. The
 * generator sees to it that in the end either is an int16. Then the low half is the first of them, and the high half,
 * once SB_BORROWED is added, the second: without that it is one less where the first is negative.
 */
#ifndef SB_PLANES_H
#define SB_PLANES_H

#include "sb_dsp.h"
#include "sb_kernels.h"

/* Words of a table; tables for a word of weights. */
enum { SB_TABLE = 64, SB_TABLES_OF_WORD = 8 };

/* Sums of eight pixels in pairs. */
typedef struct {
  uint32_t ab, cd, ef, gh;
} sb_eight_sums;

#define SB_BORROWED 0x8000u

/*
 * Which eight pixels: one, its neighbour, the same two `two` pixels later, and the same four `four` pixels later. Where
 * fewer are left some of them are the same: behind 3 pixels a b | b c | a b | b c.
 */
typedef struct {
  int32_t one, two, four;
} sb_eight_pixels;

SB_INLINE sb_eight_pixels sb_next_eight(int32_t left)
{
  return (sb_eight_pixels){left > 1, sb_clamp(left - 2, 0, 2), sb_clamp(left - 4, 0, 4)};
}

/* Writes the tables of eight pixels of `depth` values each, the first of which is at `from`. */
void sb_sum_signs_s8(const int8_t *from, int32_t depth, sb_eight_pixels eight, uint32_t *tables);

/*
 * Eight pixels, of which these are the tables, against all channels. Write output_channels bytes for each pixel, for
 * the first at `output`. The second for layers of lines.
 */
typedef void sb_eight_pixels_planes(const sb_planes_conv_layer *layer, const uint32_t *tables, int32_t n_tables,
                                    sb_eight_pixels eight, int8_t *output);
sb_eight_pixels_planes sb_eight_pixels_planes_s8_dsp;
sb_eight_pixels_planes sb_eight_pixels_planes_relu_s8_dsp;

#if SB_LOOPS_IN_ASSEMBLY && defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 2

#define SB_LOOK_UP(bits)                             \
  bits                                               \
  "add r6, %[table], r6, lsl #4\n\t"                 \
  "ldmia r6, {r3, r4, r5, r6}\n\t"                   \
  "add %[ab], %[ab], r3\n\t"                         \
  "add %[cd], %[cd], r4\n\t"                         \
  "add %[ef], %[ef], r5\n\t"                         \
  "add %[gh], %[gh], r6\n\t"                         \
  "add %[table], %[table], #256\n\t"

#define SB_LOOKING_UP(text)                                                                             \
  __asm__ volatile(text                                                                                 \
                   : [ab] "+r"(s->ab), [cd] "+r"(s->cd), [ef] "+r"(s->ef), [gh] "+r"(s->gh),            \
                     [table] "+r"(table)                                                                \
                   : [signs] "r"(signs)                                                                 \
                   : "r3", "r4", "r5", "r6", "memory")

/*
 * Adds one sum of each pixel, by the lowest four signs, and eight, by all signs of a word. Gives the next table. Written
 * out for LDM, 8 instructions for 32 products; GCC 12 loads word by word, and more than it has registers for.
 */
SB_INLINE const uint32_t *sb_look_up(sb_eight_sums *s, const uint32_t *table, uint32_t signs)
{
  SB_LOOKING_UP(SB_LOOK_UP("and r6, %[signs], #15\n\t"));
  return table;
}

SB_INLINE const uint32_t *sb_look_up_word(sb_eight_sums *s, const uint32_t *table, uint32_t signs)
{
  SB_LOOKING_UP(SB_LOOK_UP("and r6, %[signs], #15\n\t") SB_LOOK_UP("ubfx r6, %[signs], #4, #4\n\t")
                SB_LOOK_UP("ubfx r6, %[signs], #8, #4\n\t") SB_LOOK_UP("ubfx r6, %[signs], #12, #4\n\t")
                SB_LOOK_UP("ubfx r6, %[signs], #16, #4\n\t") SB_LOOK_UP("ubfx r6, %[signs], #20, #4\n\t")
                SB_LOOK_UP("ubfx r6, %[signs], #24, #4\n\t") SB_LOOK_UP("lsr r6, %[signs], #28\n\t"));
  return table;
}

#undef SB_LOOKING_UP
#undef SB_LOOK_UP

#else

SB_INLINE const uint32_t *sb_look_up(sb_eight_sums *s, const uint32_t *table, uint32_t signs)
{
  const uint32_t *const found = table + 4 * (signs & 15);
  s->ab += found[0];
  s->cd += found[1];
  s->ef += found[2];
  s->gh += found[3];
  return table + SB_TABLE;
}

SB_INLINE const uint32_t *sb_look_up_word(sb_eight_sums *s, const uint32_t *table, uint32_t signs)
{
  for (int32_t i = 0; i < SB_TABLES_OF_WORD; i++) {
    table = sb_look_up(s, table, signs);
    signs >>= 4;
  }
  return table;
}

#endif

/* All planes of one channel. Gives the address behind its weights. */
SB_INLINE const int8_t *sb_sum_planes(sb_eight_sums *s, int32_t planes, int32_t doubled, const uint32_t *tables,
                                      int32_t n_tables, const int8_t *weights)
{
  const uint32_t *const words_end = tables + SB_TABLE * (n_tables & -SB_TABLES_OF_WORD);
  *s = (sb_eight_sums){0, 0, 0, 0};
  for (;;) {
    const uint32_t *table = tables;
    while (table != words_end) {
      uint32_t signs;
      weights = sb_take(weights, &signs);
      table = sb_look_up_word(s, table, signs);
    }
    if (n_tables & (SB_TABLES_OF_WORD - 1)) {
      uint32_t signs;
      weights = sb_take(weights, &signs);
      for (int32_t left = n_tables & (SB_TABLES_OF_WORD - 1); left > 0; left--) {
        table = sb_look_up(s, table, signs);
        signs >>= 4;
      }
    }
    if (--planes == 0) {
      return weights;
    }
    *s = (sb_eight_sums){s->ab << doubled, s->cd << doubled, s->ef << doubled, s->gh << doubled};
  }
}

#endif /* SB_PLANES_H */
