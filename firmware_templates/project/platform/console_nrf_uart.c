/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console on the UART (without EasyDMA) of an nRF52; board_init has set it up and started the transmitter.
 * Source: Nordic nRF52840 Product Specification, UART: EVENTS_TXDRDY at 0x11c, TXD at 0x51c.
 */
#include "platform/board.h"
#include "platform/platform.h"
#include "platform/registers.h"

void console_put(char character)
{
  register_write(BOARD_CONSOLE_BASE + 0x11cu, 0);
  register_write(BOARD_CONSOLE_BASE + 0x51cu, (uint8_t)character);
  while (*register_at(BOARD_CONSOLE_BASE + 0x11cu) == 0) {
  }
}
