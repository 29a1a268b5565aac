/* SPDX-License-Identifier: Apache-2.0 */
/* Text and numbers, digit by digit. */
#include "platform/print.h"

#include "platform/platform.h"

#define MAX_DIGITS 10 /* of 2^32 - 1 */

void print_text(const char *text)
{
  while (*text != '\0') {
    console_put(*text++);
  }
}

void print_unsigned(uint32_t value)
{
  char digits[MAX_DIGITS];
  int count = 0;
  do {
    digits[count++] = (char)('0' + value % 10);
    value /= 10;
  } while (value != 0);
  while (count > 0) {
    console_put(digits[--count]);
  }
}

void print_decimal(int32_t value)
{
  if (value < 0) {
    console_put('-');
    print_unsigned(0u - (uint32_t)value);
  } else {
    print_unsigned((uint32_t)value);
  }
}

void print_hex(uint32_t value)
{
  print_text("0x");
  for (int shift = 28; shift >= 0; shift -= 4) {
    console_put("0123456789abcdef"[value >> shift & 15u]);
  }
}
