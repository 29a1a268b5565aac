/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console on an STM32 USART of the first kind (F1, F2, F4, L1); board_init has set it up.
 * Source: ST RM0390 and RM0090, USART registers: SR at 0x0, bit 7 TXE; DR at 0x4.
 */
#include "platform/board.h"
#include "platform/platform.h"
#include "platform/registers.h"

void console_put(char character)
{
  while ((*register_at(BOARD_CONSOLE_BASE) & 1u << 7) == 0) {
  }
  register_write(BOARD_CONSOLE_BASE + 0x4u, (uint8_t)character);
}
