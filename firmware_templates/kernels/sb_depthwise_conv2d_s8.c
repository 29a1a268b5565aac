/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DepthwiseConv2D in plain C, any kernel, stride, dilation, padding and channel multiplier.
 *
 * One input channel at a time is copied into a plane of its own, whose border is filled once (scratch: sb_reach_h *
 * sb_reach_w bytes), then convolved without a test for the border.
 *
 *     input [H, W, C]             plane                     output [OH, OW, C]
 *     c0 c1 c2 c0 c1 c2 ..   ->   zp zp zp zp ..      ->    c0 .. .. c0 .. ..
 *     c0 c1 c2 c0 c1 c2 ..        zp c0 c0 ..               c0 .. .. c0 .. ..
 *
 * So `output` may be `input` where both have as many channels and the output no more pixels than the input: channel c
 * of the output lies in bytes that hold channel c of the input, all of which are in the plane by then.
 *
 * weights: [output_channels][kernel_h][kernel_w].
 */
#include <string.h>

#include "sb_plain.h"
#include "sb_window.h"

/* The channel of the image that begins at `input`, into the inside of the plane. */
static void copy_channel(const sb_conv_layer *layer, const int8_t *input, int8_t *plane)
{
  const sb_window *const w = &layer->window;
  const int32_t pitch = sb_reach_w(w);
  const int32_t rows = sb_clamp(sb_reach_h(w) - w->pad_top, 0, w->input_h);
  const int32_t columns = sb_clamp(pitch - w->pad_left, 0, w->input_w);
  for (int32_t y = 0; y < rows; y++) {
    const int8_t *from = input + y * w->input_w * layer->input_channels;
    int8_t *const to = plane + (w->pad_top + y) * pitch + w->pad_left;
    for (int32_t x = 0; x < columns; x++) {
      to[x] = *from;
      from += layer->input_channels;
    }
  }
}

static int32_t window_sum(const sb_window *w, const int8_t *corner, int32_t row_step, const int8_t *weights)
{
  int32_t sum = 0;
  for (int32_t ky = 0; ky < w->kernel_h; ky++) {
    for (int32_t kx = 0; kx < w->kernel_w; kx++) {
      sum += corner[kx * w->dilation_w] * *weights++;
    }
    corner += row_step;
  }
  return sum;
}

void sb_depthwise_conv2d_s8(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  int8_t *const plane = scratch;
  const sb_window *const w = &layer->window;
  const int32_t pitch = sb_reach_w(w);
  const int32_t multiplier = layer->output_channels / layer->input_channels;
  const int8_t *weights = layer->weights;
  memset(plane, layer->input_zero_point, (size_t)(sb_reach_h(w) * pitch));
  for (int32_t c = 0; c < layer->output_channels; c++) {
    if (c % multiplier == 0) {
      copy_channel(layer, input + c / multiplier, plane);
    }
    int8_t *result = output + c;
    for (int32_t y = 0; y < w->output_h; y++) {
      const int8_t *corner = plane + y * w->stride_h * pitch;
      for (int32_t x = 0; x < w->output_w; x++) {
        const int32_t sum = window_sum(w, corner, w->dilation_h * pitch, weights);
        *result = sb_output(sum, &layer->channels[c], layer->shifts[c], layer->output_zero_point, layer->low,
                            layer->high);
        result += layer->output_channels;
        corner += w->stride_w;
      }
    }
    weights += w->kernel_h * w->kernel_w;
  }
}
