/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions of at most 64 products an output, for cores with Helium. One row of weights then stays in four vector
 * registers while a tile of patches streams past it:
 *
 *     patches, in scratch     p0 ............ | p1 ............ | p2 ...     each filled up to whole vectors
 *     weights of channel c    w0 w1 w2 w3       w0 w1 w2 w3       w0 ...     one VLDRB, one VMLADAV for 16 products
 *
 * Four patches give four sums, four lanes of one channel, so that its bias, multiplier and shift are scalars.
 */
#ifndef SB_SHORT_ROWS_MVE_H
#define SB_SHORT_ROWS_MVE_H

#include "sb_kernels.h"
#include "sb_mve.h"

/* Patches in scratch; more of them where a row takes longer to load. */
#define SB_TILE 32
#define SB_FIELDS_TILE 64

/*
 * A layer with at least four patches takes them tile by tile, each a multiple of four. The last tile may begin with up
 * to three patches of the one before, which are computed again:
 *
 *     patches  0 ........ 31 | 32 ........ 63 | 61 .. 64          65 in all
 */
typedef struct {
  int32_t again, fresh; /* patches that come again, and those behind them that are new */
} sb_tile;

/* The tile of at most `most` after `before`, which is {0, 0} at first, where `left` patches are not done. */
static inline sb_tile sb_next_tile(sb_tile before, int32_t left, int32_t most)
{
  if (left >= most) {
    return (sb_tile){0, most};
  }
  return before.fresh > 0 ? (sb_tile){-left & 3, left} : (sb_tile){0, left & ~3};
}

/* Moves the patches that come again to the front of scratch; gives the place of the first new one. */
static inline int8_t *sb_begin_tile(int8_t *scratch, int32_t pitch, sb_tile before, sb_tile tile)
{
  const int32_t first = before.again + before.fresh - tile.again;
  sb_copy_vectors(scratch, scratch + first * pitch, tile.again * pitch);
  return scratch + tile.again * pitch;
}

/* All channels of `count` patches of `size` <= 64 bytes to as many pixels of the output; count a multiple of 4.
   Saturates to int8. The second for layers that are the first member of an sb_fields_conv_layer. */
typedef void sb_short_rows(const sb_conv_layer *layer, const int8_t *patches, int32_t size, int32_t count,
                           int8_t *output);
sb_short_rows sb_short_rows_s8_mve;
sb_short_rows sb_short_rows_fields_s8_mve;

/* The sum of products of one patch with the row; gives the address of the next patch. */
SB_INLINE const int8_t *sb_patch_sum(const int8_t *patch, const int8x16_t *row, int32_t vectors, int32_t *sum)
{
  int8x16_t x;
  patch = sb_take_bytes(patch, &x);
  *sum = vmladavq_s8(x, row[0]);
  for (int32_t i = 1; i < vectors; i++) {
    patch = sb_take_bytes(patch, &x);
    *sum = vmladavaq_s8(*sum, x, row[i]);
  }
  return patch;
}

#endif /* SB_SHORT_ROWS_MVE_H */
