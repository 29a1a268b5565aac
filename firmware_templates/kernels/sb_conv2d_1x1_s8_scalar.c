/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with a 1x1 kernel, stride 1 and no padding, two products a multiplication: four pixels at a time are turned
 * into pairs and met by all output channels at once, see sb_four_pixels_s8_scalar.c for both layouts.
 *
 * `output` may be `input` where output_channels <= input_channels: all four pixels are in scratch before their outputs
 * are written, and those end at or before the first pixel that is still to be read.
 *
 * scratch: two pairs for each input channel, rounded up to a multiple of 4.
 */
#include "sb_clamp.h"
#include "sb_four_pixels_scalar.h"

void sb_conv2d_1x1_s8_scalar(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  const int32_t depth = layer->input_channels;
  const int32_t pixels = layer->window.output_h * layer->window.output_w;
  uint32_t *const patches = scratch;
  for (int32_t first = 0; first < pixels; first += 4) {
    const sb_four_pixels four = sb_next_four(pixels - first);
    const int8_t *const p = input + first * depth;
    const int8_t *const r = p + four.pair_step * depth;
    sb_join_two(p, p + four.step * depth, depth, patches);
    sb_join_two(r, r + four.step * depth, depth, patches + 1);
    sb_four_pixels_s8_scalar(layer, patches, (depth + 3) / 4, four, output + first * layer->output_channels);
  }
  sb_clamp_s8(output, pixels * layer->output_channels, layer->low, layer->high);
}
