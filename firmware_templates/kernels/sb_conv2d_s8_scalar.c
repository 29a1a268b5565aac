/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D, any kernel, stride, dilation and padding, two products a multiplication:
 * see sb_conv2d_scalar.h.
 */
#include "sb_conv2d_scalar.h"

void sb_conv2d_s8_scalar(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  sb_convolve_pairs(layer, input, output, scratch, sb_four_pixels_s8_scalar);
}
