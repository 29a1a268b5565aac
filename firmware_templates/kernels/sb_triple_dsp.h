/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of every `triple` convolution: weights of two to six bits, three channels in two numbers.
 *
 * The weights a, b, c of three channels stand in two int16, far enough apart for small weights:
 *
 *     g = a + 2^10 * b        h = c + 2^10 * a
 *
 * With two SMLAD for six products a pixel has G, the sum of x * g, and H, the sum of x * h; and from them, where A, B
 * and C are the sums of the channels,
 *
 *     H >> 10                 is A, but for a carry from C, which is small
 *     G - (H >> 10)           ends, in its ten lowest bits, with minus that carry: SBFX takes it out
 *     A                       = (H >> 10) - carry
 *     G - A, H - 2^10 * A     are 2^10 * B and C
 *
 * That is exact modulo 2^32 where |C| <= 2^19 - 2^10 and A and B stay below 2^21.
 *
 * Patches of three pixels are those of sb_paired_dsp.h. Weights are unpacked to RAM before, for each three channels
 *
 *     g0 g2 | h0 h2 | g1 g3 | h1 h3 || g4 g6 | ...           as int16
 */
#ifndef SB_TRIPLE_DSP_H
#define SB_TRIPLE_DSP_H

#include "sb_paired_conv2d_dsp.h"

enum { SB_APART_BITS = 10 };

/* Unpacks the weights of all channels, for patches of `quads` quads: 16 bytes a quad for three channels. Gives the
   address behind them. */
int8_t *sb_unpack_triples_dsp(const sb_triple_conv_layer *layer, int32_t quads, int8_t *to);

/* For sb_convolve_pixels and sb_convolve_band, for weights that are unpacked. The second for layers of lines. */
sb_three_pixels sb_three_pixels_triple_s8_dsp;
sb_three_pixels sb_three_pixels_triple_relu_s8_dsp;

/* Of pixels p, q, r: sums of products with g and h. */
typedef struct {
  int32_t pg, qg, rg, ph, qh, rh;
} sb_triple_sums;

#if defined(__ARM_FEATURE_DSP) && SB_LOOPS_IN_ASSEMBLY

/* Two inputs: two words of weights, three of pixels. */
#define SB_ADD_TWO                           \
  "ldrd %[g], %[h], [%[w]], #8\n\t"          \
  "ldmia %[x]!, {r4, r5, r6}\n\t"            \
  "smlad %[pg], r4, %[g], %[pg]\n\t"         \
  "smlad %[qg], r5, %[g], %[qg]\n\t"         \
  "smlad %[rg], r6, %[g], %[rg]\n\t"         \
  "smlad %[ph], r4, %[h], %[ph]\n\t"         \
  "smlad %[qh], r5, %[h], %[qh]\n\t"         \
  "smlad %[rh], r6, %[h], %[rh]\n\t"

#define SB_ADD_QUAD SB_ADD_TWO SB_ADD_TWO

/*
 * Adds the products of all quads, 16 instructions for the 36 products of each; the loop is entered where it then ends
 * with the last quad. x_end: the end of the patches. Gives the end of the weights. Written out as in sb_paired_dsp.h.
 */
SB_INLINE const int8_t *sb_add_triples(sb_triple_sums *s, const int16_t *x, const int8_t *w, int32_t quads,
                                       const int16_t *const *x_end)
{
  int32_t g = quads, h;
  __asm__ volatile("lsls %[g], %[g], #30\n\t"
                   "beq 4f\n\t"
                   "bpl 1f\n\t"
                   "lsls %[g], %[g], #1\n\t"
                   "beq 2f\n\t"
                   "b 3f\n"
                   "4:\n\t" SB_ADD_QUAD "3:\n\t" SB_ADD_QUAD "2:\n\t" SB_ADD_QUAD "1:\n\t" SB_ADD_QUAD
                   "ldr r4, %[x_end]\n\t"
                   "cmp r4, %[x]\n\t"
                   "bne 4b"
                   : [pg] "+r"(s->pg), [qg] "+r"(s->qg), [rg] "+r"(s->rg), [ph] "+r"(s->ph), [qh] "+r"(s->qh),
                     [rh] "+r"(s->rh), [x] "+r"(x), [w] "+r"(w), [g] "+r"(g), [h] "=&r"(h)
                   : [x_end] "m"(*x_end)
                   : "r4", "r5", "r6", "cc", "memory");
  return w;
}

#undef SB_ADD_QUAD
#undef SB_ADD_TWO

#else

/* The same anywhere else. */
SB_INLINE const int8_t *sb_add_triples(sb_triple_sums *s, const int16_t *x, const int8_t *w, int32_t quads,
                                       const int16_t *const *x_end)
{
  (void)quads;
  for (; x != *x_end; x += SB_QUAD_OF_THREE / 2) {
    const uint32_t g = sb_load(w), h = sb_load(w + 4);
    s->pg = sb_smlad(sb_load(x), g, s->pg);
    s->qg = sb_smlad(sb_load(x + 2), g, s->qg);
    s->rg = sb_smlad(sb_load(x + 4), g, s->rg);
    s->ph = sb_smlad(sb_load(x), h, s->ph);
    s->qh = sb_smlad(sb_load(x + 2), h, s->qh);
    s->rh = sb_smlad(sb_load(x + 4), h, s->rh);
    w += 8;
  }
  return w;
}

#endif

/* The sum of channel a. */
SB_INLINE int32_t sb_sum_of_a(int32_t g_sum, int32_t h_sum)
{
  const int32_t difference = sb_wrapping_sub(g_sum, h_sum >> SB_APART_BITS);
  return (h_sum >> SB_APART_BITS) + ((int32_t)((uint32_t)difference << (32 - SB_APART_BITS)) >> (32 - SB_APART_BITS));
}

/* That of channel b, times 2^10. */
SB_INLINE int32_t sb_sum_of_b(int32_t g_sum, int32_t a_sum)
{
  return sb_wrapping_sub(g_sum, a_sum);
}

SB_INLINE int32_t sb_sum_of_c(int32_t h_sum, int32_t a_sum)
{
  return sb_wrapping_sub(h_sum, sb_wrapping_shift_left(a_sum, SB_APART_BITS));
}

/* The 1x1 convolution of sb_paired_conv2d_dsp.h and the one of any kernel. scratch: the weights, 16 bytes for three
   channels and four values of a window; then what that one needs. */
SB_INLINE void sb_convolve_triples(const sb_triple_conv_layer *layer, const int8_t *input, int8_t *output,
                                   void *scratch, bool pointwise, sb_three_pixels *three_pixels)
{
  sb_paired_conv_layer unpacked = layer->conv;
  unpacked.weights = scratch;
  int8_t *const rest = sb_unpack_triples_dsp(layer, layer->quads, scratch);
  if (pointwise) {
    sb_convolve_pixels(&unpacked, input, output, rest, three_pixels);
  } else {
    sb_convolve_band(&unpacked, input, output, rest, three_pixels);
  }
}

#endif /* SB_TRIPLE_DSP_H */
