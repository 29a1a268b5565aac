/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with a 1x1 kernel, stride 1 and no padding, with weights of 5 bits, three channels in one int16, for layers whose
 * channels are straight lines from sum to output: see sb_fives_dsp.h.
 */
#include "sb_fives_dsp.h"

/* Of one pixel: what its sums begin with, and what is added to a raised sum of v for weights 2 * v + 1. */
typedef struct {
  int32_t g, h, odd;
} beginning;

SB_INLINE beginning beginning_of(const int16_t *patch, const int16_t *end, const sb_paired_conv_layer *layer)
{
  const int32_t inputs = sb_sum_patch(patch, end);
  const int32_t odd = layer->doubled ? sb_wrapping_shift_left(inputs, layer->raised) : 0;
  return (beginning){sb_fives_g(inputs), sb_fives_h(inputs), odd};
}

SB_INLINE int8_t output_of(int32_t sum, int32_t raised, int32_t odd, sb_line line)
{
  const int32_t whole = sb_wrapping_add(sb_wrapping_shift_left(sum, raised), odd);
  return (int8_t)sb_ssat8_high_half(sb_smmla(whole, line.slope, line.start));
}

static SB_APART void three_pixels(const sb_paired_conv_layer *layer, const int16_t *patches, int32_t quads,
                                  int8_t *output, int32_t q_step, int32_t r_step)
{
  const int16_t *const patches_end = patches + SB_QUAD_OF_THREE * quads;
  const int8_t *w = layer->weights;
  const sb_line *line = layer->lines;
  const int32_t raised = layer->raised + layer->doubled, b_raised = raised - 11;
  const beginning p = beginning_of(patches, patches_end, layer);
  const beginning q = beginning_of(patches + SB_NEXT_OF_THREE, patches_end, layer);
  const beginning r = beginning_of(patches + 2 * SB_NEXT_OF_THREE, patches_end, layer);
  const int8_t *const last = output + layer->output_channels - 1;
  do {
    sb_fives_sums s = {p.g, q.g, r.g, p.h, q.h, r.h};
    w = sb_add_fives(&s, patches, w, quads, &patches_end);
    const int32_t ra = sb_fives_a(s.rg, s.rh), qa = sb_fives_a(s.qg, s.qh), pa = sb_fives_a(s.pg, s.ph);
    const sb_line a = line[0], b = line[1], c = line[2];
    int8_t *const q_output = output + q_step, *const r_output = output + r_step;
    r_output[0] = output_of(ra, raised, r.odd, a);
    q_output[0] = output_of(qa, raised, q.odd, a);
    output[0] = output_of(pa, raised, p.odd, a);
    if (output == last) {
      break;
    }
    r_output[1] = output_of(sb_fives_b(s.rg, ra), b_raised, r.odd, b);
    q_output[1] = output_of(sb_fives_b(s.qg, qa), b_raised, q.odd, b);
    output[1] = output_of(sb_fives_b(s.pg, pa), b_raised, p.odd, b);
    if (output + 1 == last) {
      break;
    }
    r_output[2] = output_of(sb_fives_c(s.rh, ra), raised, r.odd, c);
    q_output[2] = output_of(sb_fives_c(s.qh, qa), raised, q.odd, c);
    output[2] = output_of(sb_fives_c(s.ph, pa), raised, p.odd, c);
    output += 3;
    line += 3;
  } while (output <= last);
}

void sb_conv2d_1x1_fives_relu_s8_dsp(const sb_paired_conv_layer *layer, const int8_t *input, int8_t *output,
                                     void *scratch)
{
  sb_convolve_pixels(layer, input, output, scratch, three_pixels);
}
