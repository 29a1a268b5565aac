/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernels share that move a window over an image.
 */
#ifndef SB_WINDOW_H
#define SB_WINDOW_H

#include "sb_fixedpoint.h"
#include "sb_kernels.h"

/* Copies what the window sees whose first element lies at (top, left), which may be outside the image, to
   kernel_h * kernel_w * depth bytes. Outside the image it sees the input's zero point. */
void sb_copy_window_s8(const sb_window *w, int32_t depth, int32_t zero_point, const int8_t *input, int32_t top,
                       int32_t left, int8_t *patch);

/* Rows that all windows reach together, border included. */
static inline int32_t sb_reach_h(const sb_window *w)
{
  return (w->output_h - 1) * w->stride_h + (w->kernel_h - 1) * w->dilation_h + 1;
}

/* Columns that all windows reach together, border included. */
static inline int32_t sb_reach_w(const sb_window *w)
{
  return (w->output_w - 1) * w->stride_w + (w->kernel_w - 1) * w->dilation_w + 1;
}

/* By how many bits the weights of a channel are to be shifted left; not beside lines. */
static inline int32_t sb_raised(const sb_turned_conv_layer *layer, int32_t channel)
{
  return layer->shifts[channel] < 0 ? 0 : layer->raised;
}

/* By how many bits less one its sum is to be shifted right. */
static inline int32_t sb_right(const sb_turned_conv_layer *layer, int32_t channel)
{
  const int32_t shift = layer->shifts[channel];
  return shift < 0 ? -1 - shift : shift;
}

#endif /* SB_WINDOW_H */
