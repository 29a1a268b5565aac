/* SPDX-License-Identifier: Apache-2.0 */
/* Windowing, exact, and the shift that makes a quiet frame as precise as a loud one (block floating point). */
#include "frontend_kernels.h"

uint32_t frontend_window(const int16_t *samples, int32_t step, int32_t first, int32_t count, int32_t *frame)
{
    uint32_t bits = 0;
    for (int32_t i = 0; i < count; i++) {
        const int32_t n = first + i;
        const int32_t weight = frontend_hann[n <= FRONTEND_WINDOW_SAMPLES / 2 ? n : FRONTEND_WINDOW_SAMPLES - n];
        const int32_t product = samples[i * step] * weight; /* below 2^31: weights reach 65535 */
        frame[n] = product;
        bits |= (uint32_t)(product ^ (product >> 31));
    }
    return bits;
}

int32_t frontend_scale(uint32_t bits, int32_t *frame)
{
    const int32_t shift = frontend_leading_zeros(bits | 1u) - 3;
    for (int32_t n = 0; n < FRONTEND_WINDOW_SAMPLES; n++) {
        frame[n] = shift < 0 ? frame[n] >> -shift : (int32_t)((uint32_t)frame[n] << shift);
    }
    return shift;
}
