/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DepthwiseConv2D for cores without SIMD instructions, any kernel, stride, dilation, padding and channel multiplier.
 *
 * One input channel at a time is copied into a plane with its border, so `output` may be `input` for the reason given
 * in sb_depthwise_conv2d_s8.c. Four outputs that are neighbours in the plane are summed at once, so that each
 * weight is loaded for four products, and with stride 1 each value for up to three. Of a row that is no multiple of
 * four long, the last four overlap the four before. A layer may be `turned`: then the plane and the weights have H and
 * W exchanged, which the generator chooses for images that are higher than wide.
 *
 * Values in the plane are unsigned, stored byte + 128, as the smallest cores load those faster; the generator takes
 * 128 * the sum of the weights off the bias.
 *
 * weights: [output_channels][kernel_h][kernel_w].
 * scratch: kernel_h * kernel_w words; sb_reach_h * sb_reach_w bytes; and three strides along W, which sums that nobody
 * asks for may read.
 */
#include <string.h>

#include "sb_clamp.h"
#include "sb_taps_scalar.h"
#include "sb_window.h"

/* Bytes between neighbours in the image along H and W of the plane. */
typedef struct {
  int32_t h, w;
} steps;

static steps steps_of(const sb_turned_conv_layer *layer, int32_t rows, int32_t columns, int32_t channels)
{
  return layer->turned ? (steps){channels, rows * channels} : (steps){columns * channels, channels};
}

/* The channel of the image that begins at `input`, into the inside of the plane. */
static void copy_channel(const sb_turned_conv_layer *layer, const int8_t *input, uint8_t *plane)
{
  const sb_window *const w = &layer->window;
  const int32_t pitch = sb_reach_w(w);
  const int32_t rows = sb_clamp(sb_reach_h(w) - w->pad_top, 0, w->input_h);
  const int32_t columns = sb_clamp(pitch - w->pad_left, 0, w->input_w);
  const steps step = steps_of(layer, w->input_h, w->input_w, layer->input_channels);
  plane += w->pad_top * pitch + w->pad_left;
  for (int32_t y = 0; y < rows; y++) {
    const int8_t *from = input;
    uint8_t *to = plane;
    if (columns & 1) {
      *to++ = (uint8_t)(*from ^ INT8_MIN);
      from += step.w;
    }
    for (const uint8_t *const end = plane + columns; to < end; to += 2) {
      to[0] = (uint8_t)(*from ^ INT8_MIN);
      from += step.w;
      to[1] = (uint8_t)(*from ^ INT8_MIN);
      from += step.w;
    }
    input += step.h;
    plane += pitch;
  }
}

/* The taps of one channel as words, each times 2^raised. */
static const int8_t *widen(const int8_t *weights, int32_t *taps, const int32_t *end, int32_t raised)
{
  while (taps < end) {
    *taps++ = sb_wrapping_shift_left(*weights++, raised);
  }
  return weights;
}

/* All outputs of one channel. */
static void convolve_plane(const sb_turned_conv_layer *layer, const uint8_t *plane, const int32_t *taps,
                           const sb_channel *channel, int32_t right, int8_t *output)
{
  const sb_window *const w = &layer->window;
  const int32_t *const end = taps + w->kernel_h * w->kernel_w;
  const int32_t pitch = sb_reach_w(w), row_step = w->dilation_h * pitch;
  const int32_t stride = w->stride_w, columns = w->output_w;
  const int32_t last = columns > 4 ? columns - 4 : 0; /* column of the first of the last four outputs */
  const steps step = steps_of(layer, w->output_h, columns, layer->output_channels);
  /* Outputs that nobody asks for are written first, where others follow. */
  const int32_t b = columns > 1 ? step.w : 0, c = columns > 2 ? 2 * step.w : 0, d = columns > 3 ? 3 * step.w : 0;
  const int32_t multiplier = channel->multiplier, bias = channel->bias;
  const int32_t twice = 2 * layer->output_zero_point + 1;
  const int three_taps = w->kernel_w == 3 && stride == 1 && w->dilation_w == 1;
  for (int32_t y = w->output_h; y > 0; y--) {
    for (int32_t x = 0;; x = x + 4 < last ? x + 4 : last) {
      const uint8_t *const corner = plane + x * stride;
      sb_four_sums sum = {bias, bias, bias, bias};
      if (three_taps) {
        sb_add_three_taps(&sum, corner, row_step, taps, end);
      } else {
        const uint8_t *value = corner;
        for (const int32_t *row = taps; row < end; row += w->kernel_w) {
          sb_add_row(&sum, value, row, row + w->kernel_w, w->dilation_w, stride);
          value += row_step;
        }
      }
      int8_t *const result = output + x * step.w;
      result[d] = sb_output_scalar(sum.d, multiplier, right, twice);
      result[c] = sb_output_scalar(sum.c, multiplier, right, twice);
      result[b] = sb_output_scalar(sum.b, multiplier, right, twice);
      *result = sb_output_scalar(sum.a, multiplier, right, twice);
      if (x == last) {
        break;
      }
    }
    output += step.h;
    plane += w->stride_h * pitch;
  }
}

void sb_depthwise_conv2d_s8_scalar(const sb_turned_conv_layer *layer, const int8_t *input, int8_t *output,
                                   void *scratch)
{
  const sb_window *const w = &layer->window;
  const int32_t multiplier = layer->output_channels / layer->input_channels;
  const int8_t *weights = layer->weights;
  int32_t *const taps = scratch;
  int32_t *const end = taps + w->kernel_h * w->kernel_w;
  uint8_t *const plane = (uint8_t *)end;
  memset(plane, layer->input_zero_point ^ INT8_MIN, (size_t)(sb_reach_h(w) * sb_reach_w(w) + 3 * w->stride_w));
  int32_t served = 0; /* outputs that the plane has still to serve */
  for (int32_t c = 0; c < layer->output_channels; c++) {
    if (served == 0) {
      copy_channel(layer, input++, plane);
      served = multiplier;
    }
    served--;
    weights = widen(weights, taps, end, sb_raised(layer, c));
    convolve_plane(layer, plane, taps, &layer->channels[c], sb_right(layer, c), output + c);
  }
  sb_clamp_s8(output, w->output_h * w->output_w * layer->output_channels, layer->low, layer->high);
}
