/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 as in IEEE 802.3 and zlib. */
#ifndef CRC_H
#define CRC_H

#include <stdint.h>

/* The CRC of `count` more bytes behind those that gave `crc`; 0 to begin with. */
uint32_t crc32_of(uint32_t crc, const int8_t *bytes, uint32_t count);

#endif
