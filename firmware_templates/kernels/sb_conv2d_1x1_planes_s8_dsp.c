/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with a 1x1 kernel, stride 1 and no padding, with weights of few bits as planes of signs:
 * see sb_planes_conv2d_dsp.h.
 */
#include "sb_planes_conv2d_dsp.h"

void sb_conv2d_1x1_planes_s8_dsp(const sb_planes_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  sb_convolve_planes_1x1(layer, input, output, scratch, sb_eight_pixels_planes_s8_dsp);
}
