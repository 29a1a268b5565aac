/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with Helium instructions, any kernel, stride, dilation, padding and number of products. Three patches at a
 * time are met by two rows of weights, so that five vectors, once loaded, serve six sums of 16 products each:
 *
 *                        patch 0   patch 1   patch 2
 *     row c              sum       sum       sum         three lanes of channel c, requantised together;
 *     row c + 1          sum       sum       sum         the fourth repeats the third
 *
 * An odd last row, and patches that are missing in the end, repeat the one before; the same byte is then stored twice.
 *
 * `output` may be `input` where the kernel is 1x1 without stride and padding and output_channels <= input_channels:
 * the pixels are in scratch before their outputs are written, and those end at or before the first pixel that is
 * still to be read.
 *
 * weights: [output_channels][kernel_h][kernel_w][input_channels]. Lanes of the last vector behind a row's end are
 * loaded as 0, so what lies behind a patch does not count.
 * scratch: tile_of patches of whole vectors, SB_PATCH_SLACK bytes.
 */
#include "sb_patch_mve.h"

#define TILE_BYTES 2048 /* beyond which a tile has but three patches */

/* Patches in scratch: three to twelve. */
static int32_t tile_of(int32_t pitch)
{
  return 3 * sb_clamp(TILE_BYTES / (3 * pitch), 1, 4);
}

/* One channel of three pixels from their sums. */
SB_INLINE void store_pixels(const int32_t *sums, const sb_scaling *scaling, uint32x4_t pixels, int8_t *output)
{
  vstrbq_scatter_offset_s32(output, pixels, sb_requantised(sb_four(sums[0], sums[1], sums[2], sums[2]), scaling));
}

/* All channels of `count` patches: none, 1, 2 or a multiple of 3. */
static void all_channels(const sb_conv_layer *layer, const int8_t *patches, int32_t pitch, int32_t size, int32_t count,
                         int8_t *output)
{
  const int32_t channels = layer->output_channels;
  const int32_t second = count > 1 ? 1 : 0, third = count > 2 ? 2 : second;
  const int32x4_t lanes = sb_four(0, second, third, third);
  const uint32x4_t pixels = vmulq_n_u32(vreinterpretq_u32_s32(lanes), (uint32_t)channels);
  const int8_t *weights = layer->weights;
  for (int32_t c = 0; c < channels; c += 2) {
    const int32_t next = c + 1 < channels ? 1 : 0;
    const sb_scaling scaling_a = sb_scaling_of(&layer->channels[c], layer->shifts[c], layer->output_zero_point);
    const sb_scaling scaling_b =
        sb_scaling_of(&layer->channels[c + next], layer->shifts[c + next], layer->output_zero_point);
    const int8_t *patch = patches;
    int8_t *to = output + c;
    for (int32_t left = count; left > 0; left -= 3) {
      const int8_t *a = weights, *b = weights + next * size;
      const int8_t *three[3] = {patch, patch + second * pitch, patch + third * pitch};
      int32_t sums[6] = {0, 0, 0, 0, 0, 0};
      if (size >= 16) {
        sb_two_by_three(size / 16, &a, &b, three, sums);
      }
      if (size % 16 > 0) {
        const int8x16_t row_a = sb_load_first(a, size % 16), row_b = sb_load_first(b, size % 16);
        const int8x16_t x = vldrbq_s8(three[0]), y = vldrbq_s8(three[1]), z = vldrbq_s8(three[2]);
        sums[0] = vmladavaq_s8(sums[0], row_a, x);
        sums[1] = vmladavaq_s8(sums[1], row_a, y);
        sums[2] = vmladavaq_s8(sums[2], row_a, z);
        sums[3] = vmladavaq_s8(sums[3], row_b, x);
        sums[4] = vmladavaq_s8(sums[4], row_b, y);
        sums[5] = vmladavaq_s8(sums[5], row_b, z);
      }
      store_pixels(sums, &scaling_a, pixels, to);
      store_pixels(sums + 3, &scaling_b, pixels, to + next);
      patch += 3 * pitch;
      to += 3 * channels;
    }
    weights += 2 * size;
  }
}

void sb_conv2d_s8_mve(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  const sb_window *const w = &layer->window;
  const int32_t size = w->kernel_h * w->kernel_w * layer->input_channels;
  const int32_t pitch = sb_vector_bytes(size);
  const int32_t pixels = w->output_h * w->output_w, tile = tile_of(pitch);
  const int8_t *const patches = scratch;
  int8_t *to = output;
  sb_pixel pixel = {0, 0};
  for (int32_t left = pixels; left > 0; left -= tile) {
    const int32_t count = left < tile ? left : tile, rest = count % 3;
    pixel = sb_copy_patches_s8_mve(layer, input, pixel, count, scratch, pitch);
    all_channels(layer, patches, pitch, size, count - rest, to);
    to += (count - rest) * layer->output_channels;
    all_channels(layer, patches + (count - rest) * pitch, pitch, size, rest, to);
    to += rest * layer->output_channels;
  }
  sb_clamp_s8(output, pixels * layer->output_channels, layer->low, layer->high);
}
