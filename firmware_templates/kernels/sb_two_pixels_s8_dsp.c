/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two pixels against all output channels, two channels at a time: four sums of products at once, so that every word
 * that is loaded, and every weight that is widened, serves two SMLAD.
 *
 *     patches (int16): p0 p1 p2 p3 | q0 q1 q2 q3 | p4 p5 p6 p7 | q4 q5 q6 q7 | ...
 *     weights (int8):  a0 a2 a1 a3 | b0 b2 b1 b3 | a4 a6 a5 a7 | b4 b6 b5 b7 | ...
 *
 * Four values are a quad. Weights of two channels a, b are interleaved by quads; the last channel of an odd number
 * stands alone. Within a quad the bytes are in the order that SXTB16 turns into (a0, a1) and (a2, a3).
 *
 * Any channel is taken: one that is not shifted to the right, or whose factor is 0, is scaled as in plain C.
 */
#include "sb_dsp.h"
#include "sb_two_pixels_dsp.h"

/* Sums of products of pixels p and q with channels a and b. */
typedef struct {
  int32_t pa, qa, pb, qb;
} sums;

/* Adds the products of one quad; 16 instructions. Gives the address of the next quad of the patches. */
SB_INLINE const int16_t *add_quad(sums *s, const int16_t *patches, const int8_t **weights)
{
  uint32_t p01, p23, q01, q23, w;
  patches = sb_take_two(patches, &p01, &p23);
  patches = sb_take_two(patches, &q01, &q23);
  *weights = sb_take(*weights, &w);
  const uint32_t a01 = sb_sxtb16(w);
  s->pa = sb_smlad(p01, a01, s->pa);
  s->qa = sb_smlad(q01, a01, s->qa);
  const uint32_t a23 = sb_sxtb16_ror8(w);
  s->pa = sb_smlad(p23, a23, s->pa);
  s->qa = sb_smlad(q23, a23, s->qa);
  *weights = sb_take(*weights, &w);
  const uint32_t b01 = sb_sxtb16(w);
  s->pb = sb_smlad(p01, b01, s->pb);
  s->qb = sb_smlad(q01, b01, s->qb);
  const uint32_t b23 = sb_sxtb16_ror8(w);
  s->pb = sb_smlad(p23, b23, s->pb);
  s->qb = sb_smlad(q23, b23, s->qb);
  return patches;
}

/* An output whose channel is not shifted to the right, or has a factor of 0. */
static int8_t plain_output(int32_t sum, int32_t multiplier, int32_t shift, int32_t zero_point)
{
  return (int8_t)sb_clamp(sb_wrapping_add(sb_scale(sum, multiplier, shift), zero_point), INT8_MIN, INT8_MAX);
}

/* The sums of both pixels with one channel as their outputs. */
static inline void requantise_two(const sb_conv_layer *layer, int32_t channel, int32_t p, int32_t q, int8_t *p_output,
                                  int8_t *q_output)
{
  const int32_t multiplier = layer->channels[channel].multiplier, shift = layer->shifts[channel];
  const int32_t zero_point = layer->output_zero_point;
  if (shift < 0 && multiplier != 0) {
    const int32_t doubled = sb_wrapping_shift_left(multiplier, 1);
    p_output[channel] = sb_output_doubled(p, doubled, -1 - shift, 2 * zero_point + 1);
    q_output[channel] = sb_output_doubled(q, doubled, -1 - shift, 2 * zero_point + 1);
  } else {
    p_output[channel] = plain_output(p, multiplier, shift, zero_point);
    q_output[channel] = plain_output(q, multiplier, shift, zero_point);
  }
}

void sb_two_pixels_s8_dsp(const sb_conv_layer *layer, const int16_t *patches, int32_t quads, int8_t *p_output,
                          int8_t *q_output)
{
  const int8_t *w = layer->weights;
  int32_t c = 0;
  for (; c + 2 <= layer->output_channels; c += 2) {
    const int32_t a_bias = layer->channels[c].bias, b_bias = layer->channels[c + 1].bias;
    sums s = {a_bias, a_bias, b_bias, b_bias};
    const int16_t *x = patches;
    const int8_t *const end = w + 8 * quads;
    if (quads & 1) {
      x = add_quad(&s, x, &w);
    }
    while (w < end) {
      x = add_quad(&s, x, &w);
      x = add_quad(&s, x, &w);
    }
    requantise_two(layer, c, s.pa, s.qa, p_output, q_output);
    requantise_two(layer, c + 1, s.pb, s.qb, p_output, q_output);
  }
  if (c < layer->output_channels) {
    int32_t p = layer->channels[c].bias, q = p;
    for (const int8_t *const end = w + 4 * quads; w < end;) {
      uint32_t p01, p23, q01, q23, a;
      patches = sb_take_two(patches, &p01, &p23);
      patches = sb_take_two(patches, &q01, &q23);
      w = sb_take(w, &a);
      const uint32_t a01 = sb_sxtb16(a), a23 = sb_sxtb16_ror8(a);
      p = sb_smlad(p23, a23, sb_smlad(p01, a01, p));
      q = sb_smlad(q23, a23, sb_smlad(q01, a01, q));
    }
    requantise_two(layer, c, p, q, p_output, q_output);
  }
}
