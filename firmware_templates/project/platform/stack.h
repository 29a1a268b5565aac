/* SPDX-License-Identifier: Apache-2.0 */
/* The stack: painted at start-up, so that what was never touched can be told later. */
#ifndef STACK_H
#define STACK_H

#include <stdint.h>

/* What start-up fills it with; as text for assembly. */
#define STACK_PATTERN 0xc5a3965c
#define STACK_PATTERN_TEXT STACK_TEXT_OF(STACK_PATTERN)
#define STACK_TEXT_OF(number) STACK_TEXT(number)
#define STACK_TEXT(number) #number

/* Whether `words` words from `from` on lie within the reserved stack. */
int stack_holds(const uint32_t *from, uint32_t words);

#endif
