/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AveragePool2D with SIMD instructions, four channels at a time: sb_sum_four.h. At least four channels.
 *
 * `output` may be `input` for the reason given in sb_average_pool2d_s8.c: channels that are read once more after they
 * were written, with the last four, only add to sums that nobody takes.
 */
#include "sb_pool.h"
#include "sb_sum_four.h"

void sb_average_pool2d_s8_dsp(const sb_pool_layer *layer, const int8_t *input, int8_t *output)
{
  const sb_window *const w = &layer->window;
  const int32_t channels = layer->channels;
  sb_area area = {.pixel_step = channels, .row_step = w->input_w * channels};
  for (int32_t y = 0; y < w->output_h; y++) {
    const sb_range rows = sb_inside(y * w->stride_h - w->pad_top, w->kernel_h, w->input_h);
    for (int32_t x = 0; x < w->output_w; x++) {
      const sb_range columns = sb_inside(x * w->stride_w - w->pad_left, w->kernel_w, w->input_w);
      const int8_t *const corner = input + rows.first * area.row_step + columns.first * channels;
      area.rows = rows.count;
      area.columns = columns.count;
      for (int32_t c = 0; c < channels;) {
        const int32_t first = c + 4 <= channels ? c : channels - 4;
        int32_t sums[4];
        sb_sum_four_s8_dsp(&area, corner + first, sums);
        for (; c < first + 4; c++) {
          const int32_t mean = sb_rounded_quotient(sums[c - first], rows.count * columns.count);
          *output++ = (int8_t)sb_clamp(mean, layer->low, layer->high);
        }
      }
    }
  }
}
