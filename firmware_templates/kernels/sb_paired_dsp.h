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
 *
 * A window is read as runs of bytes that are neighbours in memory. The patch has the whole quads of all runs first, then
 * the bytes that they leave over, run by run, filled up with zeros to whole quads.
 */
#ifndef SB_PAIRED_DSP_H
#define SB_PAIRED_DSP_H

#include "sb_dsp.h"
#include "sb_kernels.h"

/* int16 in a quad of three patches, and from one patch to the next. */
enum { SB_QUAD_OF_THREE = 12, SB_NEXT_OF_THREE = 2 };

/* `count` runs of `length` bytes, `step` bytes from one's first to the next one's. */
typedef struct {
  int32_t count, step, length;
} sb_runs;

static inline int32_t sb_quads(const sb_runs *runs)
{
  return runs->count * (runs->length >> 2) + ((runs->count * (runs->length & 3) + 3) >> 2);
}

/* Widens runs into one of three patches. Gives the place behind the whole quads. Reads four bytes of a run that has
   fewer. */
int16_t *sb_widen_runs_s8_dsp(const sb_runs *runs, const int8_t *from, int16_t *to);

/* Patches of `quads` quads against all channels. Writes layer->output_channels bytes of r, q and p in this order, q and r
   so many bytes behind p: where r, or both, take the place of the one before, the patch of that one alone counts. */
void sb_three_pixels_s8_dsp(const sb_paired_conv_layer *layer, const int16_t *patches, int32_t quads, int8_t *output,
                            int32_t q_step, int32_t r_step);

#endif /* SB_PAIRED_DSP_H */
