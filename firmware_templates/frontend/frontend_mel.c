/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mel bands of a spectrum, as logarithms.
 *
 * Between two corners the sides of two neighbouring triangles sum to one: a bin's weight on the rising side is read,
 * the rest of the bin belongs to the falling side of the band before. So each bin is multiplied once.
 */
#include "frontend_kernels.h"

#if FRONTEND_MAGNITUDE
/* |X| in eighths: square root of the power by chords over its leading bits. |X| < 2^29, so it fits. */
static uint32_t bin_energy(uint64_t power)
{
    if (power == 0) {
        return 0;
    }
    const int32_t even_shift = frontend_leading_zeros64(power) & ~1; /* at least 6 */
    const uint32_t mantissa = (uint32_t)((power << even_shift) >> 32);
    const uint16_t *chord = frontend_root_chords + ((mantissa >> 24) - 64u);
    const uint32_t rise = (uint32_t)chord[1] - chord[0];
    const uint32_t root = ((uint32_t)chord[0] << 16) + rise * ((mantissa >> 8) & 0xFFFFu);
    return root >> (even_shift / 2 - 3);
}
#else
/* |X|^2 / 256: the sum of all bins times 32768 then fits 64 bits. */
static uint64_t bin_energy(uint64_t power)
{
    return power >> 8;
}
#endif

static int32_t level(uint64_t energy, int32_t unit)
{
    if (energy == 0) {
        return FRONTEND_LOG2_FLOOR;
    }
    const int32_t log2 = frontend_log2(energy) - unit;
    return log2 > FRONTEND_LOG2_FLOOR ? log2 : FRONTEND_LOG2_FLOOR;
}

void frontend_mel(const int32_t *spectrum, int32_t shift, int32_t *levels)
{
    const int32_t unit = FRONTEND_LOG2_UNIT + shift * FRONTEND_LOG2_PER_SHIFT;
    const uint16_t *weight = frontend_mel_rising;
    uint64_t rising_before = 0;
    for (int32_t segment = 0; segment <= FRONTEND_BANDS; segment++) {
        uint64_t rising = 0;
        uint64_t both = 0;
        for (int32_t k = frontend_mel_edges[segment]; k < frontend_mel_edges[segment + 1]; k++) {
            const int32_t re = spectrum[2 * k];
            const int32_t im = spectrum[2 * k + 1];
            const uint64_t energy = bin_energy((uint64_t)((int64_t)re * re + (int64_t)im * im));
            rising += energy * *weight++;
            both += energy;
        }
        if (segment > 0) {
            levels[segment - 1] = level(rising_before + (both << 15) - rising, unit);
        }
        rising_before = rising;
    }
}
