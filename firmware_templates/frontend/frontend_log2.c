/* SPDX-License-Identifier: Apache-2.0 */
/* Binary logarithm by 64 chords between powers of two: at most 4.4e-5 too small. */
#include "frontend_kernels.h"

int32_t frontend_log2(uint64_t value)
{
    const int32_t zeros = frontend_leading_zeros64(value);
    const uint32_t mantissa = (uint32_t)((value << zeros) >> 32); /* its highest bit is set */
    const uint16_t *chord = frontend_log2_chords + ((mantissa >> 25) & 63u);
    const uint32_t rise = (uint32_t)chord[1] - chord[0];
    const uint32_t fraction = ((uint32_t)chord[0] << 1) + ((rise * ((mantissa >> 9) & 0xFFFFu)) >> 15);
    return ((63 - zeros) * 65536) + (int32_t)fraction;
}
