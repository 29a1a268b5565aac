/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From reset to main, and what happens on a fault.
 *
 *   reset -> stack painted, pointer and limit set -> coprocessors on -> .data copied -> .bss and arena zeroed ->
 *   board_init (clocks, console) -> main -> finish
 *
 * The firmware enables no interrupt, so the vector table ends after the system exceptions. Every one of these but reset
 * is reported on the console and ends the run: nothing here could go on after it.
 * Sources: Armv7-M ARM (DDI 0403) B1.5 and B3.2; Armv8-M ARM (DDI 0553) for MSPLIM and the Secure fault.
 */
#include <stddef.h>
#include <stdint.h>

#include "platform/platform.h"
#include "platform/print.h"
#include "platform/stack.h"

/* Given by the linker script. */
extern uint32_t linked_stack_top[];
extern uint32_t linked_data_start[], linked_data_end[];
extern const uint32_t linked_data_load[];
extern uint32_t linked_bss_start[], linked_bss_end[];
extern uint32_t linked_arena_start[], linked_arena_end[];
extern const char linked_flash_bytes[], linked_ram_bytes[];
#ifdef CONSTRUCTORS /* of a C++ library */
extern void (*const linked_constructors_start[])(void), (*const linked_constructors_end[])(void);
#endif

int main(void);
void reset_handler(void);
void fault_handler(void);
void start(void) __attribute__((noreturn));
void fault_report(const uint32_t *frame) __attribute__((noreturn));

const char *board_problem;

typedef void (*handler)(void);

/* Reset is 1, SysTick 15; entry 0 of the table in memory is the first stack pointer. */
struct vector_table {
  const uint32_t *stack_top;
  handler handlers[15];
};

extern const struct vector_table vectors;

__attribute__((section(".vectors"), used)) const struct vector_table vectors = {
    linked_stack_top,
    {
        reset_handler, fault_handler, fault_handler, fault_handler, fault_handler,
        fault_handler, fault_handler, fault_handler, fault_handler, fault_handler,
        fault_handler, fault_handler, fault_handler, fault_handler, fault_handler,
    },
};

/*
 * Assembly, because no C function may run on a stack that is being painted, and because the compiler may use vector
 * registers in any of them, which are off until CPACR says else.
 */
__attribute__((naked, used)) void reset_handler(void)
{
  __asm volatile(
      ".syntax unified             \n"
      "ldr r0, =linked_stack_limit \n"
      "ldr r1, =linked_stack_top   \n"
      "mov sp, r1                  \n"
      "ldr r2, =" STACK_PATTERN_TEXT " \n"
      "1: str r2, [r0]             \n"
      "adds r0, #4                 \n"
      "cmp r0, r1                  \n"
      "bne 1b                      \n"
#if defined(__ARM_ARCH_8M_MAIN__) || defined(__ARM_ARCH_8_1M_MAIN__)
      "ldr r0, =linked_stack_limit \n"
      "msr msplim, r0              \n"
#endif
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
      "ldr r0, =0xe000ed88       \n" /* CPACR: full access to CP10 and CP11 */
      "ldr r1, [r0]              \n"
      "orr r1, r1, #0xf00000     \n"
      "str r1, [r0]              \n"
      "dsb                       \n"
      "isb                       \n"
#endif
      "ldr r0, =start            \n"
      "bx r0                     \n"
      ".ltorg                    \n");
}

static void zero(uint32_t *from, const uint32_t *end)
{
  while (from < end) {
    *from++ = 0;
  }
}

__attribute__((used)) void start(void)
{
  volatile uint32_t *const vtor = (volatile uint32_t *)0xe000ed08u;
  *vtor = (uint32_t)&vectors;
  const uint32_t *load = linked_data_load;
  for (uint32_t *word = linked_data_start; word < linked_data_end; word++) {
    *word = *load++;
  }
  zero(linked_bss_start, linked_bss_end);
  zero(linked_arena_start, linked_arena_end);
#ifdef CONSTRUCTORS
  for (void (*const *constructor)(void) = linked_constructors_start; constructor < linked_constructors_end; constructor++) {
    (*constructor)();
  }
#endif
  board_problem = board_init();
  finish(main() == 0);
}

uint32_t firmware_flash_bytes(void)
{
  return (uint32_t)linked_flash_bytes;
}

uint32_t firmware_ram_bytes(void)
{
  return (uint32_t)linked_ram_bytes;
}

/* The stack itself may be what failed: note where it stood, and report on a fresh one. */
__attribute__((naked, used)) void fault_handler(void)
{
  __asm volatile(
      ".syntax unified           \n"
      "mov r0, sp                \n"
#if defined(__ARM_ARCH_8M_MAIN__) || defined(__ARM_ARCH_8_1M_MAIN__)
      "movs r1, #0               \n"
      "msr msplim, r1            \n"
#endif
      "ldr r1, =linked_stack_top \n"
      "mov sp, r1                \n"
      "ldr r1, =fault_report     \n"
      "bx r1                     \n"
      ".ltorg                    \n");
}

static void print_register(const char *name, uint32_t value)
{
  print_text(name);
  print_hex(value);
}

__attribute__((used)) void fault_report(const uint32_t *frame)
{
  uint32_t exception;
  __asm volatile("mrs %0, ipsr" : "=r"(exception));
  print_text("\nFAULT: exception ");
  print_decimal((int32_t)(exception & 0x1ffu));
  /* The frame the core pushed: r0-r3, r12, lr, pc, xpsr. It is readable only if it lies within the stack. */
  if (stack_holds(frame, 8)) {
    print_register(" at pc ", frame[6]);
    print_register(" lr ", frame[5]);
  }
#if __ARM_ARCH >= 7
  const uint32_t status = *(volatile const uint32_t *)0xe000ed28u; /* CFSR */
  const int limit_reached = (status & 1u << 20) != 0;              /* STKOF, by the stack's limit register */
  if (limit_reached || !stack_holds(frame, 8)) {
    print_register(" stack overflow, sp ", (uint32_t)frame);
  }
  print_register(" cfsr ", status);
  print_register(" hfsr ", *(volatile const uint32_t *)0xe000ed2cu);
  print_register(" address ", *(volatile const uint32_t *)0xe000ed38u);
#endif
  print_text("\n");
  finish(0);
}
