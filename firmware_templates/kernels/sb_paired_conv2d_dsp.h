/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `paired` convolutions, for any function from three patches to outputs: one of them is given, so that each
 * convolution calls it directly and links no other.
 *
 * Windows of three output pixels at a time are widened to int16 and met by all output channels at once, see
 * sb_paired_dsp.h for both layouts. Of the last pixels, the patches that none is left for are not written.
 */
#ifndef SB_PAIRED_CONV2D_DSP_H
#define SB_PAIRED_CONV2D_DSP_H

#include <stdbool.h>

#include "sb_paired_dsp.h"
#include "sb_window.h"

/*
 * 1x1, stride 1, no padding, at least four input channels.
 *
 * `output` may be `input` where output_channels <= input_channels: all three pixels are in scratch before their outputs
 * are written, and those end at or before the first pixel that is still to be read.
 *
 * scratch: three patches of int16.
 */
SB_INLINE void sb_convolve_pixels(const sb_paired_conv_layer *layer, const int8_t *input, int8_t *output,
                                  void *scratch, sb_three_pixels *three_pixels)
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
    three_pixels(layer, patches, quads, result, q * step, r * step);
    input += 3 * depth;
    result += 3 * step;
  }
  sb_clamp_s8(output, pixels * step, layer->low, layer->high);
}

/*
 * Any kernel, stride and padding, from a band of the image's rows. A window is read by its rows, or tap by tap where it
 * is dilated along W, which is for input channels in fours.
 *
 * `output` may be `input` where each row of outputs ends at or before the first row of the image that is not yet in the
 * band; the generator looks at every row.
 *
 * scratch: three patches of int16; the band; 3 bytes that are read with its last ones.
 */
SB_INLINE void sb_convolve_band(const sb_paired_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch,
                                sb_three_pixels *three_pixels)
{
  const sb_window *const w = &layer->window;
  const int32_t depth = layer->input_channels;
  const int32_t step = layer->output_channels;
  const int32_t pitch = sb_reach_w(w) * depth;
  const bool dilated = w->dilation_w > 1;
  const int32_t row_step = w->dilation_h * pitch;
  const sb_runs rows = {w->kernel_h, row_step, w->kernel_w * depth};
  const sb_runs taps = {w->kernel_w, w->dilation_w * depth, depth};
  const int32_t quads = dilated ? w->kernel_h * sb_quads(&taps) : sb_quads(&rows);
  int16_t *const patches = scratch;
  int8_t *const band = (int8_t *)(patches + SB_QUAD_OF_THREE * quads);
  int8_t *result = output; /* of the first pixel of three */
  int32_t held = 0;        /* pixels in patches */
  for (int32_t y = 0; y < w->output_h; y++) {
    sb_move_band_s8_dsp(layer, input, y, band);
    const int8_t *from = band;
    for (int32_t x = w->output_w; x > 0; x--) {
      int16_t *patch = patches + held * SB_NEXT_OF_THREE;
      if (dilated) {
        for (int32_t i = 0; i < w->kernel_h; i++) {
          patch = sb_widen_runs_s8_dsp(&taps, from + i * row_step, patch);
        }
      } else {
        sb_widen_runs_s8_dsp(&rows, from, patch);
      }
      from += w->stride_w * depth;
      if (++held == 3) {
        three_pixels(layer, patches, quads, result, step, 2 * step);
        result += 3 * step;
        held = 0;
      }
    }
  }
  if (held > 0) {
    three_pixels(layer, patches, quads, result, (held - 1) * step, (held - 1) * step);
  }
  sb_clamp_s8(output, w->output_h * w->output_w * step, layer->low, layer->high);
}

#endif /* SB_PAIRED_CONV2D_DSP_H */
