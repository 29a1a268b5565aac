/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three pixels against all output channels, two channels at a time: six sums of products at once, so that every word
 * of weights, once loaded, serves six SMLAD, and every word of a pixel two. See sb_packed_dsp.h for both layouts.
 *
 * weights: pairs of channels, one after the other; of an odd number the last has a companion of zeros.
 */
#include "sb_packed_dsp.h"

/* Of pixels p, q, r: sums of products with the weights a, and with h = 256 * b + a. */
typedef struct {
  int32_t pa, qa, ra, ph, qh, rh;
} sums;

#if defined(__ARM_FEATURE_DSP) && defined(__OPTIMIZE__)

/* Adds the products of one quad: 17 instructions for 24 products. All 14 registers are in use here, where GCC 12, left
   to itself, keeps sums on the stack. */
SB_INLINE void add_quad(sums *s, const int16_t **patches, const int8_t **weights)
{
  uint32_t h02, h13, a;
  __asm__ volatile("ldrd %[h02], %[h13], [%[weights]], #8\n\t"
                   "ldmia %[patches]!, {r4, r5, r6}\n\t"
                   "sxtb16 %[a], %[h02]\n\t"
                   "smlad %[pa], r4, %[a], %[pa]\n\t"
                   "smlad %[qa], r5, %[a], %[qa]\n\t"
                   "smlad %[ra], r6, %[a], %[ra]\n\t"
                   "smlad %[ph], r4, %[h02], %[ph]\n\t"
                   "smlad %[qh], r5, %[h02], %[qh]\n\t"
                   "smlad %[rh], r6, %[h02], %[rh]\n\t"
                   "ldmia %[patches]!, {r4, r5, r6}\n\t"
                   "sxtb16 %[a], %[h13]\n\t"
                   "smlad %[pa], r4, %[a], %[pa]\n\t"
                   "smlad %[qa], r5, %[a], %[qa]\n\t"
                   "smlad %[ra], r6, %[a], %[ra]\n\t"
                   "smlad %[ph], r4, %[h13], %[ph]\n\t"
                   "smlad %[qh], r5, %[h13], %[qh]\n\t"
                   "smlad %[rh], r6, %[h13], %[rh]"
                   : [pa] "+r"(s->pa), [qa] "+r"(s->qa), [ra] "+r"(s->ra), [ph] "+r"(s->ph), [qh] "+r"(s->qh),
                     [rh] "+r"(s->rh), [patches] "+r"(*patches), [weights] "+r"(*weights), [h02] "=&r"(h02),
                     [h13] "=&r"(h13), [a] "=&r"(a)
                   :
                   : "r4", "r5", "r6", "memory");
}

#else

SB_INLINE void add_word(sums *s, const int16_t *patches, uint32_t h)
{
  const uint32_t a = sb_sxtb16(h);
  s->pa = sb_smlad(sb_load(patches), a, s->pa);
  s->qa = sb_smlad(sb_load(patches + 2), a, s->qa);
  s->ra = sb_smlad(sb_load(patches + 4), a, s->ra);
  s->ph = sb_smlad(sb_load(patches), h, s->ph);
  s->qh = sb_smlad(sb_load(patches + 2), h, s->qh);
  s->rh = sb_smlad(sb_load(patches + 4), h, s->rh);
}

/* Adds the products of one quad. */
SB_INLINE void add_quad(sums *s, const int16_t **patches, const int8_t **weights)
{
  add_word(s, *patches, sb_load(*weights));
  add_word(s, *patches + SB_PACKED_QUAD / 2, sb_load(*weights + 4));
  *patches += SB_PACKED_QUAD;
  *weights += 8;
}

#endif

/* The sum of channel b. */
SB_INLINE int32_t unpacked(int32_t h_sum, int32_t a_sum)
{
  return sb_wrapping_sub(h_sum, a_sum) >> 8;
}

SB_INLINE int8_t output_of(int32_t sum, sb_packed_channel channel, int32_t twice)
{
  return sb_output_doubled(sum, channel.doubled, channel.bias_and_right, twice);
}

void sb_three_pixels_s8_dsp(const sb_packed_conv_layer *layer, const int16_t *patches, int32_t quads, int8_t *p_output,
                            int8_t *q_output, int8_t *r_output)
{
  const int8_t *w = layer->weights;
  const sb_packed_channel *channel = layer->channels;
  const int32_t twice = 2 * layer->output_zero_point + 1;
  for (int32_t left = layer->output_channels; left > 0; left -= 2) {
    const int32_t a_bias = channel[0].bias_and_right >> 8;
    const int32_t h_bias = sb_wrapping_add(channel[1].bias_and_right, a_bias); /* unpacked() drops the shift */
    sums s = {a_bias, a_bias, a_bias, h_bias, h_bias, h_bias};
    const int16_t *x = patches;
    for (const int8_t *const end = w + 8 * (quads & 3); w != end;) {
      add_quad(&s, &x, &w);
    }
    for (const int8_t *const end = w + 8 * (quads & ~3); w != end;) {
      add_quad(&s, &x, &w);
      add_quad(&s, &x, &w);
      add_quad(&s, &x, &w);
      add_quad(&s, &x, &w);
    }
    const sb_packed_channel a = channel[0], b = channel[1];
    *p_output++ = output_of(s.pa, a, twice);
    *q_output++ = output_of(s.qa, a, twice);
    *r_output++ = output_of(s.ra, a, twice);
    if (left > 1) {
      *p_output++ = output_of(unpacked(s.ph, s.pa), b, twice);
      *q_output++ = output_of(unpacked(s.qh, s.qa), b, twice);
      *r_output++ = output_of(unpacked(s.rh, s.ra), b, twice);
    }
    channel += 2;
  }
}
