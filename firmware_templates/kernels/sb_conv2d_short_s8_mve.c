/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with Helium instructions, any kernel, stride, dilation and padding: at most 64 products an output, such as
 * a first convolution with few input channels has, and at least four output pixels. See sb_short_rows_mve.h.
 *
 * weights: [output_channels][kernel_h][kernel_w][input_channels].
 * scratch: SB_TILE patches of whole vectors, SB_PATCH_SLACK bytes.
 */
#include "sb_patch_mve.h"
#include "sb_short_rows_mve.h"

void sb_conv2d_short_s8_mve(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  const sb_window *const w = &layer->window;
  const int32_t size = w->kernel_h * w->kernel_w * layer->input_channels;
  const int32_t pitch = sb_vector_bytes(size);
  const int32_t pixels = w->output_h * w->output_w;
  int8_t *to = output;
  sb_pixel pixel = {0, 0};
  sb_tile tile = {0, 0};
  for (int32_t left = pixels; left > 0; left -= tile.fresh) {
    const sb_tile before = tile;
    tile = sb_next_tile(before, left);
    int8_t *const patches = sb_begin_tile(scratch, pitch, before, tile);
    pixel = sb_copy_patches_s8_mve(layer, input, pixel, tile.fresh, patches, pitch);
    const int32_t count = tile.again + tile.fresh;
    sb_short_rows_s8_mve(layer, scratch, size, count, to - tile.again * layer->output_channels);
    to += tile.fresh * layer->output_channels;
  }
  sb_clamp_s8(output, pixels * layer->output_channels, layer->low, layer->high);
}
