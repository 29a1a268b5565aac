/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with a 1x1 kernel, stride 1 and no padding, with SIMD instructions and packed weights: three pixels at a time
 * are widened to int16 and met by all output channels at once, see sb_packed_dsp.h for both layouts.
 *
 * `output` may be `input` where output_channels <= input_channels: all three pixels are in scratch before their outputs
 * are written, and those end at or before the first pixel that is still to be read.
 *
 * scratch: three patches of input_channels int16, rounded up to a multiple of 4.
 */
#include "sb_packed_dsp.h"

void sb_conv2d_1x1_packed_s8_dsp(const sb_packed_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  const int32_t depth = layer->input_channels;
  const int32_t pixels = layer->window.output_h * layer->window.output_w;
  int16_t *const patches = scratch;
  for (int32_t p = 0; p < pixels; p += 3) {
    const int32_t q = p + 1 < pixels ? p + 1 : p;
    const int32_t r = p + 2 < pixels ? p + 2 : q;
    sb_widen_packed_s8_dsp(input + p * depth, patches, depth);
    sb_widen_packed_s8_dsp(input + q * depth, patches + SB_PACKED_PIXEL, depth);
    sb_widen_packed_s8_dsp(input + r * depth, patches + 2 * SB_PACKED_PIXEL, depth);
    sb_three_pixels_s8_dsp(layer, patches, (depth + 3) / 4, output + p * layer->output_channels,
                           output + q * layer->output_channels, output + r * layer->output_channels);
  }
  sb_clamp_s8(output, pixels * layer->output_channels, layer->low, layer->high);
}
