/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sb_add_linear_s8 with Helium instructions: four elements at a time, two multiplications each. A saturating shift puts
 * the sum's byte into the highest one.
 *
 * `output` may be `input` or `other`: elements are written after they are read, and never read again.
 */
#include "sb_mve.h"

SB_INLINE int32x4_t sum_of(const sb_add_linear_layer *layer, int32x4_t x, int32x4_t y)
{
  const int32x4_t sum = vmlaq_n_s32(vmlaq_n_s32(vdupq_n_s32(layer->start), x, layer->slope), y, layer->other_slope);
  return vshrq_n_s32(vqshlq_r_s32(sum, 24 - layer->shift), 24);
}

void sb_add_linear_s8_mve(const sb_add_linear_layer *layer, const int8_t *input, const int8_t *other, int8_t *output)
{
  const sb_add_linear_layer here = *layer;
  int8_t *to = output;
  for (int32_t fours = here.size / 4; fours > 0; fours--) {
    vstrbq_s32(to, sum_of(&here, vldrbq_s32(input), vldrbq_s32(other)));
    input += 4;
    other += 4;
    to += 4;
  }
  const mve_pred16_t rest = vctp32q((uint32_t)(here.size % 4));
  vstrbq_p_s32(to, sum_of(&here, vldrbq_z_s32(input, rest), vldrbq_z_s32(other, rest)), rest);
  sb_clamp_s8(output, here.size, here.low, here.high);
}
