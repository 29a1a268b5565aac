/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four pixels against all output channels: see sb_four_pixels_scalar.h. A channel
 * may be shifted to the left, as weights of few bits ask for.
 */
#include "sb_four_pixels_scalar.h"

void sb_four_pixels_left_s8_scalar(const sb_conv_layer *layer, const uint32_t *patches, int32_t quads, sb_four_pixels four,
                                   int8_t *output)
{
  sb_write_four_pixels(layer, patches, quads, four, 1, output);
}
