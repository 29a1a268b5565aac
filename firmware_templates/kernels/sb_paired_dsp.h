/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of every `paired` convolution: three patches of int16 against all output channels, two channels at a time,
 * with half of the weights never widened.
 *
 * The weights a, b of two channels stand in one int16, h = 256 * b + a. SMLAD takes a word of two such int16 as it was
 * loaded; only the a are widened, by one SXTB16 for two of either channel:
 *
 *     sum of x * a                                             the sum of channel a
 *     (sum of x * h) - (sum of x * a) = 256 * sum of x * b     256 times the sum of channel b
 *
 * The second line holds for an int32 that wraps, so the sum is whole where |sum of x * b| < 2^23.
 *
 * Patches of three pixels p, q, r are interleaved, aligned to 4 bytes. Four values of each are a quad, in the order in
 * which SXTB16 widens bytes:
 *
 *     p0 p2 | q0 q2 | r0 r2 | p1 p3 | q1 q3 | r1 r3 || p4 p6 | ...      weights, as int16: h0 h2 | h1 h3 || h4 h6 | ...
 *
 * A window is read as runs of bytes that are neighbours in memory. The patch has the whole quads of all runs first,
 * then the bytes that they leave over, run by run, filled up with zeros to whole quads.
 */
#ifndef SB_PAIRED_DSP_H
#define SB_PAIRED_DSP_H

#include "sb_dsp.h"
#include "sb_kernels.h"

/* int16 in a quad of three patches, and from one patch to the next. */
enum { SB_QUAD_OF_THREE = 12, SB_NEXT_OF_THREE = 2 };

/* `count` runs of `length` bytes, `step` bytes from one's first to the next one's. */
typedef struct {
  int32_t count, step, length;
} sb_runs;

static inline int32_t sb_quads(const sb_runs *runs)
{
  return runs->count * (runs->length >> 2) + ((runs->count * (runs->length & 3) + 3) >> 2);
}

/* Widens runs into one of three patches. Gives the place behind the whole quads. Reads four bytes of a run that has
   fewer. */
int16_t *sb_widen_runs_s8_dsp(const sb_runs *runs, const int8_t *from, int16_t *to);

/* Rows of the image that row y of outputs meets, with their border, to the band, which is moved from y - 1. */
void sb_move_band_s8_dsp(const sb_paired_conv_layer *layer, const int8_t *input, int32_t y, int8_t *band);

/*
 * Patches of `quads` quads of three pixels p, q, r against all channels. Write output_channels bytes of r, q and p in
 * this order, q and r so many bytes behind p: where r, or both, take the place of the one before, the patch of that one
 * alone counts. The second for layers of lines.
 */
typedef void sb_three_pixels(const sb_paired_conv_layer *layer, const int16_t *patches, int32_t quads, int8_t *output,
                             int32_t q_step, int32_t r_step);
sb_three_pixels sb_three_pixels_s8_dsp;
sb_three_pixels sb_three_pixels_relu_s8_dsp;

/* Of pixels p, q, r: sums of products with the weights a, and with h = 256 * b + a. */
typedef struct {
  int32_t pa, qa, ra, ph, qh, rh;
} sb_three_sums;

#if defined(__ARM_FEATURE_DSP) && SB_LOOPS_IN_ASSEMBLY

/* Half a quad: one word of weights, three of pixels. */
#define SB_ADD_HALF(h)                       \
  "ldmia %[x]!, {r4, r5, r6}\n\t"            \
  "smlad %[ph], r4, %[" h "], %[ph]\n\t"     \
  "smlad %[qh], r5, %[" h "], %[qh]\n\t"     \
  "smlad %[rh], r6, %[" h "], %[rh]\n\t"     \
  "sxtb16 %[" h "], %[" h "]\n\t"            \
  "smlad %[pa], r4, %[" h "], %[pa]\n\t"     \
  "smlad %[qa], r5, %[" h "], %[qa]\n\t"     \
  "smlad %[ra], r6, %[" h "], %[ra]\n\t"

#define SB_ADD_QUAD "ldrd %[h02], %[h13], [%[w]], #8\n\t" SB_ADD_HALF("h02") SB_ADD_HALF("h13")

/*
 * Adds the products of all quads, 17 instructions for the 24 products of each; the loop is entered where it then ends
 * with the last quad. x_end: the end of the patches. Gives the end of the weights.
 *
 * Written out because it takes 13 registers, all that there are beside a frame pointer: GCC 12, left to itself or given
 * single quads, moves sums from register to register or to the stack in between.
 */
SB_INLINE const int8_t *sb_add_quads(sb_three_sums *s, const int16_t *x, const int8_t *w, int32_t quads,
                                     const int16_t *const *x_end)
{
  int32_t h02 = quads, h13;
  __asm__ volatile("lsls %[h02], %[h02], #30\n\t"
                   "beq 4f\n\t"
                   "bpl 1f\n\t"
                   "lsls %[h02], %[h02], #1\n\t"
                   "beq 2f\n\t"
                   "b 3f\n"
                   "4:\n\t" SB_ADD_QUAD "3:\n\t" SB_ADD_QUAD "2:\n\t" SB_ADD_QUAD "1:\n\t" SB_ADD_QUAD
                   "ldr r4, %[x_end]\n\t"
                   "cmp r4, %[x]\n\t"
                   "bne 4b"
                   : [pa] "+r"(s->pa), [qa] "+r"(s->qa), [ra] "+r"(s->ra), [ph] "+r"(s->ph), [qh] "+r"(s->qh),
                     [rh] "+r"(s->rh), [x] "+r"(x), [w] "+r"(w), [h02] "+r"(h02), [h13] "=&r"(h13)
                   : [x_end] "m"(*x_end)
                   : "r4", "r5", "r6", "cc", "memory");
  return w;
}

#undef SB_ADD_QUAD
#undef SB_ADD_HALF

#else

SB_INLINE void sb_add_half(sb_three_sums *s, const int16_t *patches, uint32_t h)
{
  const uint32_t a = sb_sxtb16(h);
  s->pa = sb_smlad(sb_load(patches), a, s->pa);
  s->qa = sb_smlad(sb_load(patches + 2), a, s->qa);
  s->ra = sb_smlad(sb_load(patches + 4), a, s->ra);
  s->ph = sb_smlad(sb_load(patches), h, s->ph);
  s->qh = sb_smlad(sb_load(patches + 2), h, s->qh);
  s->rh = sb_smlad(sb_load(patches + 4), h, s->rh);
}

/* The same anywhere else. */
SB_INLINE const int8_t *sb_add_quads(sb_three_sums *s, const int16_t *x, const int8_t *w, int32_t quads,
                                     const int16_t *const *x_end)
{
  (void)quads;
  for (; x != *x_end; x += SB_QUAD_OF_THREE) {
    sb_add_half(s, x, sb_load(w));
    sb_add_half(s, x + SB_QUAD_OF_THREE / 2, sb_load(w + 4));
    w += 8;
  }
  return w;
}

#endif

#endif /* SB_PAIRED_DSP_H */
