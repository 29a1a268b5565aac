/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with a 1x1 kernel, stride 1 and no padding, with Helium instructions: at most 64 input channels, at least
 * four pixels. A patch is a pixel; see sb_short_rows_mve.h.
 *
 * `output` may be `input` where output_channels <= input_channels: a tile of pixels is in scratch before its outputs
 * are written, and those end at or before the first pixel that is still to be read.
 *
 * weights: [output_channels][input_channels]. scratch: SB_TILE patches of whole vectors.
 */
#include "sb_short_rows_mve.h"

void sb_conv2d_1x1_short_s8_mve(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  const int32_t depth = layer->input_channels;
  const int32_t pitch = sb_vector_bytes(depth);
  const int32_t pixels = layer->window.output_h * layer->window.output_w;
  int8_t *to = output;
  sb_tile tile = {0, 0};
  for (int32_t left = pixels; left > 0; left -= tile.fresh) {
    const sb_tile before = tile;
    tile = sb_next_tile(before, left);
    int8_t *const patch = sb_begin_tile(scratch, pitch, before, tile);
    if (pitch == depth) {
      sb_copy_vectors(patch, input, tile.fresh * depth);
    } else {
      for (int32_t i = 0; i < tile.fresh; i++) {
        sb_copy_vectors(patch + i * pitch, input + i * depth, depth);
      }
    }
    input += tile.fresh * depth;
    const int32_t count = tile.again + tile.fresh;
    sb_short_rows_s8_mve(layer, scratch, depth, count, to - tile.again * layer->output_channels);
    to += tile.fresh * layer->output_channels;
  }
  sb_clamp_s8(output, pixels * layer->output_channels, layer->low, layer->high);
}
