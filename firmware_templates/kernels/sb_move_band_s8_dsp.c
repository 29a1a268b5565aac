/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The band of image rows that one row of outputs meets, with its border, so that no window is anything but inside it:
 *
 *     y = 0   border        y = 1   image row 0      3x3, stride 1, one row of padding
 *             image row 0           image row 1
 *             image row 1           image row 2 (new)
 */
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

void sb_move_band_s8_dsp(const sb_paired_conv_layer *layer, const int8_t *input, int32_t y, int8_t *band)
{
  const sb_window *const w = &layer->window;
  const int32_t pitch = sb_reach_w(w) * layer->input_channels;
  const int32_t rows = (w->kernel_h - 1) * w->dilation_h + 1;
  const int32_t kept = y > 0 ? sb_clamp(rows - w->stride_h, 0, rows) : 0;
  copy_bytes(band, band + w->stride_h * pitch, kept * pitch);
  for (int32_t i = kept; i < rows; i++) {
    load_row(layer, input, y * w->stride_h - w->pad_top + i, band + i * pitch);
  }
}
