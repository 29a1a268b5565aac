/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MaxPool2D with Helium instructions, 16 channels at a time: the largest of the elements of the window that lie inside
 * the image.
 *
 * `output` may be `input` where nothing is padded, for the reason given in sb_average_pool2d_s8.c.
 */
#include "sb_mve.h"
#include "sb_pool.h"

void sb_max_pool2d_s8_mve(const sb_pool_layer *layer, const int8_t *input, int8_t *output)
{
  const sb_window *const w = &layer->window;
  const int32_t channels = layer->channels, row_step = w->input_w * channels;
  const int8x16_t low = vdupq_n_s8(layer->low), high = vdupq_n_s8(layer->high);
  for (int32_t y = 0; y < w->output_h; y++) {
    const sb_range rows = sb_inside(y * w->stride_h - w->pad_top, w->kernel_h, w->input_h);
    for (int32_t x = 0; x < w->output_w; x++) {
      const sb_range columns = sb_inside(x * w->stride_w - w->pad_left, w->kernel_w, w->input_w);
      const int8_t *corner = input + rows.first * row_step + columns.first * channels;
      for (int32_t left = channels; left > 0; left -= 16) {
        int8x16_t largest = low;
        for (int32_t row = 0; row < rows.count; row++) {
          const int8_t *pixel = corner + row * row_step;
          for (int32_t i = columns.count; i > 0; i--) {
            largest = vmaxq_s8(largest, sb_load_first(pixel, left));
            pixel += channels;
          }
        }
        sb_store_first(output, vminq_s8(largest, high), left);
        corner += 16;
        output += left < 16 ? left : 16;
      }
    }
  }
}
