/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MaxPool2D with SIMD instructions, four channels at a time. At least four channels; the last ones of a number that is
 * no multiple of four are taken as the last four, so that a word never leaves its pixel.
 *
 * `output` may be `input` where nothing is padded, for the reason given in sb_average_pool2d_s8.c: channels that are
 * read once more after they were written are not written again.
 */
#include "sb_dsp.h"
#include "sb_pool.h"

static uint32_t largest_four(const int8_t *first, int32_t rows, int32_t columns, int32_t step, int32_t row_step)
{
  uint32_t largest = sb_load(first);
  for (; rows > 0; rows--) {
    const int8_t *pixel = first;
    for (int32_t left = columns; left > 0; left--) {
      largest = sb_larger_bytes(largest, sb_load(pixel));
      pixel += step;
    }
    first += row_step;
  }
  return largest;
}

void sb_max_pool2d_s8_dsp(const sb_pool_layer *layer, const int8_t *input, int8_t *output)
{
  const sb_window *const w = &layer->window;
  const int32_t channels = layer->channels, row_step = w->input_w * channels;
  const uint32_t low = sb_four_of(layer->low), high = sb_four_of(layer->high);
  for (int32_t y = 0; y < w->output_h; y++) {
    const sb_range rows = sb_inside(y * w->stride_h - w->pad_top, w->kernel_h, w->input_h);
    for (int32_t x = 0; x < w->output_w; x++) {
      const sb_range columns = sb_inside(x * w->stride_w - w->pad_left, w->kernel_w, w->input_w);
      const int8_t *const corner = input + rows.first * row_step + columns.first * channels;
      for (int32_t c = 0; c < channels;) {
        const int32_t first = c + 4 <= channels ? c : channels - 4;
        uint32_t four = largest_four(corner + first, rows.count, columns.count, channels, row_step);
        four = sb_smaller_bytes(sb_larger_bytes(four, low), high);
        for (four >>= 8 * (c - first); c < first + 4; c++) {
          *output++ = (int8_t)(uint8_t)four;
          four >>= 8;
        }
      }
    }
  }
}
