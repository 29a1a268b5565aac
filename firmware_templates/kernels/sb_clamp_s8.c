/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds bytes within a range. The fast kernels saturate to int8 in one instruction; a layer whose range is narrower
 * than that passes through here as well.
 */
#include "sb_clamp.h"
#include "sb_fixedpoint.h"

void sb_clamp_s8(int8_t *values, int32_t count, int32_t low, int32_t high)
{
  if (low <= INT8_MIN && high >= INT8_MAX) {
    return;
  }
  for (int32_t i = 0; i < count; i++) {
    values[i] = (int8_t)sb_clamp(values[i], low, high);
  }
}
