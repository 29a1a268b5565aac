/* SPDX-License-Identifier: Apache-2.0 */
/* Console through the debugger or emulator. Without one attached, the core stops at the first character. */
#include "platform/platform.h"
#include "platform/semihosting.h"

void console_put(char character)
{
  semihosting_call(SEMIHOSTING_WRITE_CHARACTER, &character);
}
