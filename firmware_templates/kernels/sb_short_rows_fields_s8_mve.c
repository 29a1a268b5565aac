/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All output channels of a tile of patches as in sb_short_rows_s8_mve.c, with weights of 1 to 4 bits that become bytes
 * only in the registers of a row, once for a tile of patches; for outputs that are held at the zero point or above it.
 *
 * Fields are of 1, 2 or 4 bits and have signs. A byte has those of 8, 4 or 2 rows, the first row's in its lowest bits:
 *
 *     field        . . . f f . . .
 *     << 3         f f . . . 0 0 0      to the top
 *     >> 6         s s s s s s f f      and down: a weight of the mid-tread grid. Of the mid-rise one, 2 * field + 1:
 *     >> 5 | 1     s s s s s f f 1
 *
 * weights: for each 8, 4 or 2 rows, filled up, a byte for each product, filled up to whole vectors.
 */
#include "sb_short_rows_mve.h"

/* How a row's fields become bytes: shifts to the left, and `down` < 0 to the right; lowest bits. */
typedef struct {
  int32_t up, down;
  int8_t lowest[32]; /* of all vectors but the last, and of that */
} fields;

/* A vector of weights. */
SB_INLINE int8x16_t unpacked(const int8_t *weights, const fields *f, int8x16_t lowest)
{
  return vorrq_s8(vshlq_r_s8(vshlq_r_s8(vldrbq_s8(weights), f->up), f->down), lowest);
}

/* The row's `vectors` vectors; what is behind its products is 0. Written out, since GCC 12 would keep a loop, and
   the row in memory. `lowest` is loaded each time, as there is no register for it while patches stream past. */
SB_INLINE void load_row(const int8_t *weights, const fields *f, int32_t vectors, int8x16_t *row)
{
  int8x16_t lowest, lowest_of_last;
  sb_take_bytes(sb_take_bytes(f->lowest, &lowest), &lowest_of_last);
  row[0] = unpacked(weights, f, vectors > 1 ? lowest : lowest_of_last);
  if (vectors > 1) {
    row[1] = unpacked(weights + 16, f, vectors > 2 ? lowest : lowest_of_last);
  }
  if (vectors > 2) {
    row[2] = unpacked(weights + 32, f, vectors > 3 ? lowest : lowest_of_last);
  }
  if (vectors > 3) {
    row[3] = unpacked(weights + 48, f, lowest_of_last);
  }
}

/* `vectors` is a constant in every call, so that the row lies in registers. */
SB_INLINE void all_channels(const sb_fields_conv_layer *layer, const int8_t *patches, int32_t size, int32_t count,
                            int8_t *output, int32_t vectors)
{
  const int32_t channels = layer->conv.output_channels, bits = layer->bits;
  fields unpacking = {8 - bits, bits + layer->rise - 8, {0}};
  memset(unpacking.lowest, layer->rise, (size_t)(16 + size - 16 * (vectors - 1)));
  const int32_t zero_point = layer->conv.output_zero_point;
  const uint32x4_t pixels = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)channels);
  const int8_t *weights = layer->conv.weights;
  const sb_channel *channel = layer->conv.channels;
  const int8_t *shifts = layer->conv.shifts;
  for (int8_t *const end = output + channels; output < end; output++) {
    int8x16_t row[4];
    load_row(weights, &unpacking, vectors, row);
    unpacking.up -= bits;
    if (unpacking.up < 0) {
      unpacking.up = 8 - bits;
      weights += 16 * vectors;
    }
    const sb_relu_scaling scaling = sb_relu_scaling_of(channel++, *shifts++, zero_point);
    const int8_t *patch = patches;
    int8_t *to = output;
    for (int32_t fours = count / 4; fours > 0; fours--) {
      int32_t a, b, c, d;
      patch = sb_patch_sum(patch, row, vectors, &a);
      patch = sb_patch_sum(patch, row, vectors, &b);
      patch = sb_patch_sum(patch, row, vectors, &c);
      patch = sb_patch_sum(patch, row, vectors, &d);
      vstrbq_scatter_offset_s32(to, pixels, sb_requantised_relu(sb_four(a, b, c, d), &scaling));
      to += 4 * channels;
    }
  }
}

void sb_short_rows_fields_s8_mve(const sb_conv_layer *layer, const int8_t *patches, int32_t size, int32_t count,
                                 int8_t *output)
{
  const sb_fields_conv_layer *const few = (const void *)layer;
  switch ((size + 15) / 16) {
  case 1: all_channels(few, patches, size, count, output, 1); break;
  case 2: all_channels(few, patches, size, count, output, 2); break;
  case 3: all_channels(few, patches, size, count, output, 3); break;
  default: all_channels(few, patches, size, count, output, 4); break;
  }
}
