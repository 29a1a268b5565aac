/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with Helium instructions, any kernel, stride, dilation and padding: at most 64 products an output,
 * at least four output pixels, weights of 1 to 4 bits, outputs at the zero point or above. See sb_short_conv2d_mve.h and
 * sb_short_rows_fields_s8_mve.c.
 */
#include "sb_short_conv2d_mve.h"

void sb_conv2d_fields_s8_mve(const sb_fields_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  sb_convolve_short(&layer->conv, input, output, scratch, SB_FIELDS_TILE, sb_short_rows_fields_s8_mve);
}
