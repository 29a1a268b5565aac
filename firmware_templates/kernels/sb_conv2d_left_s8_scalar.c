/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D, any kernel, stride, dilation and padding, two products a multiplication:
 * see sb_conv2d_scalar.h. A channel may be shifted to the left, as weights of few bits ask for.
 */
#include "sb_conv2d_scalar.h"

void sb_conv2d_left_s8_scalar(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  sb_convolve_pairs(layer, input, output, scratch, sb_four_pixels_left_s8_scalar);
}
