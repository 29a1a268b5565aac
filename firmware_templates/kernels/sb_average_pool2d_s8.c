/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AveragePool2D: the mean of the elements of the window that lie inside the image, halves rounded away from zero.
 *
 * `output` may be `input` where nothing is padded: output pixel (y, x) lies at or before the first pixel of its own
 * window, and before every pixel that a later window reads; within the pixel each channel is written after it is read.
 */
#include "sb_pool.h"

void sb_average_pool2d_s8(const sb_pool_layer *layer, const int8_t *input, int8_t *output)
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
        int32_t sum = 0;
        for (int32_t row = rows.count; row > 0; row--) {
          for (int32_t left = columns.count; left > 0; left--) {
            sum += *value;
            value += channels;
          }
          value += to_next_row;
        }
        const int32_t mean = sb_rounded_quotient(sum, rows.count * columns.count);
        *output++ = (int8_t)sb_clamp(mean, layer->low, layer->high);
      }
    }
  }
}
