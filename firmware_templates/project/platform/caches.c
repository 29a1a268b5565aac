/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The level 1 caches of a Cortex-M7: invalidated by set and way, then enabled. Nothing else here writes to memory behind
 * the core's back, so they are never cleaned.
 * Source: Armv7-M ARM (DDI 0403) B2.2 and B3.2; Cortex-M7 TRM (DDI 0489), level 1 memory system.
 */
#include "platform/caches.h"

#include <stdint.h>

#include "platform/registers.h"

#define CCR 0xe000ed14u
#define CCSIDR 0xe000ed80u
#define CSSELR 0xe000ed84u
#define ICIALLU 0xe000ef50u
#define DCISW 0xe000ef60u

#define CCR_DC (1u << 16)
#define CCR_IC (1u << 17)

static void barrier(void)
{
  __asm volatile("dsb\nisb" ::: "memory");
}

static void invalidate_data(void)
{
  register_write(CSSELR, 0); /* level 1, data */
  barrier();
  const uint32_t geometry = *register_at(CCSIDR);
  const uint32_t last_set = geometry >> 13 & 0x7fffu;
  const uint32_t last_way = geometry >> 3 & 0x3ffu;
  const uint32_t set_shift = (geometry & 7u) + 4u;
  /* The way stands in the topmost bits; with one way there is nothing to shift. */
  const uint32_t way_shift = last_way == 0 ? 0u : (uint32_t)__builtin_clz(last_way);
  for (uint32_t way = 0; way <= last_way; way++) {
    for (uint32_t set = 0; set <= last_set; set++) {
      register_write(DCISW, way << way_shift | set << set_shift);
    }
  }
}

void caches_enable(void)
{
  barrier();
  register_write(ICIALLU, 0);
  barrier();
  register_update(CCR, 0, CCR_IC);
  barrier();
  invalidate_data();
  barrier();
  register_update(CCR, 0, CCR_DC);
  barrier();
}
