/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with a 1x1 kernel, stride 1 and no padding, with SIMD instructions: two pixels at a time are widened to int16
 * and met by all output channels at once, see sb_two_pixels_s8_dsp.c for both layouts.
 *
 * `output` may be `input` where output_channels <= input_channels: both pixels are in scratch before their outputs are
 * written, and those end at or before the first pixel that is still to be read.
 *
 * scratch: two patches of input_channels int16, rounded up to a multiple of 4.
 */
#include "sb_dsp.h"
#include "sb_two_pixels_dsp.h"

void sb_conv2d_1x1_s8_dsp(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  const int32_t depth = layer->input_channels;
  const int32_t pixels = layer->window.output_h * layer->window.output_w;
  int16_t *const patches = scratch;
  for (int32_t p = 0; p < pixels; p += 2) {
    const int32_t q = p + 1 < pixels ? p + 1 : p;
    sb_widen_quads(input + p * depth, patches, depth);
    sb_widen_quads(input + q * depth, patches + 4, depth);
    sb_two_pixels_s8_dsp(layer, patches, (depth + 3) / 4, output + p * layer->output_channels,
                         output + q * layer->output_channels);
  }
  sb_clamp_s8(output, pixels * layer->output_channels, layer->low, layer->high);
}
