/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D in plain C, any kernel, stride, dilation and padding.
 *
 * For each output pixel the window is copied to one row of bytes, the patch (scratch: kernel_h * kernel_w *
 * input_channels bytes), so that every output channel is one sum of products without a test in it.
 *
 * weights: [output_channels][kernel_h][kernel_w][input_channels], TFLite's order.
 */
#include "sb_plain.h"
#include "sb_window.h"

void sb_conv2d_s8(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  int8_t *const patch = scratch;
  const sb_window *const w = &layer->window;
  const int32_t size = w->kernel_h * w->kernel_w * layer->input_channels;
  for (int32_t y = 0; y < w->output_h; y++) {
    for (int32_t x = 0; x < w->output_w; x++) {
      sb_copy_window_s8(w, layer->input_channels, layer->input_zero_point, input, y * w->stride_h - w->pad_top,
                        x * w->stride_w - w->pad_left, patch);
      const int8_t *weights = layer->weights;
      for (int32_t c = 0; c < layer->output_channels; c++) {
        const int32_t sum = sb_dot(patch, weights, size);
        *output++ = sb_output(sum, &layer->channels[c], layer->shifts[c], layer->output_zero_point, layer->low,
                              layer->high);
        weights += size;
      }
    }
  }
}
