/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three pixels against all output channels, two channels at a time: six sums of products at once, so that every word
 * of weights, once loaded, serves six SMLAD, and every word of a pixel two. See sb_paired_dsp.h for both layouts.
 *
 * weights: pairs of channels, one after the other; of an odd number the last has a companion of zeros.
 */
#include "sb_paired_dsp.h"

/* Of pixels p, q, r: sums of products with the weights a, and with h = 256 * b + a. */
typedef struct {
  int32_t pa, qa, ra, ph, qh, rh;
} sums;

#if defined(__ARM_FEATURE_DSP) && defined(__OPTIMIZE__)

/* Half a quad: one word of weights, three of pixels. */
#define ADD_HALF(h)                        \
  "ldmia %[x]!, {r4, r5, r6}\n\t"          \
  "smlad %[ph], r4, %[" h "], %[ph]\n\t"   \
  "smlad %[qh], r5, %[" h "], %[qh]\n\t"   \
  "smlad %[rh], r6, %[" h "], %[rh]\n\t"   \
  "sxtb16 %[" h "], %[" h "]\n\t"          \
  "smlad %[pa], r4, %[" h "], %[pa]\n\t"   \
  "smlad %[qa], r5, %[" h "], %[qa]\n\t"   \
  "smlad %[ra], r6, %[" h "], %[ra]\n\t"

#define ADD_QUAD "ldrd %[h02], %[h13], [%[w]], #8\n\t" ADD_HALF("h02") ADD_HALF("h13")

/*
 * Adds the products of all quads, 17 instructions for the 24 products of each; the loop is entered where it then ends
 * with the last quad. Gives the end of the weights. Written out because all 14 registers are in use: GCC 12, left to
 * itself or given single quads, moves or spills sums in between.
 */
SB_INLINE const int8_t *add_quads(sums *s, const int16_t *x, const int8_t *w, int32_t quads, const int16_t *x_end)
{
  int32_t h02 = quads, h13;
  __asm__ volatile("lsls %[h02], %[h02], #30\n\t"
                   "beq 4f\n\t"
                   "bpl 1f\n\t"
                   "lsls %[h02], %[h02], #1\n\t"
                   "beq 2f\n\t"
                   "b 3f\n"
                   "4:\n\t" ADD_QUAD "3:\n\t" ADD_QUAD "2:\n\t" ADD_QUAD "1:\n\t" ADD_QUAD
                   "ldr r4, %[x_end]\n\t"
                   "cmp r4, %[x]\n\t"
                   "bne 4b"
                   : [pa] "+r"(s->pa), [qa] "+r"(s->qa), [ra] "+r"(s->ra), [ph] "+r"(s->ph), [qh] "+r"(s->qh),
                     [rh] "+r"(s->rh), [x] "+r"(x), [w] "+r"(w), [h02] "+r"(h02), [h13] "=&r"(h13)
                   : [x_end] "m"(x_end)
                   : "r4", "r5", "r6", "cc", "memory");
  return w;
}

#else

SB_INLINE void add_half(sums *s, const int16_t *patches, uint32_t h)
{
  const uint32_t a = sb_sxtb16(h);
  s->pa = sb_smlad(sb_load(patches), a, s->pa);
  s->qa = sb_smlad(sb_load(patches + 2), a, s->qa);
  s->ra = sb_smlad(sb_load(patches + 4), a, s->ra);
  s->ph = sb_smlad(sb_load(patches), h, s->ph);
  s->qh = sb_smlad(sb_load(patches + 2), h, s->qh);
  s->rh = sb_smlad(sb_load(patches + 4), h, s->rh);
}

/* Adds the products of all quads. Gives the end of the weights. */
SB_INLINE const int8_t *add_quads(sums *s, const int16_t *x, const int8_t *w, int32_t quads, const int16_t *x_end)
{
  (void)quads;
  for (; x != x_end; x += SB_QUAD_OF_THREE) {
    add_half(s, x, sb_load(w));
    add_half(s, x + SB_QUAD_OF_THREE / 2, sb_load(w + 4));
    w += 8;
  }
  return w;
}

#endif

/* The sum of channel b. */
SB_INLINE int32_t parted(int32_t h_sum, int32_t a_sum)
{
  return sb_wrapping_sub(h_sum, a_sum) >> 8;
}

SB_INLINE int8_t output_of(int32_t sum, sb_paired_channel channel, int32_t twice)
{
  return sb_output_doubled(sum, channel.doubled, channel.bias_and_right, twice);
}

void sb_three_pixels_s8_dsp(const sb_paired_conv_layer *layer, const int16_t *patches, int32_t quads, int8_t *output,
                            int32_t q_step, int32_t r_step)
{
  const int16_t *const patches_end = patches + SB_QUAD_OF_THREE * quads;
  const int8_t *w = layer->weights;
  const sb_paired_channel *channel = layer->channels;
  const int32_t twice = 2 * layer->output_zero_point + 1;
  const int8_t *const last = output + layer->output_channels - 1;
  do {
    const int32_t a_bias = channel[0].bias_and_right >> 8;
    const int32_t h_bias = sb_wrapping_add(channel[1].bias_and_right, a_bias); /* parted() drops the shift */
    sums s = {a_bias, a_bias, a_bias, h_bias, h_bias, h_bias};
    w = add_quads(&s, patches, w, quads, patches_end);
    const sb_paired_channel a = channel[0], b = channel[1];
    int8_t *const q_output = output + q_step, *const r_output = output + r_step;
    r_output[0] = output_of(s.ra, a, twice);
    q_output[0] = output_of(s.qa, a, twice);
    output[0] = output_of(s.pa, a, twice);
    if (output == last) {
      break;
    }
    r_output[1] = output_of(parted(s.rh, s.ra), b, twice);
    q_output[1] = output_of(parted(s.qh, s.qa), b, twice);
    output[1] = output_of(parted(s.ph, s.pa), b, twice);
    output += 2;
    channel += 2;
  } while (output <= last);
}
