/* SPDX-License-Identifier: Apache-2.0 */
/* Text and numbers on the console, without stdio. */
#ifndef PRINT_H
#define PRINT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

void print_text(const char *text);
void print_decimal(int32_t value);
void print_unsigned(uint32_t value);

/* Eight digits behind 0x. */
void print_hex(uint32_t value);

#ifdef __cplusplus
}
#endif

#endif
