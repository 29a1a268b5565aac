/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner part of every `packed` convolution: three patches of int16 against all output channels, two channels at a
 * time, with half of the weights never widened.
 *
 * The weights a, b of two channels stand in one int16, h = 256 * b + a. SMLAD takes a word of two such int16 as it was
 * loaded; only the a are widened, by one SXTB16 for two of either channel:
 *
 *     sum of x * a                                             the sum of channel a
 *     (sum of x * h) - (sum of x * a) = 256 * sum of x * b     256 times the sum of channel b
 *
 * The second line holds for an int32 that wraps; its sum is whole where |sum of x * b| < 2^23.
 */
#ifndef SB_PACKED_DSP_H
#define SB_PACKED_DSP_H

#include "sb_dsp.h"
#include "sb_kernels.h"

/*
 * patches: quads, each of four int16 of three pixels p, q, r; aligned to 4 bytes. Within a quad the values are in the
 * order in which SXTB16 widens bytes:
 *
 *     p0 p2 | q0 q2 | r0 r2 | p1 p3 | q1 q3 | r1 r3      weights, as int16: h0 h2 | h1 h3
 *
 * Values beyond the layer's own meet weights of 0. Writes layer->output_channels bytes to each output; outputs may be
 * the same where pixels are.
 */
void sb_three_pixels_s8_dsp(const sb_packed_conv_layer *layer, const int16_t *patches, int32_t quads, int8_t *p_output,
                            int8_t *q_output, int8_t *r_output);

/* int16 in a quad of the patches, and between the first quads of two pixels. */
enum { SB_PACKED_QUAD = 12, SB_PACKED_PIXEL = 2 };

/* `count` bytes of one pixel into quads, the last one filled up with 0. */
void sb_widen_packed_s8_dsp(const int8_t *from, int16_t *to, int32_t count);

#endif /* SB_PACKED_DSP_H */
