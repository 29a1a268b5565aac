/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D of any kernel with SIMD instructions and the weights of two channels in one int16: see
 * sb_paired_conv2d_dsp.h.
 */
#include "sb_paired_conv2d_dsp.h"

void sb_conv2d_paired_s8_dsp(const sb_paired_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  sb_convolve_band(layer, input, output, scratch, sb_three_pixels_s8_dsp);
}
