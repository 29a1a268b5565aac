/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of every `nibbles` convolution: 1x1, stride 1, weights of 3 and 4 bits, which are read as they are stored.
 *
 * Two pixels p, q meet four channels a, b, c, d at a time, whose weights stand in every half word as the drawing in
 * sb_fully_connected_nibbles_s8_dsp.c has it: a word, three ANDs and six SMLAD for sixteen products. Before the sums of u
 * are parted, 8 times the sum of the inputs is taken off, which makes them sums of v; the generator proves that those of
 * every channel stay within 2^19.
 *
 * Patches are those of sb_paired_dsp.h for three pixels, of which the third is not written.
 */
#ifndef SB_NIBBLES_DSP_H
#define SB_NIBBLES_DSP_H

#include "sb_paired_dsp.h"

/* Of pixels p and q: sums of products with g, with 2^4 c, and with h. */
typedef struct {
  int32_t pg, qg, pc, qc, ph, qh;
} sb_nibble_sums;

/* Of one pixel: the sum of its inputs, and what makes sums of u those of v. */
typedef struct {
  int32_t inputs, ad, c, h;
} sb_nibble_signs;

/* Of one pixel: the channels' sums of v, each times what it comes with. */
typedef struct {
  int32_t a, b_8, c_16, d_4096;
} sb_nibble_outputs;

SB_INLINE sb_nibble_signs sb_signs_of(int32_t inputs)
{
  const uint32_t unsign = 0u - 8u * (uint32_t)inputs; /* of a; the others as they come */
  return (sb_nibble_signs){inputs, (int32_t)unsign, (int32_t)(unsign * 0x10u), (int32_t)(unsign * 0x808u)};
}

SB_INLINE void sb_nibble_signs_of_two(sb_nibble_signs *p, sb_nibble_signs *q, const int16_t *patches, const int16_t *end)
{
  const uint32_t ones = sb_in_register(0x00010001u);
  int32_t p_sum = 0, q_sum = 0;
  for (; patches != end; patches += SB_QUAD_OF_THREE) {
    const int16_t *const second = patches + SB_QUAD_OF_THREE / 2;
    p_sum = sb_smlad(sb_load(patches), ones, p_sum);
    q_sum = sb_smlad(sb_load(patches + SB_NEXT_OF_THREE), ones, q_sum);
    p_sum = sb_smlad(sb_load(second), ones, p_sum);
    q_sum = sb_smlad(sb_load(second + SB_NEXT_OF_THREE), ones, q_sum);
  }
  *p = sb_signs_of(p_sum);
  *q = sb_signs_of(q_sum);
}

SB_INLINE sb_nibble_outputs sb_part_nibbles(int32_t g, int32_t c, int32_t h, const sb_nibble_signs *signs)
{
  const int32_t ad = sb_wrapping_add(sb_wrapping_sub(g, c), signs->ad);
  const int32_t ab = sb_wrapping_add(h, signs->h), high = ab >> 11;
  const int32_t minus_carry = sb_wrapping_shift_left(sb_wrapping_sub(ad, high), 20) >> 20;
  const int32_t a = high + minus_carry, b_8 = sb_wrapping_sub(ab, sb_wrapping_shift_left(a, 11));
  return (sb_nibble_outputs){a, b_8, sb_wrapping_add(c, signs->c), sb_wrapping_sub(ad, a)};
}

#define SB_KEPT_FOR_H 0x78787878u

#if defined(__ARM_FEATURE_DSP) && SB_LOOPS_IN_ASSEMBLY

/* Two inputs: a word of weights, one of either pixel. */
#define SB_ADD_TWO                            \
  "ldr %[word], [%[w]], #4\n\t"               \
  "ldrd r4, r5, [%[x]], #12\n\t"              \
  "bic %[part], %[word], #0x0f000f00\n\t"     \
  "smlad %[pg], r4, %[part], %[pg]\n\t"       \
  "smlad %[qg], r5, %[part], %[qg]\n\t"       \
  "and %[part], %[word], #0x00f000f0\n\t"     \
  "smlad %[pc], r4, %[part], %[pc]\n\t"       \
  "smlad %[qc], r5, %[part], %[qc]\n\t"       \
  "and %[part], %[kept], %[word], ror #21\n\t" \
  "smlad %[ph], r4, %[part], %[ph]\n\t"       \
  "smlad %[qh], r5, %[part], %[qh]\n\t"

