/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack lies at the bottom of its memory and grows downwards, so that an overflow leaves the memory rather than
 * eat the variables. Start-up painted it; the first word from the bottom up that differs was in use.
 */
#include "platform/stack.h"

#include "platform/platform.h"

/* Given by the linker script. */
extern uint32_t linked_stack_limit[], linked_stack_top[];

int stack_holds(const uint32_t *from, uint32_t words)
{
  return from >= linked_stack_limit && from + words <= linked_stack_top;
}

uint32_t stack_reserved_bytes(void)
{
  return (uint32_t)((uintptr_t)linked_stack_top - (uintptr_t)linked_stack_limit);
}

uint32_t stack_used_bytes(void)
{
  const volatile uint32_t *word = linked_stack_limit;
  while (word < linked_stack_top && *word == STACK_PATTERN) {
    word++;
  }
  return (uint32_t)((uintptr_t)linked_stack_top - (uintptr_t)word);
}
