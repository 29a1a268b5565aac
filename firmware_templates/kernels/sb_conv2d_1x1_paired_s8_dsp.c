/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with a 1x1 kernel, stride 1 and no padding, with SIMD instructions and the weights of two channels in one
 * int16: three pixels at a time are widened to int16 and met by all output channels at once, see sb_paired_dsp.h for
 * both layouts. Of the last pixels, what is missing to three is the last again.
 *
 * `output` may be `input` where output_channels <= input_channels: all three pixels are in scratch before their outputs
 * are written, and those end at or before the first pixel that is still to be read.
 *
 * scratch: three patches of input_channels int16, rounded up to a multiple of 4.
 */
#include "sb_paired_dsp.h"

void sb_conv2d_1x1_paired_s8_dsp(const sb_paired_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  const int32_t depth = layer->input_channels;
  const int32_t step = layer->output_channels;
  const int32_t pixels = layer->window.output_h * layer->window.output_w;
  int16_t *const patches = scratch;
  for (int32_t p = 0; p < pixels; p += 3) {
    const int32_t to_q = p + 1 < pixels ? 1 : 0;
    const int32_t to_r = p + 2 < pixels ? 2 : to_q;
    const int8_t *const from = input + p * depth;
    const sb_three_windows windows = {from, from + to_q * depth, from + to_r * depth, 1, depth, 0};
    sb_widen_three_s8_dsp(&windows, patches);
    sb_three_pixels_s8_dsp(layer, patches, (depth + 3) / 4, output + p * step, to_q * step, to_r * step);
  }
  sb_clamp_s8(output, pixels * step, layer->low, layer->high);
}
