/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Add as a linear function of both inputs, which the generator has found to give the bytes of sb_add_s8 for all 65,536
 * pairs of them: two multiplications an element, on any core.
 *
 * `output` may be `input` or `other`: an element is written after it is read, and never read again.
 */
#include "sb_clamp.h"
#include "sb_fixedpoint.h"
#include "sb_kernels.h"

void sb_add_linear_s8(const sb_add_linear_layer *layer, const int8_t *input, const int8_t *other, int8_t *output)
{
  const int32_t slope = layer->slope, other_slope = layer->other_slope, start = layer->start, shift = layer->shift;
  int8_t *to = output;
  for (const int8_t *const end = input + layer->size; input != end;) {
    *to++ = (int8_t)sb_saturate8((start + *input++ * slope + *other++ * other_slope) >> shift);
  }
  sb_clamp_s8(output, layer->size, layer->low, layer->high);
}
