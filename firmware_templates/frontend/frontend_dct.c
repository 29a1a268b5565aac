/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MFCC from levels: the first coefficients of an orthonormal DCT-II.
 *
 * Coefficient k is the sum of levels[b] * cos(pi (2b + 1) k / 2B). The cosine is even (k even) or odd (k odd) about
 * the middle, so sums and differences of opposite levels halve the work. All cosines lie on one period of 4B steps,
 * walked 2k steps at a time.
 */
#include "frontend_kernels.h"

#define HALF (FRONTEND_BANDS / 2)
#define PERIOD (4 * FRONTEND_BANDS)

static int16_t raw_feature(int64_t sum)
{
    return (int16_t)((sum + (INT64_C(1) << (FRONTEND_RAW_SHIFT - 1))) >> FRONTEND_RAW_SHIFT);
}

void frontend_coefficients(int32_t *levels, int16_t *raw)
{
    int64_t total = 0;
    for (int32_t b = 0; b < FRONTEND_BANDS; b++) {
        total += levels[b];
    }
    raw[0] = raw_feature(total * FRONTEND_GAIN);

    for (int32_t b = 0; b < HALF; b++) { /* sums to the front, differences to their mirror places */
        const int32_t low = levels[b];
        const int32_t high = levels[FRONTEND_BANDS - 1 - b];
        levels[b] = low + high;
        levels[FRONTEND_BANDS - 1 - b] = low - high;
    }
    for (int32_t k = 1; k < FRONTEND_FEATURES; k++) {
        const int odd = k % 2;
        const int32_t terms = odd ? HALF : FRONTEND_BANDS - HALF; /* the middle of an odd number counts once, if even */
        int32_t phase = k;
        int64_t sum = 0;
        for (int32_t b = 0; b < terms; b++) {
            sum += (int64_t)levels[odd ? FRONTEND_BANDS - 1 - b : b] * frontend_dct_wave[phase];
            phase += 2 * k;
            if (phase >= PERIOD) {
                phase -= PERIOD;
            }
        }
        raw[k] = raw_feature(sum);
    }
}
