/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs made from a seed, so that a known answer costs no flash for its input. */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdint.h>

/* Fills `bytes` with `count` values low .. high that follow from `state`, which must not be 0 and is moved on. */
void pattern_bytes(uint32_t *state, int32_t low, int32_t high, int8_t *bytes, uint32_t count);

#endif
