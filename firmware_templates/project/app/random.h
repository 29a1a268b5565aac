/* SPDX-License-Identifier: Apache-2.0 */
/* Marsaglia's xorshift generator with 32 bits (Journal of Statistical Software 8(14), 2003): shifts 13, 17, 5. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

static inline uint32_t random_next(uint32_t *state)
{
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

#endif
