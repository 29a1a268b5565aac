/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `short` convolutions, for any function that takes a tile of at most `most` patches to outputs: one of them is given, so that each
 * convolution calls it directly and links no other. See sb_short_rows_mve.h.
 */
#ifndef SB_SHORT_CONV2D_MVE_H
#define SB_SHORT_CONV2D_MVE_H

#include "sb_patch_mve.h"
#include "sb_short_rows_mve.h"

/*
 * 1x1, stride 1, no padding: a patch is a pixel.
 *
 * `output` may be `input` where output_channels <= input_channels: a tile of pixels is in scratch before its outputs
 * are written, and those end at or before the first pixel that is still to be read.
 *
 * scratch: `most` patches of whole vectors.
 */
SB_INLINE void sb_convolve_short_1x1(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch,
                                     int32_t most, sb_short_rows *rows)
{
  const int32_t depth = layer->input_channels;
  const int32_t pitch = sb_vector_bytes(depth);
  const int32_t pixels = layer->window.output_h * layer->window.output_w;
  int8_t *to = output;
  sb_tile tile = {0, 0};
  for (int32_t left = pixels; left > 0; left -= tile.fresh) {
    const sb_tile before = tile;
    tile = sb_next_tile(before, left, most);
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
    rows(layer, scratch, depth, count, to - tile.again * layer->output_channels);
    to += tile.fresh * layer->output_channels;
  }
  sb_clamp_s8(output, pixels * layer->output_channels, layer->low, layer->high);
}

/* Any kernel, stride, dilation and padding. scratch: `most` patches of whole vectors, SB_PATCH_SLACK bytes. */
SB_INLINE void sb_convolve_short(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch,
                                 int32_t most, sb_short_rows *rows)
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
    tile = sb_next_tile(before, left, most);
    int8_t *const patches = sb_begin_tile(scratch, pitch, before, tile);
    pixel = sb_copy_patches_s8_mve(layer, input, pixel, tile.fresh, patches, pitch);
    const int32_t count = tile.again + tile.fresh;
    rows(layer, scratch, size, count, to - tile.again * layer->output_channels);
    to += tile.fresh * layer->output_channels;
  }
  sb_clamp_s8(output, pixels * layer->output_channels, layer->low, layer->high);
}

#endif /* SB_SHORT_CONV2D_MVE_H */
