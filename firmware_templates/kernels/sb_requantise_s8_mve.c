/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requantise with Helium instructions: the same numbers on another grid, four elements at a time.
 *
 * `output` may be `input`: elements are written after they are read, and never read again.
 */
#include "sb_mve.h"

void sb_requantise_s8_mve(const sb_requantise_layer *layer, const int8_t *input, int8_t *output)
{
  const sb_vector_factor factor = sb_vector_factor_of(&layer->factor);
  const int32_t from = layer->input_zero_point, to = layer->output_zero_point;
  for (int32_t left = layer->size; left > 0; left -= 4) {
    const mve_pred16_t some = vctp32q((uint32_t)left);
    const int32x4_t x = vaddq_n_s32(vldrbq_z_s32(input, some), -from);
    vstrbq_p_s32(output, sb_saturated_bytes(vaddq_n_s32(sb_scaled(x, &factor), to)), some);
    input += 4;
    output += 4;
  }
  sb_clamp_s8(output - (layer->size + 3) / 4 * 4, layer->size, layer->low, layer->high);
}
