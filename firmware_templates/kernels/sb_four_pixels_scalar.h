/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner part of every `_scalar` convolution.
 *
 * Four pixels p, q, r, s against all output channels, one channel at a time, two products a multiplication.
 *
 *     patches (pairs): p0 q0 | r0 s0 | p1 q1 | r1 s1 | ...
 *     weights (int8):  a0 a1 a2 a3 | a4 ..        then those of channel b, and so on; four are a quad, and one chunk
 *
 * The magnitudes of a quad must not sum up to more than 255. What is above that is taken off its largest weights and
 * stands behind the last row, for each channel in turn: how many values to skip, and what to multiply the next one by;
 * 0, 0 ends a channel.
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

typedef struct {
  sb_joint_sums pq, rs;
} sb_four_pixel_sums;

/* What was taken off the weights of one channel. Gives the address of the next channel's. */
SB_INLINE const int8_t *sb_add_rest(sb_four_pixel_sums *s, const uint32_t *patches, const int8_t *rest)
{
  for (; (rest[0] | rest[1]) != 0; rest += 2) {
    patches += 2 * (uint8_t)rest[0];
    const uint32_t w = (uint32_t)(int32_t)rest[1];
    sb_add_product(&s->pq, patches[0] * w);
    sb_add_product(&s->rs, patches[1] * w);
  }
  return rest + 2;
}

/*
 * patches: two pairs for each of 4 * quads values, the first two pixels and the other two. Values beyond the layer's
 * own meet weights of 0. Writes layer->output_channels bytes for each of the four pixels, the first to `output`.
 * any_shift: a constant, 0 where every channel is shifted to the right.
 */
SB_INLINE void sb_write_four_pixels(const sb_conv_layer *layer, const uint32_t *patches, int32_t quads,
                                    sb_four_pixels four, int any_shift, int8_t *output)
{
  const int8_t *w = layer->weights;
  const int8_t *rest = w + 4 * quads * layer->output_channels;
  const int8_t *shift = layer->shifts;
  const sb_channel *channel = layer->channels;
  const int32_t twice = 2 * layer->output_zero_point + 1;
  const int32_t step = four.step * layer->output_channels;
  const int32_t pair_step = four.pair_step * layer->output_channels;
  for (const sb_channel *const last = channel + layer->output_channels; channel < last; channel++) {
    const sb_joint_sums start = sb_joint_start(channel->bias, quads);
    sb_four_pixel_sums s = {start, start};
    w = sb_add_quads(&s.pq, &s.rs, patches, w, quads);
    rest = sb_add_rest(&s, patches, rest);
    const int32_t multiplier = channel->multiplier;
    const int32_t right = -1 - *shift++;
    if (any_shift && right < 0) {
      const int32_t left = -1 - right, zero_point = layer->output_zero_point;
      output[0] = sb_output_scalar_left(sb_first(s.pq), multiplier, left, zero_point);
      output[step] = sb_output_scalar_left(sb_second(s.pq), multiplier, left, zero_point);
      output[pair_step] = sb_output_scalar_left(sb_first(s.rs), multiplier, left, zero_point);
      output[pair_step + step] = sb_output_scalar_left(sb_second(s.rs), multiplier, left, zero_point);
    } else {
      output[0] = sb_output_scalar(sb_first(s.pq), multiplier, right, twice);
      output[step] = sb_output_scalar(sb_second(s.pq), multiplier, right, twice);
      output[pair_step] = sb_output_scalar(sb_first(s.rs), multiplier, right, twice);
      output[pair_step + step] = sb_output_scalar(sb_second(s.rs), multiplier, right, twice);
    }
    output++;
  }
}

/* All of this as a function of its own. */
typedef void sb_four_pixels_s8(const sb_conv_layer *layer, const uint32_t *patches, int32_t quads, sb_four_pixels four,
                               int8_t *output);
sb_four_pixels_s8 sb_four_pixels_s8_scalar;
sb_four_pixels_s8 sb_four_pixels_left_s8_scalar;

#endif /* SB_FOUR_PIXELS_SCALAR_H */
