/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `planes` convolutions, for any function from the tables of eight pixels to outputs: one of them is given, so that
 * each convolution calls it directly and links no other.
 */
#ifndef SB_PLANES_CONV2D_DSP_H
#define SB_PLANES_CONV2D_DSP_H

#include "sb_planes.h"
#include "sb_window.h"

/*
 * 1x1, stride 1, no padding.
 *
 * `output` may be `input` where output_channels <= input_channels: the tables hold all eight pixels before their outputs
 * are written, and those end at or before the first pixel that is still to be read.
 *
 * scratch: a table for each four input channels.
 */
SB_INLINE void sb_convolve_planes_1x1(const sb_planes_conv_layer *layer, const int8_t *input, int8_t *output,
                                      void *scratch, sb_eight_pixels_planes *eight_pixels)
{
  const int32_t depth = layer->input_channels;
  const int32_t pixels = layer->window.output_h * layer->window.output_w;
  for (int32_t first = 0; first < pixels; first += 8) {
    const sb_eight_pixels eight = sb_next_eight(pixels - first);
    sb_sum_signs_s8(input + first * depth, depth, eight, scratch);
    eight_pixels(layer, scratch, (depth + 3) / 4, eight, output + first * layer->output_channels);
  }
  sb_clamp_s8(output, pixels * layer->output_channels, layer->low, layer->high);
}

/*
 * Any kernel, stride, dilation and padding.
 *
 * scratch, for n = kernel_h * kernel_w * input_channels: a table for each four of them; then eight windows of n bytes.
 */
SB_INLINE void sb_convolve_planes(const sb_planes_conv_layer *layer, const int8_t *input, int8_t *output,
                                  void *scratch, sb_eight_pixels_planes *eight_pixels)
{
  const sb_window *const w = &layer->window;
  const int32_t depth = w->kernel_h * w->kernel_w * layer->input_channels;
  const int32_t n_tables = (depth + 3) / 4;
  const int32_t pixels = w->output_h * w->output_w;
  uint32_t *const tables = scratch;
  int8_t *const windows = (int8_t *)(tables + n_tables * SB_TABLE);
  int32_t y = -w->pad_top, x = -w->pad_left;
  for (int32_t first = 0; first < pixels; first += 8) {
    const int32_t left = sb_clamp(pixels - first, 0, 8);
    const sb_eight_pixels eight = sb_next_eight(left);
    for (int32_t i = 0; i < left; i++) {
      sb_copy_window_s8(w, layer->input_channels, layer->input_zero_point, input, y, x, windows + i * depth);
      x += w->stride_w;
      if (x == w->output_w * w->stride_w - w->pad_left) {
        x = -w->pad_left;
        y += w->stride_h;
      }
    }
    sb_sum_signs_s8(windows, depth, eight, tables);
    eight_pixels(layer, tables, n_tables, eight, output + first * layer->output_channels);
  }
  sb_clamp_s8(output, pixels * layer->output_channels, layer->low, layer->high);
}

#endif /* SB_PLANES_CONV2D_DSP_H */
