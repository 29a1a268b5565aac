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

void sb_two_pixels_s8_dsp(const sb_conv_layer *layer, const int16_t *patches, int32_t quads, int8_t *p_output,
                          int8_t *q_output)
{
  const int8_t *w = layer->weights;
  const sb_channel *channel = layer->channels;
  const int8_t *shift = layer->shifts;
  const int32_t twice = 2 * layer->output_zero_point + 1;
  int32_t left = layer->output_channels;
  for (; left >= 2; left -= 2) {
    sums s = {channel[0].bias, channel[0].bias, channel[1].bias, channel[1].bias};
    const int16_t *x = patches;
    const int8_t *const end = w + 8 * quads;
    if (quads & 1) {
      x = add_quad(&s, x, &w);
    }
    while (w < end) {
      x = add_quad(&s, x, &w);
      x = add_quad(&s, x, &w);
    }
    const int32_t a_multiplier = channel[0].multiplier, b_multiplier = channel[1].multiplier;
    const int32_t a_right = -1 - shift[0], b_right = -1 - shift[1];
    p_output[0] = sb_output_dsp(s.pa, a_multiplier, a_right, twice);
    p_output[1] = sb_output_dsp(s.pb, b_multiplier, b_right, twice);
    q_output[0] = sb_output_dsp(s.qa, a_multiplier, a_right, twice);
    q_output[1] = sb_output_dsp(s.qb, b_multiplier, b_right, twice);
    p_output += 2;
    q_output += 2;
    channel += 2;
    shift += 2;
  }
  if (left > 0) {
    int32_t pa = channel->bias, qa = pa;
    for (const int8_t *const end = w + 4 * quads; w < end;) {
      uint32_t p01, p23, q01, q23, a;
      patches = sb_take_two(patches, &p01, &p23);
      patches = sb_take_two(patches, &q01, &q23);
      w = sb_take(w, &a);
      const uint32_t a01 = sb_sxtb16(a), a23 = sb_sxtb16_ror8(a);
      pa = sb_smlad(p23, a23, sb_smlad(p01, a01, pa));
      qa = sb_smlad(q23, a23, sb_smlad(q01, a01, qa));
    }
    *p_output = sb_output_dsp(pa, channel->multiplier, -1 - *shift, twice);
    *q_output = sb_output_dsp(qa, channel->multiplier, -1 - *shift, twice);
  }
}
