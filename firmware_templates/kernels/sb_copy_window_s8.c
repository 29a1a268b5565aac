/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window of the image as one row of bytes, border included. Taps that are neighbours in memory are copied together.
 *
 * Calls of memcpy and memset would cost more than they do: most runs are a few bytes, and the small C libraries go byte
 * by byte.
 */
#include <string.h>

#include "sb_window.h"

static inline int8_t *copy_run(int8_t *to, const int8_t *from, int32_t count)
{
  for (; count >= 4; count -= 4) {
    memcpy(to, from, 4);
    to += 4;
    from += 4;
  }
  for (; count > 0; count--) {
    *to++ = *from++;
  }
  return to;
}

static inline int8_t *fill_run(int8_t *to, uint32_t four, int32_t count)
{
  for (; count >= 4; count -= 4) {
    memcpy(to, &four, 4);
    to += 4;
  }
  for (; count > 0; count--) {
    *to++ = (int8_t)four;
  }
  return to;
}

void sb_copy_window_s8(const sb_window *w, int32_t depth, int32_t zero_point, const int8_t *input, int32_t top,
                       int32_t left, int8_t *patch)
{
  const uint32_t border = 0x01010101u * (uint8_t)zero_point;
  const int32_t taps = w->dilation_w == 1 ? w->kernel_w : 1;
  for (int32_t kx = 0; kx < w->kernel_w; kx += taps) {
    const int32_t x = left + kx * w->dilation_w;
    const int32_t first = sb_clamp(-x, 0, taps);
    const int32_t end = sb_clamp(w->input_w - x, first, taps);
    const int32_t before = first * depth, inside = (end - first) * depth, after = (taps - end) * depth;
    int8_t *to = patch + kx * depth;
    for (int32_t ky = 0; ky < w->kernel_h; ky++) {
      const int32_t y = top + ky * w->dilation_h;
      if (y >= 0 && y < w->input_h && inside > 0) {
        int8_t *const run = fill_run(to, border, before);
        fill_run(copy_run(run, input + (y * w->input_w + x + first) * depth, inside), border, after);
      } else {
        fill_run(to, border, taps * depth);
      }
      to += w->kernel_w * depth;
    }
  }
}
