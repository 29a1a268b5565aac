/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three pixels against all output channels, two channels at a time: six sums of products at once, so that every word
 * of weights, once loaded, serves six SMLAD, and every word of a pixel two. See sb_paired_dsp.h for both layouts.
 *
 * weights: pairs of channels, one after the other; of an odd number the last has a companion of zeros.
 */
#include "sb_paired_dsp.h"

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
    sb_three_sums s = {a_bias, a_bias, a_bias, h_bias, h_bias, h_bias};
    w = sb_add_quads(&s, patches, w, quads, &patches_end);
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
