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

#define SB_TILE 32 /* patches in scratch */

/*
 * A layer with at least four patches takes them tile by tile, each a multiple of four. The last tile may begin with up
 * to three patches of the one before, which are computed again:
 *
 *     patches  0 ........ 31 | 32 ........ 63 | 61 .. 64          65 in all
 */
typedef struct {
  int32_t again, fresh; /* patches that come again, and those behind them that are new */
} sb_tile;

/* The tile after `before`, which is {0, 0} at first, where `left` patches are not done. */
static inline sb_tile sb_next_tile(sb_tile before, int32_t left)
{
  if (left >= SB_TILE) {
    return (sb_tile){0, SB_TILE};
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
   Saturates to int8. */
void sb_short_rows_s8_mve(const sb_conv_layer *layer, const int8_t *patches, int32_t size, int32_t count,
                          int8_t *output);

#endif /* SB_SHORT_ROWS_MVE_H */
