/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs made from a seed: the upper half of each random word, scaled to the range. */
#include "app/pattern.h"

#include "app/random.h"

void pattern_bytes(uint32_t *state, int32_t low, int32_t high, int8_t *bytes, uint32_t count)
{
  const uint32_t span = (uint32_t)(high - low) + 1u;
  for (uint32_t i = 0; i < count; i++) {
    bytes[i] = (int8_t)(low + (int32_t)((random_next(state) >> 16) * span >> 16));
  }
}
