/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `_scalar` convolutions, for any function that takes four pixels to outputs: one of them is given, so that each
 * convolution calls it directly and links no other. Four pixels at a time are turned into pairs and met by all output
 * channels at once, see sb_four_pixels_scalar.h for both layouts.
 */
#ifndef SB_CONV2D_SCALAR_H
#define SB_CONV2D_SCALAR_H

#include <string.h>

#include "sb_clamp.h"
#include "sb_four_pixels_scalar.h"

/*
 * 1x1, stride 1, no padding.
 *
 * `output` may be `input` where output_channels <= input_channels: all four pixels are in scratch before their outputs
 * are written, and those end at or before the first pixel that is still to be read.
 *
 * scratch: two pairs for each input channel, rounded up to a multiple of 4.
 */
SB_INLINE void sb_convolve_pairs_1x1(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch,
                                     sb_four_pixels_s8 *four_pixels)
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
    four_pixels(layer, patches, (depth + 3) / 4, four, output + first * layer->output_channels);
  }
  sb_clamp_s8(output, pixels * layer->output_channels, layer->low, layer->high);
}

/* The first element of a window, which may lie outside the image. */
typedef struct {
  int32_t y, x;
} sb_corner;

static inline sb_corner sb_corner_of(const sb_window *w, int32_t pixel)
{
  const int32_t row = pixel / w->output_w;
  return (sb_corner){row * w->stride_h - w->pad_top, (pixel - row * w->output_w) * w->stride_w - w->pad_left};
}

/* `taps` taps from (y, x) on: where they are, or in `border`. */
static inline const int8_t *sb_run(const sb_conv_layer *layer, const int8_t *input, int32_t y, int32_t x, int32_t taps,
                         int8_t *border)
{
  const sb_window *const w = &layer->window;
  const int32_t depth = layer->input_channels;
  const int8_t *const from = input + (y * w->input_w + x) * depth;
  const int32_t first = y >= 0 && y < w->input_h ? sb_clamp(-x, 0, taps) : taps;
  const int32_t end = sb_clamp(w->input_w - x, first, taps);
  if (end - first == taps) {
    return from;
  }
  memset(border, layer->input_zero_point, (size_t)(taps * depth));
  if (end > first) {
    memcpy(border + first * depth, from + first * depth, (size_t)((end - first) * depth));
  }
  return border;
}

/* The windows at p and q as every second pair. */
static inline void sb_join_windows(const sb_conv_layer *layer, const int8_t *input, sb_corner p, sb_corner q, uint32_t *pairs,
                         int8_t *border)
{
  const sb_window *const w = &layer->window;
  const int32_t taps = w->dilation_w == 1 ? w->kernel_w : 1;
  const int32_t length = taps * layer->input_channels;
  for (int32_t ky = 0; ky < w->kernel_h; ky++) {
    const int32_t y = ky * w->dilation_h;
    for (int32_t kx = 0; kx < w->kernel_w; kx += taps) {
      const int32_t x = kx * w->dilation_w;
      sb_join_two(sb_run(layer, input, p.y + y, p.x + x, taps, border),
                  sb_run(layer, input, q.y + y, q.x + x, taps, border + length), length, pairs);
      pairs += 2 * length;
    }
  }
}

/*
 * Any kernel, stride, dilation and padding. A window is read by runs of taps that are neighbours in memory: a row of it,
 * or a single tap where it is dilated. A run that lies within the image is read there, the others are put together in
 * scratch, border included.
 *
 * scratch: two pairs for each of kernel_h * kernel_w * input_channels values, rounded up to a multiple of 4; then two
 * runs.
 */
SB_INLINE void sb_convolve_pairs(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch,
                                 sb_four_pixels_s8 *four_pixels)
{
  const sb_window *const w = &layer->window;
  const int32_t quads = (w->kernel_h * w->kernel_w * layer->input_channels + 3) / 4;
  const int32_t pixels = w->output_h * w->output_w;
  uint32_t *const patches = scratch;
  int8_t *const border = (int8_t *)(patches + 8 * quads);
  for (int32_t p = 0; p < pixels; p += 4) {
    const sb_four_pixels four = sb_next_four(pixels - p);
    const int32_t r = p + four.pair_step;
    sb_join_windows(layer, input, sb_corner_of(w, p), sb_corner_of(w, p + four.step), patches, border);
    sb_join_windows(layer, input, sb_corner_of(w, r), sb_corner_of(w, r + four.step), patches + 1, border);
    four_pixels(layer, patches, quads, four, output + p * layer->output_channels);
  }
  sb_clamp_s8(output, pixels * layer->output_channels, layer->low, layer->high);
}

#endif /* SB_CONV2D_SCALAR_H */
