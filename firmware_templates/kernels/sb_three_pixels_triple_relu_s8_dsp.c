/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three pixels against all output channels as in sb_three_pixels_triple_s8_dsp.c, for layers whose channels are straight
 * lines from sum to output: their biases are part of the lines.
 */
#include "sb_triple_dsp.h"

SB_INLINE int8_t output_of(int32_t sum, int32_t raised, sb_line line)
{
  return (int8_t)sb_ssat8_high_half(sb_smmla(sb_wrapping_shift_left(sum, raised), line.slope, line.start));
}

void sb_three_pixels_triple_relu_s8_dsp(const sb_paired_conv_layer *layer, const int16_t *patches, int32_t quads,
                                        int8_t *output, int32_t q_step, int32_t r_step)
{
  const int16_t *const patches_end = patches + SB_QUAD_OF_THREE * quads;
  const int8_t *w = layer->weights;
  const sb_line *line = layer->lines;
  const int32_t raised = layer->raised, b_raised = raised - SB_APART_BITS;
  const int8_t *const last = output + layer->output_channels - 1;
  do {
    sb_triple_sums s = {0, 0, 0, 0, 0, 0};
    w = sb_add_triples(&s, patches, w, quads, &patches_end);
    const int32_t ra = sb_sum_of_a(s.rg, s.rh), qa = sb_sum_of_a(s.qg, s.qh), pa = sb_sum_of_a(s.pg, s.ph);
    const sb_line a = line[0], b = line[1], c = line[2];
    int8_t *const q_output = output + q_step, *const r_output = output + r_step;
    r_output[0] = output_of(ra, raised, a);
    q_output[0] = output_of(qa, raised, a);
    output[0] = output_of(pa, raised, a);
    if (output == last) {
      break;
    }
    r_output[1] = output_of(sb_sum_of_b(s.rg, ra), b_raised, b);
    q_output[1] = output_of(sb_sum_of_b(s.qg, qa), b_raised, b);
    output[1] = output_of(sb_sum_of_b(s.pg, pa), b_raised, b);
    if (output + 1 == last) {
      break;
    }
    r_output[2] = output_of(sb_sum_of_c(s.rh, ra), raised, c);
    q_output[2] = output_of(sb_sum_of_c(s.qh, qa), raised, c);
    output[2] = output_of(sb_sum_of_c(s.ph, pa), raised, c);
    output += 3;
    line += 3;
  } while (output <= last);
}
