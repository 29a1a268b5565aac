/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mean over H and W with Helium instructions, four channels at a time; the division is part of the factor.
 *
 * `output` may be `input`: a channel is written to a byte that held the same channel of the first pixel, after all of
 * its pixels are read.
 */
#include "sb_mve.h"

void sb_mean_s8_mve(const sb_mean_layer *layer, const int8_t *input, int8_t *output)
{
  const sb_vector_factor factor = sb_vector_factor_of(&layer->factor);
  const int32_t channels = layer->channels;
  for (int32_t c = 0; c < channels; c += 4) {
    const int32x4_t sum = sb_add_pixels(vdupq_n_s32(0), input + c, layer->pixels, channels, channels - c);
    const int32x4_t difference = vaddq_n_s32(sum, -layer->pixels * layer->input_zero_point);
    const int32x4_t y = vaddq_n_s32(sb_scaled(difference, &factor), layer->output_zero_point);
    vstrbq_p_s32(output + c, sb_saturated_bytes(y), vctp32q((uint32_t)(channels - c)));
  }
}
