/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner part of every `_scalar` convolution: four pixels against all output channels.
 */
#ifndef SB_FOUR_PIXELS_SCALAR_H
#define SB_FOUR_PIXELS_SCALAR_H

#include "sb_kernels.h"
#include "sb_scalar.h"

/*
 * Which four pixels: one, its neighbour, and the same two `pair_step` pixels later. Where fewer are left, some of them
 * are the same: behind 3 pixels p q | q r, behind 2 p q | p q, behind 1 p p | p p.
 */
typedef struct {
  int32_t step, pair_step;
} sb_four_pixels;

SB_INLINE sb_four_pixels sb_next_four(int32_t left)
{
  return (sb_four_pixels){left > 1, sb_clamp(left - 2, 0, 2)};
}

/* `count` bytes of two pixels as every second pair. */
static inline void sb_join_two(const int8_t *first, const int8_t *second, int32_t count, uint32_t *pairs)
{
  for (; count > 0; count--) {
    *pairs = sb_join(*first++, *second++);
    pairs += 2;
  }
}

/*
 * patches: two pairs for each of 4 * quads values, the first two pixels and the other two. Values beyond the layer's
 * own meet weights of 0. Writes layer->output_channels bytes for each of the four pixels, the first to `output`.
 */
void sb_four_pixels_s8_scalar(const sb_conv_layer *layer, const uint32_t *patches, int32_t quads, sb_four_pixels four,
                              int8_t *output);

#endif /* SB_FOUR_PIXELS_SCALAR_H */
