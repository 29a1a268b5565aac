/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three pixels against all output channels as in sb_three_pixels_s8_dsp.c, for layers whose channels are straight lines
 * from sum to output: their biases are part of the lines, and an output byte is three or four instructions.
 */
#include "sb_paired_dsp.h"

SB_INLINE int8_t output_of(int32_t sum, int32_t raised, sb_line line)
{
  return (int8_t)sb_ssat8_high_half(sb_smmla(sb_wrapping_shift_left(sum, raised), line.slope, line.start));
}

void sb_three_pixels_relu_s8_dsp(const sb_paired_conv_layer *layer, const int16_t *patches, int32_t quads,
                                 int8_t *output, int32_t q_step, int32_t r_step)
{
  const int16_t *const patches_end = patches + SB_QUAD_OF_THREE * quads;
  const int8_t *w = layer->weights;
  const sb_line *line = layer->lines;
  const int32_t raised = layer->raised;
  const int8_t *const last = output + layer->output_channels - 1;
  do {
    sb_three_sums s = {0, 0, 0, 0, 0, 0};
    w = sb_add_quads(&s, patches, w, quads, &patches_end);
    const sb_line a = line[0], b = line[1];
    int8_t *const q_output = output + q_step, *const r_output = output + r_step;
    r_output[0] = output_of(s.ra, raised, a);
    q_output[0] = output_of(s.qa, raised, a);
    output[0] = output_of(s.pa, raised, a);
    if (output == last) {
      break;
    }
    r_output[1] = output_of(sb_wrapping_sub(s.rh, s.ra), raised - 8, b);
    q_output[1] = output_of(sb_wrapping_sub(s.qh, s.qa), raised - 8, b);
    output[1] = output_of(sb_wrapping_sub(s.ph, s.pa), raised - 8, b);
    output += 2;
    line += 2;
  } while (output <= last);
}
