/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with Helium instructions, any kernel, stride, dilation and padding: at most 64 products an output,
 * at least four output pixels. See sb_short_conv2d_mve.h.
 *
 * weights: [output_channels][kernel_h][kernel_w][input_channels].
 */
#include "sb_short_conv2d_mve.h"

void sb_conv2d_short_s8_mve(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  sb_convolve_short(layer, input, output, scratch, SB_TILE, sb_short_rows_s8_mve);
}
