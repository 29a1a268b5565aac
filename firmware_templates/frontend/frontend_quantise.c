/* SPDX-License-Identifier: Apache-2.0 */
/* Raw features to the network's int8, each feature with its own offset and factor. */
#include "frontend_kernels.h"

void frontend_quantise(const int16_t *raw, int8_t *features)
{
    for (int32_t f = 0; f < FRONTEND_FEATURES; f++) {
        const frontend_normalisation_t n = frontend_normalisation[f];
        const int32_t rounding = (INT32_C(1) << n.shift) >> 1;
        const int32_t product = (raw[f] - n.offset) * n.multiplier; /* at most 2^30: multipliers reach 2^14 */
        const int32_t scaled = (product + rounding) >> n.shift;
        features[f] = (int8_t)(scaled > INT8_MAX ? INT8_MAX : scaled < INT8_MIN ? INT8_MIN : scaled);
    }
}
