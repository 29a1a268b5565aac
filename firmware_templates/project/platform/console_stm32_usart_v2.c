/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console on an STM32 USART or LPUART of the second kind (F0, F3, F7, L0, L4, G0, H7); board_init has set it up.
 * Source: ST RM0385 and RM0432, USART and LPUART registers: ISR at 0x1c, bit 7 TXE; TDR at 0x28.
 */
#include "platform/board.h"
#include "platform/platform.h"
#include "platform/registers.h"

void console_put(char character)
{
  while ((*register_at(BOARD_CONSOLE_BASE + 0x1cu) & 1u << 7) == 0) {
  }
  register_write(BOARD_CONSOLE_BASE + 0x28u, (uint8_t)character);
}
