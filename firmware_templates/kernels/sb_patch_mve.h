/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows of an image as patches: rows of bytes, border included, that vectors are loaded from.
 */
#ifndef SB_PATCH_MVE_H
#define SB_PATCH_MVE_H

#include "sb_kernels.h"
#include "sb_mve.h"

/* The place of an output pixel. */
typedef struct {
  int32_t y, x;
} sb_pixel;

/* Bytes that the last patch of a buffer may be written beyond its end: sb_copy_patches_s8_mve stores whole vectors. */
#define SB_PATCH_SLACK 16

/* The windows of `count` output pixels, `pitch` bytes apart, from `pixel` on; gives the pixel behind them. */
sb_pixel sb_copy_patches_s8_mve(const sb_conv_layer *layer, const int8_t *input, sb_pixel pixel, int32_t count,
                                int8_t *patches, int32_t pitch);

#endif /* SB_PATCH_MVE_H */
