/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Add: both inputs, 20 bits to the left, are brought to one scale, added, and brought to the output's scale.
 *
 * `output` may be `input` or `other`: element i is written after it is read, and never read again.
 */
#include "sb_fixedpoint.h"
#include "sb_kernels.h"

/* Headroom that keeps the rounding error of the common scale below the output's: TFLite's constant for int8. */
#define LEFT_SHIFT 20

static int32_t scaled_input(int32_t value, int32_t zero_point, const sb_factor *factor)
{
  return sb_scale((value - zero_point) * (1 << LEFT_SHIFT), factor->multiplier, factor->shift);
}

void sb_add_s8(const sb_add_layer *layer, const int8_t *input, const int8_t *other, int8_t *output)
{
  for (int32_t i = 0; i < layer->size; i++) {
    const int32_t sum = scaled_input(input[i], layer->input_zero_point, &layer->input) +
                        scaled_input(other[i], layer->other_zero_point, &layer->other);
    const int32_t scaled = sb_scale(sum, layer->output.multiplier, layer->output.shift);
    output[i] = (int8_t)sb_clamp(scaled + layer->output_zero_point, layer->low, layer->high);
  }
}
