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

SB_INLINE int8_t *fill(int8_t *to, int8x16_t border, int32_t count)
{
  for (int32_t i = 0; i < count; i += 16) {
    vstrbq_s8(to + i, border);
  }
  return to + count;
}

/* The same run of `rows` rows of the image, `step` bytes apart; gives the place behind them. */
SB_INLINE int8_t *copy_rows(run r, const int8_t *from, int32_t step, int32_t rows, int8x16_t border, int8_t *to)
{
  const int32_t bytes = r.before + r.inside + r.after, vectors = r.inside >> 4, rest = r.inside & 15;
  from += r.before;
  if (bytes == 16 * vectors) { /* whole vectors without a border */
    for (; rows > 0; rows--) {
      const int8_t *x = from;
      for (int32_t i = vectors; i > 0; i--) {
        int8x16_t v;
        x = sb_take_bytes(x, &v);
        to = sb_put_bytes(to, v);
      }
      from += step;
    }
    return to;
  }
  if (bytes <= 16) {
    for (; rows > 0; rows--) {
      const int8x16_t inside = sb_load_first(from, r.inside);
      vstrbq_s8(to, border);
      vstrbq_s8(to + r.before, inside);
      vstrbq_s8(to + r.before + r.inside, border);
      from += step;
      to += bytes;
    }
    return to;
  }
  for (; rows > 0; rows--) {
    const int8_t *x = from;
    to = fill(to, border, r.before);
    for (int32_t i = vectors; i > 0; i--) {
      int8x16_t v;
      x = sb_take_bytes(x, &v);
      to = sb_put_bytes(to, v);
    }
    if (rest > 0) {
      vstrbq_s8(to, sb_load_first(x, rest));
    }
    to = fill(to + rest, border, r.after);
    from += step;
  }
  return to;
}

/* Where a row of output pixels lies: window rows first .. end are in the image, the others in the border. */
typedef struct {
  int32_t first, end;
  const int8_t *input; /* of column 0 in the first of them */
} band;

/* Rows of the kernel, `dilation` apart, before the one that meets row `distance` or lies behind it. */
static inline int32_t rows_before(int32_t distance, int32_t dilation, int32_t rows)
{
  return distance <= 0 ? 0 : sb_clamp((distance + dilation - 1) / dilation, 0, rows);
}

static band band_of(const sb_conv_layer *layer, const int8_t *input, int32_t y)
{
  const sb_window *const w = &layer->window;
  const int32_t top = y * w->stride_h - w->pad_top;
  const int32_t first = rows_before(-top, w->dilation_h, w->kernel_h);
  const int32_t end = rows_before(w->input_h - top, w->dilation_h, w->kernel_h);
  return (band){first, end > first ? end : first,
                input + (top + first * w->dilation_h) * w->input_w * layer->input_channels};
}

/* The window that begins in column `left`. */
static void copy_patch(const sb_conv_layer *layer, const band *b, int32_t left, int8_t *patch)
{
  const sb_window *const w = &layer->window;
  const int32_t depth = layer->input_channels, bytes = w->kernel_w * depth;
  const int32_t step = w->dilation_h * w->input_w * depth;
  const int8x16_t border = vdupq_n_s8(layer->input_zero_point);
  const int8_t *from = b->input + left * depth;
  patch = fill(patch, border, b->first * bytes);
  if (w->dilation_w == 1) {
    patch = copy_rows(run_at(layer, left, w->kernel_w), from, step, b->end - b->first, border, patch);
  } else {
    for (int32_t ky = b->first; ky < b->end; ky++) {
      for (int32_t kx = 0; kx < w->kernel_w; kx++) {
        const int32_t tap = kx * w->dilation_w;
        patch = copy_rows(run_at(layer, left + tap, 1), from + tap * depth, step, 1, border, patch);
      }
      from += step;
    }
  }
  fill(patch, border, (w->kernel_h - b->end) * bytes);
}

sb_pixel sb_copy_patches_s8_mve(const sb_conv_layer *layer, const int8_t *input, sb_pixel pixel, int32_t count,
                                int8_t *patches, int32_t pitch)
{
  const sb_window *const w = &layer->window;
  band b = band_of(layer, input, pixel.y);
  for (; count > 0; count--) {
    copy_patch(layer, &b, pixel.x * w->stride_w - w->pad_left, patches);
    patches += pitch;
    pixel.x++;
    if (pixel.x == w->output_w) {
      pixel = (sb_pixel){pixel.y + 1, 0};
      b = band_of(layer, input, pixel.y);
    }
  }
  return pixel;
}
