/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the pooling kernels share: which part of a window lies inside the image, and the mean of what is there.
 */
#ifndef SB_POOL_H
#define SB_POOL_H

#include "sb_fixedpoint.h"
#include "sb_kernels.h"

/* Rows, or columns: first .. first + count - 1. */
typedef struct {
  int32_t first, count;
} sb_range;

/* What of start .. start + size - 1 lies within 0 .. limit - 1. */
static inline sb_range sb_inside(int32_t start, int32_t size, int32_t limit)
{
  const int32_t first = sb_clamp(start, 0, limit);
  const sb_range range = {first, sb_clamp(start + size, 0, limit) - first};
  return range;
}

/* sum / count, halves away from zero. */
static inline int32_t sb_rounded_quotient(int32_t sum, int32_t count)
{
  return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

#endif /* SB_POOL_H */
