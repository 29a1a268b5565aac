/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Semihosting: services that a debugger or emulator offers to the core.
 * Source: Arm, Semihosting for AArch32 and AArch64, release 2.0: operations and the BKPT 0xAB of the M profile.
 */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stdint.h>

#define SEMIHOSTING_OPEN 0x01u
#define SEMIHOSTING_CLOSE 0x02u
#define SEMIHOSTING_WRITE_CHARACTER 0x03u
#define SEMIHOSTING_WRITE 0x05u
#define SEMIHOSTING_READ 0x06u
#define SEMIHOSTING_EXIT_EXTENDED 0x20u

/* The result of one operation; `parameters` points to what that operation takes. */
static inline int32_t semihosting_call(uint32_t operation, const void *parameters)
{
  register uint32_t r0 __asm("r0") = operation;
  register const void *r1 __asm("r1") = parameters;
  __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return (int32_t)r0;
}

#endif
