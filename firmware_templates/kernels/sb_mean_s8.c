/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mean over H and W; the division by their product is part of the factor.
 *
 * `output` may be `input`: channel c is written to a byte that held channel c of the first pixel, after all of its
 * pixels are read.
 */
#include "sb_fixedpoint.h"
#include "sb_kernels.h"

void sb_mean_s8(const sb_mean_layer *layer, const int8_t *input, int8_t *output)
{
  const int32_t offset = layer->pixels * layer->input_zero_point;
  for (int32_t c = 0; c < layer->channels; c++) {
    const int8_t *value = input + c;
    int32_t sum = -offset;
    for (int32_t left = layer->pixels; left > 0; left--) {
      sum += *value;
      value += layer->channels;
    }
    const int32_t scaled = sb_scale(sum, layer->factor.multiplier, layer->factor.shift);
    output[c] = (int8_t)sb_clamp(sb_wrapping_add(scaled, layer->output_zero_point), INT8_MIN, INT8_MAX);
  }
}