#define SB_ADD_QUAD SB_ADD_TWO SB_ADD_TWO

/*
 * Adds the products of all quads, 22 instructions for the 32 products of each; the loop is entered where it then ends
 * with the last quad. x_end: the end of the patches. Gives the end of the weights. Written out as in sb_paired_dsp.h.
 */
SB_INLINE const int8_t *sb_add_nibbles(sb_nibble_sums *s, const int16_t *x, const int8_t *w, int32_t quads,
                                       const int16_t *const *x_end)
{
  int32_t part = quads, word;
  __asm__ volatile("lsls %[part], %[part], #30\n\t"
                   "beq 4f\n\t"
                   "bpl 1f\n\t"
                   "lsls %[part], %[part], #1\n\t"
                   "beq 2f\n\t"
                   "b 3f\n"
                   "4:\n\t" SB_ADD_QUAD "3:\n\t" SB_ADD_QUAD "2:\n\t" SB_ADD_QUAD "1:\n\t" SB_ADD_QUAD
                   "ldr r4, %[x_end]\n\t"
                   "cmp r4, %[x]\n\t"
                   "bne 4b"
                   : [pg] "+r"(s->pg), [qg] "+r"(s->qg), [pc] "+r"(s->pc), [qc] "+r"(s->qc), [ph] "+r"(s->ph),
                     [qh] "+r"(s->qh), [x] "+r"(x), [w] "+r"(w), [part] "+r"(part), [word] "=&r"(word)
                   : [x_end] "m"(*x_end), [kept] "r"(SB_KEPT_FOR_H)
                   : "r4", "r5", "cc", "memory");
  return w;
}

#undef SB_ADD_QUAD
#undef SB_ADD_TWO

#else

/* The same anywhere else. */
SB_INLINE const int8_t *sb_add_nibbles(sb_nibble_sums *s, const int16_t *x, const int8_t *w, int32_t quads,
                                       const int16_t *const *x_end)
{
  (void)quads;
  for (; x != *x_end; x += SB_QUAD_OF_THREE / 2) {
    const uint32_t word = sb_load(w), p = sb_load(x), q = sb_load(x + SB_NEXT_OF_THREE);
    const uint32_t g = word & ~0x0f000f00u, c = word & 0x00f000f0u, h = (word >> 21 | word << 11) & SB_KEPT_FOR_H;
    s->pg = sb_smlad(p, g, s->pg);
    s->qg = sb_smlad(q, g, s->qg);
    s->pc = sb_smlad(p, c, s->pc);
    s->qc = sb_smlad(q, c, s->qc);
    s->ph = sb_smlad(p, h, s->ph);
    s->qh = sb_smlad(q, h, s->qh);
    w += 4;
  }
  return w;
}

#endif

/* Patches of `quads` quads of two pixels against all channels. Writes output_channels bytes of q and p in this order, q
   so many bytes behind p: none, where it takes the place of p, whose patch it has then. */
typedef void sb_two_nibble_pixels(const sb_nibble_conv_layer *layer, const int16_t *patches, int32_t quads,
                                  int8_t *output, int32_t q_step);

/*
 * The convolution, for a function from two patches to outputs. `output` may be `input` where output_channels <=
 * input_channels: both pixels are in scratch before their outputs are written, and those end at or before the first
 * pixel that is still to be read.
 *
 * scratch: three patches of int16.
 */
SB_INLINE void sb_convolve_nibbles(const sb_nibble_conv_layer *layer, const int8_t *input, int8_t *output,
                                   void *scratch, sb_two_nibble_pixels *two_pixels)
{
  const int32_t depth = layer->conv.input_channels;
  const int32_t step = layer->conv.output_channels;
  const int32_t pixels = layer->conv.window.output_h * layer->conv.window.output_w;
  const sb_runs pixel = {1, 0, depth};
  int16_t *const patches = scratch;
  int8_t *result = output;
  for (int32_t left = pixels; left > 0; left -= 2) {
    const int32_t q = left > 1;
    sb_widen_runs_s8_dsp(&pixel, input, patches);
    sb_widen_runs_s8_dsp(&pixel, input + q * depth, patches + SB_NEXT_OF_THREE);
    two_pixels(layer, patches, sb_quads(&pixel), result, q * step);
    input += 2 * depth;
    result += 2 * step;
  }
  sb_clamp_s8(output, pixels * step, layer->conv.low, layer->conv.high);
}

#endif /* SB_NIBBLES_DSP_H */
