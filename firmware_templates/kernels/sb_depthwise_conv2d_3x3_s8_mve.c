/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DepthwiseConv2D with Helium instructions: a kernel of at most 3x3, stride 1, no dilation, any padding.
 *
 * Four outputs, two by two, are sums over 4x4 bytes of the channel's plane at most: one vector, gathered once. The
 * weights stand in four vectors, one for each output, with zeros where it sees nothing:
 *
 *     x0 x1 x2 x3      w w w .     . w w w     . . . .     . . . .
 *     x4 x5 x6 x7      w w w .     . w w w     w w w .     . w w w
 *     x8 x9 xa xb      w w w .     . w w w     w w w .     . w w w
 *     xc xd xe xf      . . . .     . . . .     w w w .     . w w w
 *
 * Two columns at a time go down the image. An odd last row or column comes again with the one before it; where there
 * is but one, it is its own neighbour.
 *
 * weights: [output_channels][kernel_h][kernel_w]. scratch: the plane, see sb_plane_mve.h.
 */
#include "sb_plane_mve.h"

/* What is the same for all channels. */
typedef struct {
  uint8x16_t taps;      /* 4x4 bytes of the plane */
  uint32x4_t pixels;    /* four outputs */
  uint8x16_t orders[4]; /* for each of them, which of the channel's weights meet those bytes */
  int32_t channels, pitch;
  int32_t below, beside; /* 1 if there is a second row, a second column */
} geometry;

static geometry geometry_of(const sb_conv_layer *layer)
{
  const sb_window *const w = &layer->window;
  const int32_t pitch = sb_reach_w(w);
  const int32_t below = w->output_h > 1 ? 1 : 0, beside = w->output_w > 1 ? 1 : 0;
  uint8_t taps[16], orders[4][16];
  for (int32_t i = 0; i < 16; i++) {
    const int32_t y = i / 4, x = i % 4;
    const int32_t seen = y < w->kernel_h + below && x < w->kernel_w + beside;
    taps[i] = (uint8_t)(seen ? y * pitch + x : 0);
    for (int32_t output = 0; output < 4; output++) {
      const int32_t ky = y - below * (output / 2), kx = x - beside * (output % 2);
      const int32_t met = ky >= 0 && ky < w->kernel_h && kx >= 0 && kx < w->kernel_w;
      orders[output][i] = (uint8_t)(met ? ky * w->kernel_w + kx : SB_NOWHERE);
    }
  }
  const int32_t channels = layer->output_channels, row = below * w->output_w * channels;
  geometry g;
  g.taps = vldrbq_u8(taps);
  g.pixels = vreinterpretq_u32_s32(sb_four(0, beside * channels, row, row + beside * channels));
  for (int32_t output = 0; output < 4; output++) {
    g.orders[output] = vldrbq_u8(orders[output]);
  }
  g.channels = channels;
  g.pitch = pitch;
  g.below = below;
  g.beside = beside;
  return g;
}

SB_INLINE void two_by_two(const int8_t *corner, const geometry *g, const int8x16_t *weights, const sb_scaling *scaling,
                          int8_t *output)
{
  const int8x16_t x = vldrbq_gather_offset_s8(corner, g->taps);
  const int32_t a = vmladavq_s8(x, weights[0]), b = vmladavq_s8(x, weights[1]);
  const int32_t c = vmladavq_s8(x, weights[2]), d = vmladavq_s8(x, weights[3]);
  vstrbq_scatter_offset_s32(output, g->pixels, sb_requantised(sb_four(a, b, c, d), scaling));
}

/* One channel of the output. */
static void convolve(const sb_window *w, const geometry *shared, const int8_t *plane, const int8_t *channel_weights,
                     sb_scaling scaling, int8_t *output)
{
  const geometry g = *shared;
  int8x16_t weights[4];
  for (int32_t i = 0; i < 4; i++) {
    weights[i] = sb_gather(channel_weights, g.orders[i]);
  }
  const int32_t pairs = w->output_h > 1 ? w->output_h / 2 : 1;
  const int32_t again = g.below & w->output_h;
  const int32_t row = w->output_w * g.channels;
  for (int32_t left = w->output_w; left > 0; left -= 2) {
    const int32_t x = w->output_w - left - (left == 1 ? g.beside : 0);
    const int8_t *corner = plane + x;
    int8_t *to = output + x * g.channels;
    for (int32_t i = pairs; i > 0; i--) {
      two_by_two(corner, &g, weights, &scaling, to);
      corner += 2 * g.pitch;
      to += 2 * row;
    }
    if (again) {
      two_by_two(corner - g.pitch, &g, weights, &scaling, to - row);
    }
  }
}

void sb_depthwise_conv2d_3x3_s8_mve(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  const sb_window *const w = &layer->window;
  const int32_t multiplier = layer->output_channels / layer->input_channels;
  const geometry g = geometry_of(layer);
  const int8_t *weights = layer->weights;
  sb_clear_bytes(layer, scratch);
  for (int32_t c = 0; c < layer->output_channels; c++) {
    if (c % multiplier == 0) {
      sb_copy_plane_s8_mve(layer, input + c / multiplier, scratch);
    }
    const sb_scaling scaling = sb_lifted_scaling_of(&layer->channels[c], layer->shifts[c], layer->output_zero_point);
    convolve(w, &g, scratch, weights, scaling, output + c);
    weights += w->kernel_h * w->kernel_w;
  }
  sb_clamp_s8(output, w->output_h * w->output_w * layer->output_channels, layer->low, layer->high);
}
