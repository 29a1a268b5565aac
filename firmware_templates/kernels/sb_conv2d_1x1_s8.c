/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with a 1x1 kernel in plain C: stride 1, no padding. Every pixel is one small matrix product.
 *
 * A pixel is copied to scratch (input_channels bytes) before its outputs are written. So `output` may be `input` where
 * output_channels <= input_channels: the outputs of pixel p end at (p + 1) * output_channels, which is not beyond
 * (p + 1) * input_channels, where the first pixel that is still to be read begins.
 *
 * weights: [output_channels][input_channels].
 */
#include <string.h>

#include "sb_plain.h"

void sb_conv2d_1x1_s8(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  int8_t *const pixel = scratch;
  const int32_t depth = layer->input_channels;
  for (int32_t left = layer->window.output_h * layer->window.output_w; left > 0; left--) {
    memcpy(pixel, input, (size_t)depth);
    input += depth;
    const int8_t *weights = layer->weights;
    for (int32_t c = 0; c < layer->output_channels; c++) {
      const int32_t sum = sb_dot(pixel, weights, depth);
      *output++ =
          sb_output(sum, &layer->channels[c], layer->shifts[c], layer->output_zero_point, layer->low, layer->high);
      weights += depth;
    }
  }
}
