/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window of the image as one row of bytes, border included. Taps that are neighbours in memory are copied together.
 */
#include <string.h>

#include "sb_window.h"

/* A memcpy without a call: most runs are a few bytes, and the small C libraries copy them one by one. */
static inline void copy_run(int8_t *to, const int8_t *from, int32_t count)
{
  for (; count >= 4; count -= 4) {
    memcpy(to, from, 4);
    to += 4;
    from += 4;
  }
  for (; count > 0; count--) {
    *to++ = *from++;
  }
}

void sb_copy_window_s8(const sb_conv_layer *layer, const int8_t *input, int32_t top, int32_t left, int8_t *patch)
{
  const sb_window *const w = &layer->window;
  const int32_t depth = layer->input_channels;
  const int32_t taps = w->dilation_w == 1 ? w->kernel_w : 1;
  for (int32_t ky = 0; ky < w->kernel_h; ky++) {
    const int32_t y = top + ky * w->dilation_h;
    for (int32_t kx = 0; kx < w->kernel_w; kx += taps) {
      const int32_t x = left + kx * w->dilation_w;
      const int32_t first = y >= 0 && y < w->input_h ? sb_clamp(-x, 0, taps) : taps;
      const int32_t end = sb_clamp(w->input_w - x, first, taps);
      if (end - first < taps) {
        memset(patch, layer->input_zero_point, (size_t)(taps * depth));
      }
      if (end > first) {
        copy_run(patch + first * depth, input + (y * w->input_w + x + first) * depth, (end - first) * depth);
      }
      patch += taps * depth;
    }
  }
}
