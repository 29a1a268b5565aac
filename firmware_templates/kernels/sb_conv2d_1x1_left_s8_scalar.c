/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with a 1x1 kernel, stride 1 and no padding, two products a multiplication:
 * see sb_conv2d_scalar.h. A channel may be shifted to the left, as weights of few bits ask for.
 */
#include "sb_conv2d_scalar.h"

void sb_conv2d_1x1_left_s8_scalar(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  sb_convolve_pairs_1x1(layer, input, output, scratch, sb_four_pixels_left_s8_scalar);
}
