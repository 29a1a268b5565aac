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
  const sb_runs pixel = {1, 0, depth};
  const int32_t quads = sb_quads(&pixel);
  int16_t *const patches = scratch;
  int8_t *result = output;
  for (int32_t left = pixels; left > 0; left -= 3) {
    const int32_t q = left > 1, r = left > 2 ? 2 : q; /* counted from p */
    sb_widen_runs_s8_dsp(&pixel, input, patches);
    sb_widen_runs_s8_dsp(&pixel, input + q * depth, patches + SB_NEXT_OF_THREE);
    sb_widen_runs_s8_dsp(&pixel, input + r * depth, patches + 2 * SB_NEXT_OF_THREE);
    sb_three_pixels_s8_dsp(layer, patches, quads, result, q * step, r * step);
    input += 3 * depth;
    result += 3 * step;
  }
  sb_clamp_s8(output, pixels * step, layer->low, layer->high);
}
