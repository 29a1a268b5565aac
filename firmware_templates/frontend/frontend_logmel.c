/* SPDX-License-Identifier: Apache-2.0 */
/* Log-mel from levels: a change of unit. */
#include "frontend_kernels.h"

void frontend_coefficients(int32_t *levels, int16_t *raw)
{
    for (int32_t b = 0; b < FRONTEND_BANDS; b++) {
        const int64_t product = (int64_t)levels[b] * FRONTEND_GAIN;
        raw[b] = (int16_t)((product + (INT64_C(1) << (FRONTEND_RAW_SHIFT - 1))) >> FRONTEND_RAW_SHIFT);
    }
}
