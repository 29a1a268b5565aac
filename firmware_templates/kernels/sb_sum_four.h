/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums over pixels, four channels at a time: what the `_dsp` kernels of AveragePool2D and Mean share.
 *
 * A word holds four channels of a pixel. SXTAB16 adds two of its bytes to two int16 at once:
 *
 *     word  c0 c1 c2 c3        even += (c0, c2)        odd += (c1, c3)
 *
 * The last channels of a number that is no multiple of four are taken as the last four: a word never leaves its pixel.
 */
#ifndef SB_SUM_FOUR_H
#define SB_SUM_FOUR_H

#include "sb_kernels.h"

/* Some pixels of an image: `rows` times `columns` of them, `pixel_step` and `row_step` bytes apart. */
typedef struct {
  int32_t rows, columns;
  int32_t pixel_step, row_step;
} sb_area;

/* The sums of the four channels at `first` over the area, which has at most 2^24 pixels. */
void sb_sum_four_s8_dsp(const sb_area *area, const int8_t *first, int32_t sums[4]);

#endif /* SB_SUM_FOUR_H */
