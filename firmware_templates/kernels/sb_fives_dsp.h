/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of every `fives` convolution: 1x1, stride 1, weights of 5 bits, which are read as they are stored.
 *
 * Three pixels p, q, r meet three channels a, b, c at a time, whose weights stand in every half word as the drawing in
 * sb_fully_connected_fives_s8_dsp.c has it: a word, two ANDs and six SMLAD for eighteen products. Sums begin with 16 times
 * the sum of the inputs taken off, which makes those of u sums of v; the generator proves that those of every channel
 * stay within 2^20 - 2^10.
 *
 * Patches are those of sb_paired_dsp.h.
 *
 * weights: for each three channels, filled up with zeros, and each four inputs a word of inputs 0 and 2, one of 1 and 3.
 */
#ifndef SB_FIVES_DSP_H
#define SB_FIVES_DSP_H

#include "sb_paired_conv2d_dsp.h"

/* For h; for g, turned to the left by one: the bit that is 0 in either half may be kept as well. */
#define SB_FIVES_KEPT 0xfc1ffc1fu

/* Of pixels p, q, r: sums of products with g and h. */
typedef struct {
  int32_t pg, qg, rg, ph, qh, rh;
} sb_fives_sums;

/* The sum of the inputs of one pixel. */
SB_INLINE int32_t sb_sum_patch(const int16_t *patch, const int16_t *end)
{
  const uint32_t ones = sb_in_register(0x00010001u);
  int32_t sum = 0;
  for (; patch < end; patch += SB_QUAD_OF_THREE) {
    sum = sb_smlad(sb_load(patch), ones, sum);
    sum = sb_smlad(sb_load(patch + SB_QUAD_OF_THREE / 2), ones, sum);
  }
  return sum;
}

/* What g and h sums begin with, for a pixel of that sum. */
SB_INLINE int32_t sb_fives_g(int32_t inputs)
{
  return -16 * inputs;
}

SB_INLINE int32_t sb_fives_h(int32_t inputs)
{
  return sb_wrapping_sub(0, sb_wrapping_shift_left(16 * inputs, 10)) - 16 * inputs;
}

/* The sum of channel a; and of those of b, times 2^11, and of c. */
SB_INLINE int32_t sb_fives_a(int32_t g_sum, int32_t h_sum)
{
  const int32_t high = h_sum >> 10;
  return high + (sb_wrapping_shift_left(sb_wrapping_sub(g_sum, high), 21) >> 21);
}

SB_INLINE int32_t sb_fives_b(int32_t g_sum, int32_t a_sum)
{
  return sb_wrapping_sub(g_sum, a_sum);
}

SB_INLINE int32_t sb_fives_c(int32_t h_sum, int32_t a_sum)
{
  return sb_wrapping_sub(h_sum, sb_wrapping_shift_left(a_sum, 10));
}

#if defined(__ARM_FEATURE_DSP) && SB_LOOPS_IN_ASSEMBLY

/* Two inputs: a word of weights, one of each pixel. */
#define SB_ADD_TWO                                 \
  "ldr %[word], [%[w]], #4\n\t"                    \
  "ldr %[pair], [%[x]], #12\n\t"                   \
  "and %[part], %[word], %[kept], ror #31\n\t"     \
  "and %[word], %[kept], %[word], ror #22\n\t"     \
  "smlad %[pg], %[pair], %[part], %[pg]\n\t"       \
  "smlad %[ph], %[pair], %[word], %[ph]\n\t"       \
  "ldr %[pair], [%[x], #-8]\n\t"                   \
  "smlad %[qg], %[pair], %[part], %[qg]\n\t"       \
  "smlad %[qh], %[pair], %[word], %[qh]\n\t"       \
  "ldr %[pair], [%[x], #-4]\n\t"                   \
  "smlad %[rg], %[pair], %[part], %[rg]\n\t"       \
  "smlad %[rh], %[pair], %[word], %[rh]\n\t"

#define SB_ADD_QUAD SB_ADD_TWO SB_ADD_TWO

/*
 * Adds the products of all quads, 24 instructions for the 36 products of each; the loop is entered where it then ends
 * with the last quad. x_end: the end of the patches. Gives the end of the weights. Written out as in sb_paired_dsp.h.
 */
SB_INLINE const int8_t *sb_add_fives(sb_fives_sums *s, const int16_t *x, const int8_t *w, int32_t quads,
                                     const int16_t *const *x_end)
{
  int32_t part = quads, word, pair;
  __asm__ volatile("lsls %[part], %[part], #30\n\t"
                   "beq 4f\n\t"
                   "bpl 1f\n\t"
                   "lsls %[part], %[part], #1\n\t"
                   "beq 2f\n\t"
                   "b 3f\n"
                   "4:\n\t" SB_ADD_QUAD "3:\n\t" SB_ADD_QUAD "2:\n\t" SB_ADD_QUAD "1:\n\t" SB_ADD_QUAD
                   "ldr %[pair], %[x_end]\n\t"
                   "cmp %[pair], %[x]\n\t"
                   "bne 4b"
                   : [pg] "+r"(s->pg), [qg] "+r"(s->qg), [rg] "+r"(s->rg), [ph] "+r"(s->ph), [qh] "+r"(s->qh),
                     [rh] "+r"(s->rh), [x] "+r"(x), [w] "+r"(w), [part] "+r"(part), [word] "=&r"(word),
                     [pair] "=&r"(pair)
                   : [x_end] "m"(*x_end), [kept] "r"(SB_FIVES_KEPT)
                   : "cc", "memory");
  return w;
}

#undef SB_ADD_QUAD
#undef SB_ADD_TWO

#else

/* The same anywhere else. */
SB_INLINE const int8_t *sb_add_fives(sb_fives_sums *s, const int16_t *x, const int8_t *w, int32_t quads,
                                     const int16_t *const *x_end)
{
  (void)quads;
  for (; x != *x_end; x += SB_QUAD_OF_THREE / 2) {
    const uint32_t word = sb_load(w), g = word & (SB_FIVES_KEPT << 1 | 1u);
    const uint32_t h = (word >> 22 | word << 10) & SB_FIVES_KEPT;
    s->pg = sb_smlad(sb_load(x), g, s->pg);
    s->qg = sb_smlad(sb_load(x + 2), g, s->qg);
    s->rg = sb_smlad(sb_load(x + 4), g, s->rg);
    s->ph = sb_smlad(sb_load(x), h, s->ph);
    s->qh = sb_smlad(sb_load(x + 2), h, s->qh);
    s->rh = sb_smlad(sb_load(x + 4), h, s->rh);
    w += 4;
  }
  return w;
}

#endif

#endif /* SB_FIVES_DSP_H */
