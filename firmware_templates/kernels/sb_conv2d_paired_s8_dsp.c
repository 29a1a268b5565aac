/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with SIMD instructions and the weights of two channels in one int16, any kernel, stride, dilation and padding:
 * the windows of three output pixels at a time are widened to int16 and met by all output channels at once, see
 * sb_paired_dsp.h for both layouts. A window is read by its rows, or tap by tap where it is dilated along W, which is
 * for input channels in fours.
 *
 * The rows of the image that one row of outputs meets are copied to a band with their border, so that no window is
 * anything but inside it. For the next row of outputs the band moves down by the stride:
 *
 *     y = 0   border        y = 1   image row 0      3x3, stride 1, one row of padding
 *             image row 0           image row 1
 *             image row 1           image row 2 (new)
 *
 * `output` may be `input` where each row of outputs ends at or before the first row of the image that is not yet in the
 * band; the generator looks at every row.
 *
 * scratch: three patches of int16; the band; 3 bytes that are read with its last ones.
 */
#include <stdbool.h>

#include "sb_paired_dsp.h"
#include "sb_window.h"

/* Two loops without calls of memcpy and memset: most runs are short. */
static int8_t *copy_bytes(int8_t *to, const int8_t *from, int32_t count)
{
  for (; count >= 16; count -= 16) {
    const uint32_t a = sb_load(from), b = sb_load(from + 4), c = sb_load(from + 8), d = sb_load(from + 12);
    sb_store(to, a);
    sb_store(to + 4, b);
    sb_store(to + 8, c);
    sb_store(to + 12, d);
    to += 16;
    from += 16;
  }
  for (; count >= 4; count -= 4) {
    sb_store(to, sb_load(from));
    to += 4;
    from += 4;
  }
  if (count & 2) {
    *to++ = *from++;
    *to++ = *from++;
  }
  if (count & 1) {
    *to++ = *from;
  }
  return to;
}

static int8_t *fill_bytes(int8_t *to, uint32_t four, int32_t count)
{
  for (; count >= 4; count -= 4) {
    sb_store(to, four);
    to += 4;
  }
  if (count & 2) {
    *to++ = (int8_t)four;
    *to++ = (int8_t)four;
  }
  if (count & 1) {
    *to++ = (int8_t)four;
  }
  return to;
}

/* Row y of the image, which may be outside it, with its border. */
static void load_row(const sb_paired_conv_layer *layer, const int8_t *input, int32_t y, int8_t *to)
{
  const sb_window *const w = &layer->window;
  const int32_t depth = layer->input_channels;
  const uint32_t border = 0x01010101u * (uint8_t)layer->input_zero_point;
  const int32_t reach = sb_reach_w(w);
  if (y < 0 || y >= w->input_h) {
    fill_bytes(to, border, reach * depth);
    return;
  }
  const int32_t before = sb_clamp(w->pad_left, 0, reach);
  const int32_t inside = sb_clamp(w->input_w, 0, reach - before);
  to = fill_bytes(to, border, before * depth);
  to = copy_bytes(to, input + y * w->input_w * depth, inside * depth);
  fill_bytes(to, border, (reach - before - inside) * depth);
}

void sb_conv2d_paired_s8_dsp(const sb_paired_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  const sb_window *const w = &layer->window;
  const int32_t depth = layer->input_channels;
  const int32_t step = layer->output_channels;
  const int32_t pitch = sb_reach_w(w) * depth;
  const int32_t band_rows = (w->kernel_h - 1) * w->dilation_h + 1;
  const int32_t kept_rows = sb_clamp(band_rows - w->stride_h, 0, band_rows);
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
    const int32_t kept = y > 0 ? kept_rows : 0;
    copy_bytes(band, band + w->stride_h * pitch, kept * pitch);
    for (int32_t i = kept; i < band_rows; i++) {
      load_row(layer, input, y * w->stride_h - w->pad_top + i, band + i * pitch);
    }
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
        sb_three_pixels_s8_dsp(layer, patches, quads, result, step, 2 * step);
        result += 3 * step;
        held = 0;
      }
    }
  }
  if (held > 0) {
    sb_three_pixels_s8_dsp(layer, patches, quads, result, (held - 1) * step, (held - 1) * step);
  }
  sb_clamp_s8(output, w->output_h * w->output_w * step, layer->low, layer->high);
}
