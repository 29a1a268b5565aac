/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with a 1x1 kernel, stride 1 and no padding, with weights of 3 and 4 bits, four channels in one int16: see
 * sb_nibbles_dsp.h.
 */
#include "sb_nibbles_dsp.h"

/* Of all channels: how far sums of v are shifted, what is added for weights 2 * v + 1, and 2 * zero point + 1. */
typedef struct {
  int32_t doubled, odd, twice;
} scaling;

SB_INLINE int8_t output_of(int32_t sum, scaling of, sb_paired_channel channel)
{
  const int32_t total = sb_wrapping_shift_left(sum, of.doubled) + of.odd + (channel.bias_and_right >> 8);
  return sb_output_doubled(total, channel.doubled, channel.bias_and_right, of.twice);
}

static SB_APART void two_pixels(const sb_nibble_conv_layer *layer, const int16_t *patches, int32_t quads,
                                int8_t *output, int32_t q_step)
{
  const int16_t *const patches_end = patches + SB_QUAD_OF_THREE * quads;
  const int8_t *w = layer->conv.weights;
  const sb_paired_channel *channel = layer->conv.channels;
  const int32_t doubled = layer->doubled, twice = 2 * layer->conv.output_zero_point + 1;
  sb_nibble_signs p, q;
  sb_nibble_signs_of_two(&p, &q, patches, patches_end);
  const scaling p_of = {doubled, doubled ? p.inputs : 0, twice}, q_of = {doubled, doubled ? q.inputs : 0, twice};
  const int8_t *const last = output + layer->conv.output_channels - 1;
  do {
    sb_nibble_sums s = {0, 0, 0, 0, 0, 0};
    w = sb_add_nibbles(&s, patches, w, quads, &patches_end);
    const sb_nibble_outputs of_p = sb_part_nibbles(s.pg, s.pc, s.ph, &p);
    const sb_nibble_outputs of_q = sb_part_nibbles(s.qg, s.qc, s.qh, &q);
    int8_t *const q_output = output + q_step;
    q_output[0] = output_of(of_q.a, q_of, channel[0]);
    output[0] = output_of(of_p.a, p_of, channel[0]);
    if (output == last) {
      break;
    }
    q_output[1] = output_of(of_q.b_8 >> 3, q_of, channel[1]);
    output[1] = output_of(of_p.b_8 >> 3, p_of, channel[1]);
    if (output + 1 == last) {
      break;
    }
    q_output[2] = output_of(of_q.c_16 >> 4, q_of, channel[2]);
    output[2] = output_of(of_p.c_16 >> 4, p_of, channel[2]);
    if (output + 2 == last) {
      break;
    }
    q_output[3] = output_of(of_q.d_4096 >> 12, q_of, channel[3]);
    output[3] = output_of(of_p.d_4096 >> 12, p_of, channel[3]);
    output += 4;
    channel += 4;
  } while (output <= last);
}

void sb_conv2d_1x1_nibbles_s8_dsp(const sb_nibble_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  sb_convolve_nibbles(layer, input, output, scratch, two_pixels);
}
