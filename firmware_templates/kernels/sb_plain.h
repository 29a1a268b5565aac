/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the plain kernels with weights share: a sum of products, and the step from that sum to an output byte.
 */
#ifndef SB_PLAIN_H
#define SB_PLAIN_H

#include "sb_fixedpoint.h"
#include "sb_kernels.h"

/* Sum of values[i] * weights[i]. Each product is within 2^14, so 2^17 - 1 of them fit. */
static inline int32_t sb_dot(const int8_t *values, const int8_t *weights, int32_t size)
{
  int32_t sum = 0;
  int32_t i = 0;
  for (; i + 4 <= size; i += 4) { /* small cores spend as much on the loop as on a product */
    sum += values[i] * weights[i];
    sum += values[i + 1] * weights[i + 1];
    sum += values[i + 2] * weights[i + 2];
    sum += values[i + 3] * weights[i + 3];
  }
  for (; i < size; i++) {
    sum += values[i] * weights[i];
  }
  return sum;
}

/* The output byte of a channel whose products sum up to `sum`. */
static inline int8_t sb_output(int32_t sum, const sb_channel *channel, int32_t shift, int32_t zero_point, int32_t low,
                               int32_t high)
{
  const int32_t scaled = sb_scale(sb_wrapping_add(sum, channel->bias), channel->multiplier, shift);
  return (int8_t)sb_clamp(sb_wrapping_add(scaled, zero_point), low, high);
}

#endif /* SB_PLAIN_H */
