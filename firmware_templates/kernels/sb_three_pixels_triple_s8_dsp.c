/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three pixels against all output channels, three channels at a time: six sums of products at once for nine outputs.
 * See sb_triple_dsp.h for the layouts.
 *
 * weights: three channels after the other; where one or two are left over, they have companions of zeros.
 */
#include "sb_triple_dsp.h"

SB_INLINE int8_t output_of(int32_t sum, sb_paired_channel channel, int32_t twice)
{
  return sb_output_doubled(sum, channel.doubled, channel.bias_and_right, twice);
}

void sb_three_pixels_triple_s8_dsp(const sb_paired_conv_layer *layer, const int16_t *patches, int32_t quads,
                                   int8_t *output, int32_t q_step, int32_t r_step)
{
  const int16_t *const patches_end = patches + SB_QUAD_OF_THREE * quads;
  const int8_t *w = layer->weights;
  const sb_paired_channel *channel = layer->channels;
  const int32_t twice = 2 * layer->output_zero_point + 1;
  const int8_t *const last = output + layer->output_channels - 1;
  do {
    const int32_t a_bias = channel[0].bias_and_right >> 8;
    const int32_t b_bias = channel[1].bias_and_right >> 8;
    const int32_t c_bias = channel[2].bias_and_right >> 8;
    const int32_t g_bias = sb_wrapping_add(sb_wrapping_shift_left(b_bias, SB_APART_BITS), a_bias);
    const int32_t h_bias = sb_wrapping_add(sb_wrapping_shift_left(a_bias, SB_APART_BITS), c_bias);
    sb_triple_sums s = {g_bias, g_bias, g_bias, h_bias, h_bias, h_bias};
    w = sb_add_triples(&s, patches, w, quads, &patches_end);
    const sb_paired_channel a = channel[0], b = channel[1], c = channel[2];
    const int32_t ra = sb_sum_of_a(s.rg, s.rh), qa = sb_sum_of_a(s.qg, s.qh), pa = sb_sum_of_a(s.pg, s.ph);
    int8_t *const q_output = output + q_step, *const r_output = output + r_step;
    r_output[0] = output_of(ra, a, twice);
    q_output[0] = output_of(qa, a, twice);
    output[0] = output_of(pa, a, twice);
    if (output == last) {
      break;
    }
    r_output[1] = output_of(sb_sum_of_b(s.rg, ra) >> SB_APART_BITS, b, twice);
    q_output[1] = output_of(sb_sum_of_b(s.qg, qa) >> SB_APART_BITS, b, twice);
    output[1] = output_of(sb_sum_of_b(s.pg, pa) >> SB_APART_BITS, b, twice);
    if (output + 1 == last) {
      break;
    }
    r_output[2] = output_of(sb_sum_of_c(s.rh, ra), c, twice);
    q_output[2] = output_of(sb_sum_of_c(s.qh, qa), c, twice);
    output[2] = output_of(sb_sum_of_c(s.ph, pa), c, twice);
    output += 3;
    channel += 3;
  } while (output <= last);
}
