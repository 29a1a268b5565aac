/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console on the APB UART of Arm's Cortex-M System Design Kit; board_init has set it up.
 * Source: Cortex-M System Design Kit TRM (DDI 0479), APB UART: DATA at 0x0, STATE at 0x4, bit 0 transmit buffer full.
 */
#include "platform/board.h"
#include "platform/platform.h"
#include "platform/registers.h"

void console_put(char character)
{
  while ((*register_at(BOARD_CONSOLE_BASE + 0x4u) & 1u) != 0) {
  }
  register_write(BOARD_CONSOLE_BASE, (uint8_t)character);
}
