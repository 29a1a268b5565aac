/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel of an image to a plane of its own: eight pixels of a row by one gathering load, whose places are 16-bit
 * numbers; all rows of eight columns, then of the next eight.
 */
#include "sb_plane_mve.h"

void sb_copy_plane_s8_mve(const sb_conv_layer *layer, const int8_t *input, int8_t *plane)
{
  const sb_window *const w = &layer->window;
  const int32_t depth = layer->input_channels, row = w->input_w * depth;
  const int32_t pitch = sb_reach_w(w);
  const int32_t rows = sb_clamp(sb_reach_h(w) - w->pad_top, 0, w->input_h);
  const uint16x8_t places = vmulq_n_u16(vidupq_n_u16(0, 1), layer->input_channels);
  int8_t *column = plane + w->pad_top * pitch + w->pad_left;
  for (int32_t left = sb_clamp(pitch - w->pad_left, 0, w->input_w); left > 0; left -= 8) {
    const int8_t *from = input;
    int8_t *to = column;
    for (int32_t i = rows; i > 0; i--) {
      sb_copy_spread(to, from, places, left);
      from += row;
      to += pitch;
    }
    input += 8 * depth;
    column += 8;
  }
}
