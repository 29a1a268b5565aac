/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an application may ask of the machine below it. On the board these stand in startup.c, stack.c, cycles.c, a
 * console_*.c and a finish_*.c; on a computer, where the self-test runs under sanitizers, all of them in host.c.
 */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Clocks and console, before main. Returns NULL, or the name of the step that did not succeed in time. */
const char *board_init(void);

/* What board_init returned: for an application to say, once it has a console to say it on. */
extern const char *board_problem;

/* Sends one character; waits while the line is busy. */
void console_put(char character);

/* Bytes of the firmware in flash and in RAM as linked, the reserved stack included; 0 where nothing was linked so. */
uint32_t firmware_flash_bytes(void);
uint32_t firmware_ram_bytes(void);

/* Stack: bytes set aside for it, and the most of them that were ever in use. Equal means that it overflowed. */
uint32_t stack_reserved_bytes(void);
uint32_t stack_used_bytes(void);

/* Clock cycles of the core, modulo 2^32; stays 0 on a core or an emulator that does not count. */
void cycles_start(void);
uint32_t cycles_now(void);

/* The end: an emulator exits with status 0 if `passed`, else 1; a board sleeps for ever. */
void finish(int passed) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif

#endif
