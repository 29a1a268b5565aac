/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows of the image as rows of bytes, border included, copied by vectors. Taps that are neighbours in memory are
 * one run, of which some bytes may lie before the image, some in it, and some behind it:
 *
 *     zp zp | a b c d | zp              Each piece is stored by whole vectors, beyond its end; the next one follows
 *     zp zp zp zp zp zp zp              there and writes over that. Behind the last patch are SB_PATCH_SLACK bytes.
 *     a b c d e f g
 */
#include "sb_patch_mve.h"

typedef struct {
  int32_t before, inside, after; /* bytes */
} run;

/* `taps` taps from column x on. */
static inline run run_at(const sb_conv_layer *layer, int32_t x, int32_t taps)
{
  const int32_t width = layer->window.input_w, depth = layer->input_channels;
  const int32_t first = sb_clamp(-x, 0, taps), end = sb_clamp(width - x, first, taps);
  return (run){first * depth, (end - first) * depth, (taps - end) * depth};
}

static inline int8_t *fill(int8_t *to, int8_t value, int32_t count)
{
  for (int32_t left = count; left > 0; left -= 16) {
    vstrbq_s8(to + (count - left), vdupq_n_s8(value));
  }
  return to + count;
}

/* All of a run, or what the image has of it between its border. Gives the place behind it. */
SB_INLINE int8_t *copy_run(const run *r, const int8_t *from, int8_t border, int8_t *to)
{
  to = fill(to, border, r->before);
  sb_copy_vectors(to, from + r->before, r->inside);
  return fill(to + r->inside, border, r->after);
}

static void copy_patch(const sb_conv_layer *layer, const int8_t *input, int32_t top, int32_t left, int8_t *patch)
{
  const sb_window *const w = &layer->window;
  const int32_t depth = layer->input_channels;
  const int32_t taps = w->dilation_w == 1 ? w->kernel_w : 1;
  const int8_t border = layer->input_zero_point;
  const run first = run_at(layer, left, taps);
  for (int32_t ky = 0; ky < w->kernel_h; ky++) {
    const int32_t y = top + ky * w->dilation_h;
    const int8_t *from = input + (y * w->input_w + left) * depth;
    if (y < 0 || y >= w->input_h) {
      patch = fill(patch, border, w->kernel_w * depth);
      continue;
    }
    patch = copy_run(&first, from, border, patch);
    for (int32_t kx = taps; kx < w->kernel_w; kx++) {
      const run r = run_at(layer, left + kx * w->dilation_w, 1);
      from += w->dilation_w * depth;
      patch = copy_run(&r, from, border, patch);
    }
  }
}

sb_pixel sb_copy_patches_s8_mve(const sb_conv_layer *layer, const int8_t *input, sb_pixel pixel, int32_t count,
                                int8_t *patches, int32_t pitch)
{
  const sb_window *const w = &layer->window;
  for (; count > 0; count--) {
    copy_patch(layer, input, pixel.y * w->stride_h - w->pad_top, pixel.x * w->stride_w - w->pad_left, patches);
    patches += pitch;
    pixel.x++;
    if (pixel.x == w->output_w) {
      pixel = (sb_pixel){pixel.y + 1, 0};
    }
  }
  return pixel;
}
