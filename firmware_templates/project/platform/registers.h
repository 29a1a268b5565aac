/* SPDX-License-Identifier: Apache-2.0 */
/* Memory-mapped registers by address: store, change, wait. */
#ifndef REGISTERS_H
#define REGISTERS_H

#include <stdint.h>

/* Reads before a register that should change is given up: longer than any oscillator takes to start. */
#define REGISTER_PATIENCE 1000000u

static inline volatile uint32_t *register_at(uint32_t address)
{
  return (volatile uint32_t *)(uintptr_t)address;
}

static inline void register_write(uint32_t address, uint32_t value)
{
  *register_at(address) = value;
}

static inline void register_update(uint32_t address, uint32_t clear, uint32_t set)
{
  *register_at(address) = (*register_at(address) & ~clear) | set;
}

/* Waits until the bits of `mask` read as `value`; returns 0 if they never did. */
static inline int register_wait(uint32_t address, uint32_t mask, uint32_t value)
{
  for (uint32_t reads = 0; reads < REGISTER_PATIENCE; reads++) {
    if ((*register_at(address) & mask) == value) {
      return 1;
    }
  }
  return 0;
}

/* At least so many clock cycles of the core. */
static inline void register_pause(uint32_t cycles)
{
  for (volatile uint32_t left = cycles; left > 0; left--) {
  }
}

#endif
