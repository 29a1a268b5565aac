/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MaxPool2D: the largest of the elements of the window that lie inside the image.
 *
 * `output` may be `input` where nothing is padded, for the reason given in sb_average_pool2d_s8.c.
 */
#include "sb_fixedpoint.h"
#include "sb_kernels.h"

void sb_max_pool2d_s8(const sb_pool_layer *layer, const int8_t *input, int8_t *output)
{
  const sb_window *const w = &layer->window;
  for (int32_t y = 0; y < w->output_h; y++) {
    const int32_t y_start = y * w->stride_h - w->pad_top;
    const int32_t y_first = sb_clamp(y_start, 0, w->input_h);
    const int32_t y_end = sb_clamp(y_start + w->kernel_h, 0, w->input_h);
    for (int32_t x = 0; x < w->output_w; x++) {
      const int32_t x_start = x * w->stride_w - w->pad_left;
      const int32_t x_first = sb_clamp(x_start, 0, w->input_w);
      const int32_t x_end = sb_clamp(x_start + w->kernel_w, 0, w->input_w);
      for (int32_t c = 0; c < layer->channels; c++) {
        int32_t largest = INT8_MIN;
        for (int32_t iy = y_first; iy < y_end; iy++) {
          for (int32_t ix = x_first; ix < x_end; ix++) {
            const int32_t value = input[(iy * w->input_w + ix) * layer->channels + c];
            largest = value > largest ? value : largest;
          }
        }
        *output++ = (int8_t)sb_clamp(largest, layer->low, layer->high);
      }
    }
  }
}
