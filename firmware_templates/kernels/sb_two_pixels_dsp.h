/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner part of every `_dsp` convolution: two patches of int16 against all output channels.
 */
#ifndef SB_TWO_PIXELS_DSP_H
#define SB_TWO_PIXELS_DSP_H

#include "sb_kernels.h"

/*
 * patches: quads of four int16 of either pixel in turn, aligned to 4 bytes. Values beyond the layer's own meet weights
 * of 0. Writes layer->output_channels bytes to each output; both are the same where the two pixels are.
 */
void sb_two_pixels_s8_dsp(const sb_conv_layer *layer, const int16_t *patches, int32_t quads, int8_t *p_output,
                          int8_t *q_output);

#endif /* SB_TWO_PIXELS_DSP_H */
