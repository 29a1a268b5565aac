/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Concatenation along the last axis, one call for each input: its rows go to their place in the rows of the output.
 */
#include <string.h>

#include "sb_kernels.h"

void sb_concatenation_s8(int32_t rows, int32_t width, int32_t pitch, const int8_t *input, int8_t *output)
{
  for (int32_t row = 0; row < rows; row++) {
    memcpy(output, input, (size_t)width);
    input += width;
    output += pitch;
  }
}
