/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cycle counter of the data watchpoint and trace unit, where the core has one.
 * Source: Armv7-M ARM (DDI 0403), data watchpoint and trace unit: DEMCR.TRCENA, DWT_CTRL.NOCYCCNT and CYCCNTENA,
 * DWT_CYCCNT; CoreSight lock access register: its key.
 */
#include "platform/platform.h"

#define DEMCR ((volatile uint32_t *)0xe000edfcu)
#define DWT_CTRL ((volatile uint32_t *)0xe0001000u)
#define DWT_CYCCNT ((volatile uint32_t *)0xe0001004u)
#define DWT_LAR ((volatile uint32_t *)0xe0001fb0u)

#if __ARM_ARCH >= 7

void cycles_start(void)
{
  *DEMCR |= 1u << 24;
  *DWT_LAR = 0xc5acce55u; /* a Cortex-M7 may lock the unit; nothing is there on the others */
  if ((*DWT_CTRL & 1u << 25) == 0) {
    *DWT_CYCCNT = 0;
    *DWT_CTRL |= 1u;
  }
}

uint32_t cycles_now(void)
{
  return *DWT_CYCCNT;
}

#else

void cycles_start(void)
{
}

uint32_t cycles_now(void)
{
  return 0;
}

#endif
