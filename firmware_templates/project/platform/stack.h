/* SPDX-License-Identifier: Apache-2.0 */
/* The stack: painted at start-up, so that what was never touched can be told later. */
#ifndef STACK_H
#define STACK_H

#include <stdint.h>

/* Fills everything below the caller's frame with a pattern. */
void stack_paint(void);

/* Whether `words` words from `from` on lie within the reserved stack. */
int stack_holds(const uint32_t *from, uint32_t words);

#endif
