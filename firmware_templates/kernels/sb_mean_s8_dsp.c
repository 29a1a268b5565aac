/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mean over H and W with SIMD instructions, four channels at a time: sb_sum_four.h. At least four channels.
 *
 * `output` may be `input`: channels are written to the first pixel after they are read. Those that are read once more,
 * with the last four, only add to sums that nobody takes.
 */
#include "sb_fixedpoint.h"
#include "sb_sum_four.h"

void sb_mean_s8_dsp(const sb_mean_layer *layer, const int8_t *input, int8_t *output)
{
  const int32_t channels = layer->channels;
  const sb_area area = {1, layer->pixels, channels, layer->pixels * channels};
  const int32_t offset = layer->pixels * layer->input_zero_point;
  for (int32_t c = 0; c < channels;) {
    const int32_t first = c + 4 <= channels ? c : channels - 4;
    int32_t sums[4];
    sb_sum_four_s8_dsp(&area, input + first, sums);
    for (; c < first + 4; c++) {
      const int32_t scaled = sb_scale(sums[c - first] - offset, layer->factor.multiplier, layer->factor.shift);
      output[c] = (int8_t)sb_clamp(sb_wrapping_add(scaled, layer->output_zero_point), INT8_MIN, INT8_MAX);
    }
  }
}
