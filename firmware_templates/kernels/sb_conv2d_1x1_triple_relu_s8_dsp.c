/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with a 1x1 kernel, stride 1 and no padding, with weights of few bits, three channels in two numbers:
 * see sb_triple_dsp.h. Every channel is a straight line from sum to output.
 */
#include "sb_triple_dsp.h"

void sb_conv2d_1x1_triple_relu_s8_dsp(const sb_triple_conv_layer *layer, const int8_t *input, int8_t *output,
                                      void *scratch)
{
  sb_convolve_triples(layer, input, output, scratch, true, sb_three_pixels_triple_relu_s8_dsp);
}
