/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AveragePool2D: the mean of the elements of the window that lie inside the image, halves rounded away from zero.
 *
 * `output` may be `input` where nothing is padded: output pixel (y, x) lies at or before the first pixel of its own
 * window, and before every pixel that a later window reads; within the pixel each channel is written after it is read.
 */
#include "sb_fixedpoint.h"
#include "sb_kernels.h"

static int32_t rounded_quotient(int32_t sum, int32_t count)
{
  return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

void sb_average_pool2d_s8(const sb_pool_layer *layer, const int8_t *input, int8_t *output)
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
      const int32_t count = (y_end - y_first) * (x_end - x_first);
      for (int32_t c = 0; c < layer->channels; c++) {
        int32_t sum = 0;
        for (int32_t iy = y_first; iy < y_end; iy++) {
          for (int32_t ix = x_first; ix < x_end; ix++) {
            sum += input[(iy * w->input_w + ix) * layer->channels + c];
          }
        }
        *output++ = (int8_t)sb_clamp(rounded_quotient(sum, count), layer->low, layer->high);
      }
    }
  }
}
