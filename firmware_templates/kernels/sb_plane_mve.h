/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One channel of an image as a plane of bytes with its border, sb_reach_h rows of sb_reach_w, in scratch. One gathering
 * load then takes all bytes under a window, one VMLADAV sums up to 16 products.
 *
 * So `output` may be `input` where both have as many channels and the output no more pixels than the input: channel c
 * of the output lies in bytes that hold channel c of the input, all of which are in the plane by then.
 */
#ifndef SB_PLANE_MVE_H
#define SB_PLANE_MVE_H

#include <string.h>

#include "sb_mve.h"
#include "sb_window.h"

/* Fills the plane with the border's value, once. */
static inline void sb_clear_bytes(const sb_conv_layer *layer, int8_t *plane)
{
  memset(plane, layer->input_zero_point, (size_t)(sb_reach_h(&layer->window) * sb_reach_w(&layer->window)));
}

/* The channel of the image that begins at `input`, into the inside of the plane. */
void sb_copy_plane_s8_mve(const sb_conv_layer *layer, const int8_t *input, int8_t *plane);

#endif /* SB_PLANE_MVE_H */
