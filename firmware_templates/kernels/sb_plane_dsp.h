/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the `_dsp` depthwise convolutions share: one channel of the image as a plane of int16 with its border.
 */
#ifndef SB_PLANE_DSP_H
#define SB_PLANE_DSP_H

#include "sb_dsp.h"
#include "sb_window.h"

/* int16 in a row of the plane: what the windows reach, and what the last pair of outputs reads beyond. Even, so that
   every row begins at a multiple of 4 bytes. */
static inline int32_t sb_plane_pitch(const sb_window *w)
{
  return (sb_reach_w(w) + 3) & ~1;
}

/* The border, and all else, before the first channel. */
static inline void sb_clear_plane(const sb_conv_layer *layer, int16_t *plane)
{
  const int32_t size = sb_reach_h(&layer->window) * sb_plane_pitch(&layer->window);
  for (int32_t i = 0; i < size; i++) {
    plane[i] = layer->input_zero_point;
  }
}

/* The channel of the image that begins at `input`, into the inside of the plane. */
static inline void sb_copy_channel(const sb_conv_layer *layer, const int8_t *input, int16_t *plane)
{
  const sb_window *const w = &layer->window;
  const int32_t pitch = sb_plane_pitch(w);
  const int32_t channels = layer->input_channels;
  const int32_t rows = sb_clamp(sb_reach_h(w) - w->pad_top, 0, w->input_h);
  const int32_t columns = sb_clamp(sb_reach_w(w) - w->pad_left, 0, w->input_w);
  for (int32_t y = 0; y < rows; y++) {
    const int8_t *from = input + y * w->input_w * channels;
    int16_t *to = plane + (w->pad_top + y) * pitch + w->pad_left;
    for (const int16_t *const end = to + columns; to < end; from += channels) {
      *to++ = *from;
    }
  }
}

#endif /* SB_PLANE_DSP_H */
