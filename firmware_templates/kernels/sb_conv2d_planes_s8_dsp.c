/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D of any kernel with weights of few bits as planes of signs:
 * see sb_planes_conv2d_dsp.h.
 */
#include "sb_planes_conv2d_dsp.h"

void sb_conv2d_planes_s8_dsp(const sb_planes_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  sb_convolve_planes(layer, input, output, scratch, sb_eight_pixels_planes_s8_dsp);
}
