/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MaxPool2D: the largest of the elements of the window that lie inside the image.
 *
 * `output` may be `input` where nothing is padded, for the reason given in sb_average_pool2d_s8.c.
 */
#include "sb_pool.h"

void sb_max_pool2d_s8(const sb_pool_layer *layer, const int8_t *input, int8_t *output)
{
  const sb_window *const w = &layer->window;
  const int32_t channels = layer->channels;
  for (int32_t y = 0; y < w->output_h; y++) {
    const sb_range rows = sb_inside(y * w->stride_h - w->pad_top, w->kernel_h, w->input_h);
    for (int32_t x = 0; x < w->output_w; x++) {
      const sb_range columns = sb_inside(x * w->stride_w - w->pad_left, w->kernel_w, w->input_w);
      const int32_t to_next_row = (w->input_w - columns.count) * channels;
      const int8_t *const corner = input + (rows.first * w->input_w + columns.first) * channels;
      for (int32_t c = 0; c < channels; c++) {
        const int8_t *value = corner + c;
        int32_t largest = layer->low;
        for (int32_t row = rows.count; row > 0; row--) {
          for (int32_t left = columns.count; left > 0; left--) {
            largest = *value > largest ? *value : largest;
            value += channels;
          }
          value += to_next_row;
        }
        *output++ = (int8_t)(largest < layer->high ? largest : layer->high);
      }
    }
  }
}
