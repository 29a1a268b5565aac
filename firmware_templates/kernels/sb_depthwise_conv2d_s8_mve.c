/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DepthwiseConv2D with Helium instructions, any kernel, stride, dilation and padding; at most as wide as 16 taps of a
 * window can be gathered from bytes within 255 of the first.
 *
 * One channel at a time is copied to a plane (sb_plane_mve.h). The taps of a window are taken by sixteens, in the order
 * of their weights: where each lies relative to the first of its sixteen is the same for all outputs.
 *
 *     3x5 on a plane of 9 columns      0  1  2  3  4   9 10 11 12 13  18 19 20 21 22 | behind the end: 0, weight 0
 *
 * weights: [output_channels][kernel_h][kernel_w]. scratch: the sixteens, then the plane.
 */
#include "sb_plane_mve.h"

typedef struct {
  int32_t first; /* from the window's corner */
  uint8_t places[16];
} taps;

static void place_taps(const sb_window *w, taps *sixteens)
{
  const int32_t pitch = sb_reach_w(w), size = w->kernel_h * w->kernel_w;
  int32_t first = 0;
  for (int32_t i = 0; i < sb_vector_bytes(size); i++) {
    const int32_t place = i / w->kernel_w * w->dilation_h * pitch + i % w->kernel_w * w->dilation_w;
    if (i % 16 == 0) {
      first = place;
      sixteens[i / 16].first = first;
    }
    sixteens[i / 16].places[i % 16] = (uint8_t)(i < size ? place - first : 0);
  }
}

/* Sums of the windows at four corners. */
SB_INLINE int32x4_t four_sums(const int8_t *const *corners, const taps *sixteens, const int8_t *weights, int32_t size)
{
  int32_t a = 0, b = 0, c = 0, d = 0;
  for (int32_t left = size; left > 0; left -= 16) {
    const uint8x16_t places = vldrbq_u8(sixteens->places);
    const int8x16_t row = sb_load_first(weights, left);
    const int32_t first = sixteens->first;
    a = vmladavaq_s8(a, row, vldrbq_gather_offset_s8(corners[0] + first, places));
    b = vmladavaq_s8(b, row, vldrbq_gather_offset_s8(corners[1] + first, places));
    c = vmladavaq_s8(c, row, vldrbq_gather_offset_s8(corners[2] + first, places));
    d = vmladavaq_s8(d, row, vldrbq_gather_offset_s8(corners[3] + first, places));
    weights += 16;
    sixteens++;
  }
  return sb_four(a, b, c, d);
}

/* One channel of the output; the last four pixels of a row come again as far as they are done. */
static void convolve(const sb_conv_layer *layer, const int8_t *plane, const taps *sixteens, const int8_t *weights,
                     const sb_scaling *scaling, int8_t *output)
{
  const sb_window *const w = &layer->window;
  const int32_t size = w->kernel_h * w->kernel_w, last = w->output_w - 1;
  const int32_t second = sb_clamp(last, 0, 1), third = sb_clamp(last, 0, 2), fourth = sb_clamp(last, 0, 3);
  const int32_t channels = layer->output_channels;
  const uint32x4_t pixels =
      vmulq_n_u32(vreinterpretq_u32_s32(sb_four(0, second, third, fourth)), (uint32_t)channels);
  for (int32_t y = 0; y < w->output_h; y++) {
    for (int32_t left = last + 1; left > 0; left -= 4) {
      const int32_t x = left >= 4 ? last + 1 - left : last - fourth;
      const int8_t *const corner = plane + x * w->stride_w;
      const int8_t *const corners[4] = {corner, corner + second * w->stride_w, corner + third * w->stride_w,
                                        corner + fourth * w->stride_w};
      const int32x4_t sums = four_sums(corners, sixteens, weights, size);
      vstrbq_scatter_offset_s32(output + x * channels, pixels, sb_requantised(sums, scaling));
    }
    plane += w->stride_h * sb_reach_w(w);
    output += (last + 1) * channels;
  }
}

void sb_depthwise_conv2d_s8_mve(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  const sb_window *const w = &layer->window;
  const int32_t multiplier = layer->output_channels / layer->input_channels;
  const int32_t size = w->kernel_h * w->kernel_w;
  taps *const sixteens = scratch;
  int8_t *const plane = (int8_t *)(sixteens + (size + 15) / 16);
  const int8_t *weights = layer->weights;
  place_taps(w, sixteens);
  sb_clear_bytes(layer, plane);
  for (int32_t c = 0; c < layer->output_channels; c++) {
    if (c % multiplier == 0) {
      sb_copy_plane_s8_mve(layer, input + c / multiplier, plane);
    }
    const sb_scaling scaling = sb_lifted_scaling_of(&layer->channels[c], layer->shifts[c], layer->output_zero_point);
    convolve(layer, plane, sixteens, weights, &scaling, output + c);
    weights += size;
  }
  sb_clamp_s8(output, w->output_h * w->output_w * layer->output_channels, layer->low, layer->high);
}
