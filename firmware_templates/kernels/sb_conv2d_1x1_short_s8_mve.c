/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with a 1x1 kernel, stride 1 and no padding, with Helium instructions: at most 64 input channels,
 * at least four output pixels. See sb_short_conv2d_mve.h.
 *
 * weights: [output_channels][input_channels].
 */
#include "sb_short_conv2d_mve.h"

void sb_conv2d_1x1_short_s8_mve(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  sb_convolve_short_1x1(layer, input, output, scratch, SB_TILE, sb_short_rows_s8_mve);
}
