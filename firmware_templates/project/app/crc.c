/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32, bit by bit: reflected polynomial 0xedb88320, all bits inverted before and after. */
#include "app/crc.h"

uint32_t crc32_of(uint32_t crc, const int8_t *bytes, uint32_t count)
{
  crc = ~crc;
  for (uint32_t i = 0; i < count; i++) {
    crc ^= (uint8_t)bytes[i];
    for (int bit = 0; bit < 8; bit++) {
      crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0xedb88320u : 0u);
    }
  }
  return ~crc;
}
