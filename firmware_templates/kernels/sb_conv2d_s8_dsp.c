/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with SIMD instructions, any kernel, stride, dilation and padding.
 *
 * The windows of two output pixels are copied, widened to int16 and met by all output channels at once, see
 * sb_two_pixels_s8_dsp.c for both layouts. Of an odd number of pixels the last one keeps itself company.
 *
 * scratch, for n = kernel_h * kernel_w * input_channels, rounded up to a multiple of 4: two patches of n int16, then
 * one window of n bytes.
 */
#include "sb_dsp.h"
#include "sb_two_pixels_dsp.h"
#include "sb_window.h"

static void copy_pixel(const sb_conv_layer *layer, const int8_t *input, int32_t pixel, int16_t *patch, int8_t *bytes)
{
  const sb_window *const w = &layer->window;
  const int32_t y = pixel / w->output_w;
  const int32_t x = pixel % w->output_w;
  sb_copy_window_s8(w, layer->input_channels, layer->input_zero_point, input, y * w->stride_h - w->pad_top,
                    x * w->stride_w - w->pad_left, bytes);
  sb_widen_quads(bytes, patch, w->kernel_h * w->kernel_w * layer->input_channels);
}

void sb_conv2d_s8_dsp(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  const sb_window *const w = &layer->window;
  const int32_t quads = (w->kernel_h * w->kernel_w * layer->input_channels + 3) / 4;
  const int32_t pixels = w->output_h * w->output_w;
  int16_t *const patches = scratch;
  int8_t *const bytes = (int8_t *)scratch + 16 * quads;
  for (int32_t p = 0; p < pixels; p += 2) {
    const int32_t q = p + 1 < pixels ? p + 1 : p;
    copy_pixel(layer, input, p, patches, bytes);
    copy_pixel(layer, input, q, patches + 4, bytes);
    sb_two_pixels_s8_dsp(layer, patches, quads, output + p * layer->output_channels,
                         output + q * layer->output_channels);
  }
  sb_clamp_s8(output, pixels * layer->output_channels, layer->low, layer->high);
}
