/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four pixels p, q, r, s against all output channels, one channel at a time, two products a multiplication.
 *
 *     patches (pairs): p0 q0 | r0 s0 | p1 q1 | r1 s1 | ...
 *     weights (int8):  a0 a1 a2 a3 | a4 ..        then those of channel b, and so on; four are a quad, and one chunk
 *
 * The magnitudes of a quad must not sum up to more than 255. What is above that is taken off its largest weights and
 * stands behind the last row, for each channel in turn: how many values to skip, and what to multiply the next one by;
 * 0, 0 ends a channel.
 */
#include "sb_four_pixels_scalar.h"
#include "sb_scalar.h"

typedef struct {
  sb_joint_sums pq, rs;
} sums;

/* What was taken off the weights of one channel. Gives the address of the next channel's. */
SB_INLINE const int8_t *add_rest(sums *s, const uint32_t *patches, const int8_t *rest)
{
  for (; (rest[0] | rest[1]) != 0; rest += 2) {
    patches += 2 * (uint8_t)rest[0];
    const uint32_t w = (uint32_t)(int32_t)rest[1];
    sb_add_product(&s->pq, patches[0] * w);
    sb_add_product(&s->rs, patches[1] * w);
  }
  return rest + 2;
}

void sb_four_pixels_s8_scalar(const sb_conv_layer *layer, const uint32_t *patches, int32_t quads, sb_four_pixels four,
                              int8_t *output)
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
    sums s = {start, start};
    w = sb_add_quads(&s.pq, &s.rs, patches, w, quads);
    rest = add_rest(&s, patches, rest);
    const int32_t multiplier = channel->multiplier;
    const int32_t right = -1 - *shift++;
    output[0] = sb_output_scalar(sb_first(s.pq), multiplier, right, twice);
    output[step] = sb_output_scalar(sb_second(s.pq), multiplier, right, twice);
    output[pair_step] = sb_output_scalar(sb_first(s.rs), multiplier, right, twice);
    output[pair_step + step] = sb_output_scalar(sb_second(s.rs), multiplier, right, twice);
    output++;
  }
}
