/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with a 1x1 kernel, stride 1 and no padding, with weights of 3 and 4 bits, four channels in one int16, for layers
 * whose channels are straight lines from sum to output: see sb_nibbles_dsp.h.
 */
#include "sb_nibbles_dsp.h"

/* raised: that of the sum, less what it comes with. odd: what is added to a sum of v, raised. */
SB_INLINE int8_t output_of(int32_t sum, int32_t raised, int32_t odd, sb_line line)
{
  const int32_t whole = sb_wrapping_add(sb_wrapping_shift_left(sum, raised), odd);
  return (int8_t)sb_ssat8_high_half(sb_smmla(whole, line.slope, line.start));
}

static SB_APART void two_pixels(const sb_nibble_conv_layer *layer, const int16_t *patches, int32_t quads,
                                int8_t *output, int32_t q_step)
{
  const int16_t *const patches_end = patches + SB_QUAD_OF_THREE * quads;
  const int8_t *w = layer->conv.weights;
  const sb_line *line = layer->conv.lines;
  const int32_t raised = layer->conv.raised + layer->doubled;
  sb_nibble_signs p, q;
  sb_nibble_signs_of_two(&p, &q, patches, patches_end);
  const int32_t p_odd = layer->doubled ? sb_wrapping_shift_left(p.inputs, layer->conv.raised) : 0;
  const int32_t q_odd = layer->doubled ? sb_wrapping_shift_left(q.inputs, layer->conv.raised) : 0;
  const int8_t *const last = output + layer->conv.output_channels - 1;
  do {
    sb_nibble_sums s = {0, 0, 0, 0, 0, 0};
    w = sb_add_nibbles(&s, patches, w, quads, &patches_end);
    const sb_nibble_outputs of_p = sb_part_nibbles(s.pg, s.pc, s.ph, &p);
    const sb_nibble_outputs of_q = sb_part_nibbles(s.qg, s.qc, s.qh, &q);
    int8_t *const q_output = output + q_step;
    q_output[0] = output_of(of_q.a, raised, q_odd, line[0]);
    output[0] = output_of(of_p.a, raised, p_odd, line[0]);
    if (output == last) {
      break;
    }
    q_output[1] = output_of(of_q.b_8, raised - 3, q_odd, line[1]);
    output[1] = output_of(of_p.b_8, raised - 3, p_odd, line[1]);
    if (output + 1 == last) {
      break;
    }
    q_output[2] = output_of(of_q.c_16, raised - 4, q_odd, line[2]);
    output[2] = output_of(of_p.c_16, raised - 4, p_odd, line[2]);
    if (output + 2 == last) {
      break;
    }
    q_output[3] = output_of(of_q.d_4096, raised - 12, q_odd, line[3]);
    output[3] = output_of(of_p.d_4096, raised - 12, p_odd, line[3]);
    output += 4;
    line += 4;
  } while (output <= last);
}

void sb_conv2d_1x1_nibbles_relu_s8_dsp(const sb_nibble_conv_layer *layer, const int8_t *input, int8_t *output,
                                       void *scratch)
{
  sb_convolve_nibbles(layer, input, output, scratch, two_pixels);
}
