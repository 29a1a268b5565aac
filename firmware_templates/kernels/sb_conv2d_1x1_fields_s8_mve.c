/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with a 1x1 kernel, stride 1 and no padding, with Helium instructions: at most 64 input channels,
 * at least four output pixels, weights of 1 to 4 bits, outputs at the zero point or above. See sb_short_conv2d_mve.h and
 * sb_short_rows_fields_s8_mve.c.
 */
#include "sb_short_conv2d_mve.h"

void sb_conv2d_1x1_fields_s8_mve(const sb_fields_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  sb_convolve_short_1x1(&layer->conv, input, output, scratch, SB_FIELDS_TILE, sb_short_rows_fields_s8_mve);
}
