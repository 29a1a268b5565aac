/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eight pixels against all output channels as in sb_eight_pixels_planes_s8_dsp.c, for layers whose channels are straight
 * lines from sum to output: their biases are part of the lines, and an output byte is three instructions.
 */
#include "sb_planes.h"

SB_INLINE int8_t output_of_low(uint32_t sums, sb_line line)
{
  return (int8_t)sb_ssat8_14(sb_smlawb(line.slope, sums, line.start));
}

SB_INLINE int8_t output_of_high(uint32_t sums, sb_line line)
{
  return (int8_t)sb_ssat8_14(sb_smlawt(line.slope, sums + SB_BORROWED, line.start));
}

void sb_eight_pixels_planes_relu_s8_dsp(const sb_planes_conv_layer *layer, const uint32_t *tables, int32_t n_tables,
                                        sb_eight_pixels eight, int8_t *output)
{
  const int32_t planes = layer->planes, doubled = layer->doubled;
  const int32_t one = eight.one * layer->output_channels;
  const int32_t two = eight.two * layer->output_channels;
  const int32_t four = eight.four * layer->output_channels;
  const int8_t *weights = layer->weights;
  const sb_line *next_line = layer->lines;
  const int8_t *const end = output + layer->output_channels;
  do {
    sb_eight_sums s;
    weights = sb_sum_planes(&s, planes, doubled, tables, n_tables, weights);
    const sb_line line = *next_line++;
    int8_t *const cd = output + two, *const ef = output + four, *const gh = ef + two;
    output[0] = output_of_low(s.ab, line);
    output[one] = output_of_high(s.ab, line);
    cd[0] = output_of_low(s.cd, line);
    cd[one] = output_of_high(s.cd, line);
    ef[0] = output_of_low(s.ef, line);
    ef[one] = output_of_high(s.ef, line);
    gh[0] = output_of_low(s.gh, line);
    gh[one] = output_of_high(s.gh, line);
    output++;
  } while (output != end);
}
