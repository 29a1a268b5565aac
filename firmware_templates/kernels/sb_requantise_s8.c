/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requantise: the same numbers on another grid, or behind a clamp (a ReLU that stands alone).
 *
 * `output` may be `input`: element i is written after it is read, and never read again.
 */
#include "sb_fixedpoint.h"
#include "sb_kernels.h"

void sb_requantise_s8(const sb_requantise_layer *layer, const int8_t *input, int8_t *output)
{
  for (int32_t i = 0; i < layer->size; i++) {
    const int32_t scaled =
        sb_scale(input[i] - layer->input_zero_point, layer->factor.multiplier, layer->factor.shift);
    output[i] = (int8_t)sb_clamp(sb_wrapping_add(scaled, layer->output_zero_point), layer->low, layer->high);
  }
}
