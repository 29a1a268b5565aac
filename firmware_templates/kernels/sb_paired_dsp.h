/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of every `paired` convolution: three patches of int16 against all output channels, two channels at a time,
 * with half of the weights never widened.
 *
 * The weights a, b of two channels stand in one int16, h = 256 * b + a. SMLAD takes a word of two such int16 as it was
 * loaded; only the a are widened, by one SXTB16 for two of either channel:
 *
 *     sum of x * a                                             the sum of channel a
 *     (sum of x * h) - (sum of x * a) = 256 * sum of x * b     256 times the sum of channel b
 *
 * The second line holds for an int32 that wraps, so the sum is whole where |sum of x * b| < 2^23.
 *
 * Patches of three pixels p, q, r are interleaved, aligned to 4 bytes. Four values of each are a quad, in the order in
 * which SXTB16 widens bytes:
 *
 *     p0 p2 | q0 q2 | r0 r2 | p1 p3 | q1 q3 | r1 r3 || p4 p6 | ...      weights, as int16: h0 h2 | h1 h3 || h4 h6 | ...
 */
#ifndef SB_PAIRED_DSP_H
#define SB_PAIRED_DSP_H

#include "sb_dsp.h"
#include "sb_kernels.h"

/* int16 in a quad of three patches. */
enum { SB_QUAD_OF_THREE = 12 };

/* Where the values of three pixels are: `rows` runs of `length` bytes, `pitch` bytes apart. */
typedef struct {
  const int8_t *p, *q, *r;
  int32_t rows, length, pitch;
} sb_three_windows;

/* Widens three windows into patches. Where `length` is no multiple of 4, there is one row; its last quad is filled up
   with 0. */
void sb_widen_three_s8_dsp(const sb_three_windows *from, int16_t *patches);

/* Patches of `quads` quads against all channels; values beyond the layer's own meet weights of 0. Writes
   layer->output_channels bytes of p to output, of q and r so many bytes behind, which may be 0 where pixels are one. */
void sb_three_pixels_s8_dsp(const sb_paired_conv_layer *layer, const int16_t *patches, int32_t quads, int8_t *output,
                            int32_t q_step, int32_t r_step);

#endif /* SB_PAIRED_DSP_H */
