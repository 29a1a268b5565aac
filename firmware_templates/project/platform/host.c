/* SPDX-License-Identifier: Apache-2.0 */
/* The platform on a computer: the self-test's text on standard output, its verdict as exit status. */
#include <stdio.h>
#include <stdlib.h>

#include "platform/platform.h"

const char *board_problem;

const char *board_init(void)
{
  return NULL;
}

void console_put(char character)
{
  putchar(character);
}

uint32_t firmware_flash_bytes(void)
{
  return 0;
}

uint32_t firmware_ram_bytes(void)
{
  return 0;
}

uint32_t stack_reserved_bytes(void)
{
  return 0;
}

uint32_t stack_used_bytes(void)
{
  return 0;
}

void cycles_start(void)
{
}

uint32_t cycles_now(void)
{
  return 0;
}

void finish(int passed)
{
  fflush(stdout);
  exit(passed ? EXIT_SUCCESS : EXIT_FAILURE);
}
