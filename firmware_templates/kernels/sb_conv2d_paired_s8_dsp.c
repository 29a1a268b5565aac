/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with SIMD instructions and the weights of two channels in one int16, any kernel, stride, dilation and padding:
 * the windows of three output pixels at a time are widened to int16 and met by all output channels at once, see
 * sb_paired_dsp.h for both layouts.
 *
 * Windows that lie within the image are widened where they are, row by row, if a row of them is a multiple of four
 * bytes; all others are copied first, border included. Of the last pixels, what is missing to three is the last again.
 *
 * scratch, for n = kernel_h * kernel_w * input_channels, rounded up to a multiple of 4: three patches of n int16, then
 * three windows of n bytes.
 */
#include <stdbool.h>

#include "sb_paired_dsp.h"
#include "sb_window.h"

/* An output pixel, counted from 0, and the first element of its window. */
typedef struct {
  int32_t index, top, left;
} pixel;

static pixel pixel_at(const sb_window *w, int32_t index)
{
  const int32_t last = w->output_h * w->output_w - 1;
  const int32_t i = index < last ? index : last;
  const int32_t y = i / w->output_w;
  return (pixel){i, y * w->stride_h - w->pad_top, (i - y * w->output_w) * w->stride_w - w->pad_left};
}

/* Whether rows of the pixel's window can be widened where they are. */
static bool within(const sb_paired_conv_layer *layer, pixel of)
{
  const sb_window *const w = &layer->window;
  return of.top >= 0 && of.top + (w->kernel_h - 1) * w->dilation_h < w->input_h && of.left >= 0 &&
         of.left + w->kernel_w <= w->input_w;
}

void sb_conv2d_paired_s8_dsp(const sb_paired_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  const sb_window *const w = &layer->window;
  const int32_t depth = layer->input_channels;
  const int32_t step = layer->output_channels;
  const int32_t length = w->kernel_w * depth;
  const int32_t size = w->kernel_h * length;
  const int32_t quads = (size + 3) / 4;
  const bool in_place = length % 4 == 0 && (w->dilation_w == 1 || w->kernel_w == 1);
  int16_t *const patches = scratch;
  int8_t *const copies = (int8_t *)scratch + 24 * quads;
  for (int32_t i = 0; i < w->output_h * w->output_w; i += 3) {
    const pixel p = pixel_at(w, i), q = pixel_at(w, i + 1), r = pixel_at(w, i + 2);
    sb_three_windows windows = {copies, copies + 4 * quads, copies + 8 * quads, 1, size, 0};
    if (in_place && within(layer, p) && within(layer, q) && within(layer, r)) {
      windows = (sb_three_windows){input + (p.top * w->input_w + p.left) * depth,
                                   input + (q.top * w->input_w + q.left) * depth,
                                   input + (r.top * w->input_w + r.left) * depth,
                                   w->kernel_h,
                                   length,
                                   w->dilation_h * w->input_w * depth};
    } else {
      sb_copy_window_s8(w, depth, layer->input_zero_point, input, p.top, p.left, copies);
      sb_copy_window_s8(w, depth, layer->input_zero_point, input, q.top, q.left, copies + 4 * quads);
      sb_copy_window_s8(w, depth, layer->input_zero_point, input, r.top, r.left, copies + 8 * quads);
    }
    sb_widen_three_s8_dsp(&windows, patches);
    sb_three_pixels_s8_dsp(layer, patches, quads, output + i * step, (q.index - i) * step, (r.index - i) * step);
  }
  sb_clamp_s8(output, w->output_h * w->output_w * step, layer->low, layer->high);
}
