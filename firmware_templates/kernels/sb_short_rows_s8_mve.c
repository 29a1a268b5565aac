/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All output channels of a tile of patches; see sb_short_rows_mve.h for the idea.
 *
 * weights: [output_channels][size], TFLite's order. Lanes of the last vector behind a row's end are loaded as 0, so
 * what lies behind a patch does not count.
 */
#include "sb_short_rows_mve.h"

/* `vectors` is a constant in every call, so that the row lies in registers. */
SB_INLINE void all_channels(const sb_conv_layer *layer, const int8_t *patches, int32_t size, int32_t count,
                            int8_t *output, int32_t vectors)
{
  const int32_t in_last = size - 16 * (vectors - 1);
  const int32_t channels = layer->output_channels;
  const int32_t zero_point = layer->output_zero_point;
  const uint32x4_t pixels = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)channels);
  const int8_t *weights = layer->weights;
  const sb_channel *channel = layer->channels;
  const int8_t *shifts = layer->shifts;
  for (int8_t *const end = output + channels; output < end; output++) {
    int8x16_t row[4];
    for (int32_t i = 0; i < vectors - 1; i++) {
      weights = sb_take_bytes(weights, &row[i]);
    }
    row[vectors - 1] = sb_load_first(weights, in_last);
    weights += in_last;
    const sb_scaling scaling = sb_scaling_of(channel++, *shifts++, zero_point);
    const int8_t *patch = patches;
    int8_t *to = output;
    for (int32_t fours = count / 4; fours > 0; fours--) {
      int32_t a, b, c, d;
      patch = sb_patch_sum(patch, row, vectors, &a);
      patch = sb_patch_sum(patch, row, vectors, &b);
      patch = sb_patch_sum(patch, row, vectors, &c);
      patch = sb_patch_sum(patch, row, vectors, &d);
      vstrbq_scatter_offset_s32(to, pixels, sb_requantised(sb_four(a, b, c, d), &scaling));
      to += 4 * channels;
    }
  }
}

void sb_short_rows_s8_mve(const sb_conv_layer *layer, const int8_t *patches, int32_t size, int32_t count,
                          int8_t *output)
{
  switch ((size + 15) / 16) {
  case 1: all_channels(layer, patches, size, count, output, 1); break;
  case 2: all_channels(layer, patches, size, count, output, 2); break;
  case 3: all_channels(layer, patches, size, count, output, 3); break;
  default: all_channels(layer, patches, size, count, output, 4); break;
  }
}
