/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The step behind kernels that saturate to int8, for layers whose range is narrower.
 */
#ifndef SB_CLAMP_H
#define SB_CLAMP_H

#include <stdint.h>

/* Holds `count` bytes within low .. high. Costs nothing where that is all of int8. */
void sb_clamp_s8(int8_t *values, int32_t count, int32_t low, int32_t high);

#endif /* SB_CLAMP_H */
