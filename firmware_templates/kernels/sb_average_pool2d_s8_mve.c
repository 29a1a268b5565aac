/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AveragePool2D with Helium instructions, four channels at a time: the mean of the elements of the window that lie
 * inside the image, halves rounded away from zero.
 *
 * The division by the number of elements, n <= 2800, is a multiplication by m = floor(2^30 / n) + 1. For
 * 0 <= a = |sum| + floor(n / 2), which is below 129 n, floor(a / n) = floor(a * m / 2^30): m * n exceeds 2^30 by
 * e <= n, and a * e / n <= a < 2^30 / n, where 129 n^2 < 2^30. VQDMULH of 2 a and m is that quotient.
 *
 * `output` may be `input` where nothing is padded, for the reason given in sb_average_pool2d_s8.c.
 */
#include "sb_mve.h"
#include "sb_pool.h"

/* sums / n, rounded, for half = n / 2 and reciprocal = 2^30 / n + 1. sign is 0 or -1: (x + sign) ^ sign is +-x. */
SB_INLINE int32x4_t quotients(int32x4_t sums, int32_t half, int32_t reciprocal)
{
  const int32x4_t sign = vshrq_n_s32(sums, 31);
  const int32x4_t magnitude = vaddq_n_s32(veorq_s32(vaddq_s32(sums, sign), sign), half);
  const int32x4_t quotient = vqdmulhq_n_s32(vshlq_r_s32(magnitude, 1), reciprocal);
  return veorq_s32(vaddq_s32(quotient, sign), sign);
}

void sb_average_pool2d_s8_mve(const sb_pool_layer *layer, const int8_t *input, int8_t *output)
{
  const sb_window *const w = &layer->window;
  const int32_t channels = layer->channels, row_step = w->input_w * channels;
  int8_t *to = output;
  for (int32_t y = 0; y < w->output_h; y++) {
    const sb_range rows = sb_inside(y * w->stride_h - w->pad_top, w->kernel_h, w->input_h);
    for (int32_t x = 0; x < w->output_w; x++) {
      const sb_range columns = sb_inside(x * w->stride_w - w->pad_left, w->kernel_w, w->input_w);
      const int8_t *corner = input + rows.first * row_step + columns.first * channels;
      const int32_t count = rows.count * columns.count, reciprocal = (1 << 30) / count + 1;
      /* Where the window is as wide as the image, its rows are one. */
      const int32_t runs = columns.count == w->input_w ? 1 : rows.count;
      for (int32_t left = channels; left > 0; left -= 4) {
        int32x4_t sums = vdupq_n_s32(0);
        for (int32_t i = 0; i < runs; i++) {
          sums = sb_add_pixels(sums, corner + i * row_step, count / runs, channels, left);
        }
        vstrbq_p_s32(to, quotients(sums, count / 2, reciprocal), vctp32q((uint32_t)left));
        corner += 4;
        to += left < 4 ? left : 4;
      }
    }
  }
  sb_clamp_s8(output, w->output_h * w->output_w * channels, layer->low, layer->high);
}
