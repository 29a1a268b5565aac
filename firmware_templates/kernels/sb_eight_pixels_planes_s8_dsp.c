/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eight pixels against all output channels, one channel at a time: see sb_planes.h.
 */
#include "sb_planes.h"

/* From a channel's sums of signs to its outputs. factor: of half a sum. right, twice: see sb_output_of_doubled. */
typedef struct {
  uint32_t factor;
  int32_t bias, multiplier, right, twice;
} scaling;

SB_INLINE int8_t output_of_low(uint32_t sums, scaling of)
{
  return sb_output_of_doubled(sb_smlabb(sums, of.factor, of.bias), of.multiplier, of.right, of.twice);
}

SB_INLINE int8_t output_of_high(uint32_t sums, scaling of)
{
  return sb_output_of_doubled(sb_smlatb(sums + SB_BORROWED, of.factor, of.bias), of.multiplier, of.right, of.twice);
}

/* A channel that is not shifted to the right: rounded once. Few sums of few bits are as small as that. */
static void write_large(const sb_eight_sums *s, const sb_channel *channel, int32_t shift, int32_t doubled,
                        int32_t zero_point, int8_t *const to[4], int32_t one)
{
  const uint32_t pairs[4] = {s->ab, s->cd, s->ef, s->gh};
  for (int32_t i = 0; i < 4; i++) {
    const int32_t low = sb_low(pairs[i]) >> (1 - doubled), high = sb_high(pairs[i] + SB_BORROWED) >> (1 - doubled);
    to[i][0] = (int8_t)sb_saturate8(sb_scale(low + channel->bias, channel->multiplier, shift) + zero_point);
    to[i][one] = (int8_t)sb_saturate8(sb_scale(high + channel->bias, channel->multiplier, shift) + zero_point);
  }
}

void sb_eight_pixels_planes_s8_dsp(const sb_planes_conv_layer *layer, const uint32_t *tables, int32_t n_tables,
                                   sb_eight_pixels eight, int8_t *output)
{
  const int32_t planes = layer->planes, doubled = layer->doubled;
  const int32_t twice = 2 * layer->output_zero_point + 1;
  const int32_t one = eight.one * layer->output_channels;
  const int32_t two = eight.two * layer->output_channels;
  const int32_t four = eight.four * layer->output_channels;
  const int8_t *weights = layer->weights;
  const sb_channel *channel = layer->channels;
  const int8_t *shift = layer->shifts;
  const int8_t *const end = output + layer->output_channels;
  do {
    sb_eight_sums s;
    weights = sb_sum_planes(&s, planes, doubled, tables, n_tables, weights);
    int8_t *const cd = output + two, *const ef = output + four, *const gh = ef + two;
    if (*shift < 0) {
      const scaling of = {1u << doubled, 2 * channel->bias, channel->multiplier, -1 - *shift, twice};
      output[0] = output_of_low(s.ab, of);
      output[one] = output_of_high(s.ab, of);
      cd[0] = output_of_low(s.cd, of);
      cd[one] = output_of_high(s.cd, of);
      ef[0] = output_of_low(s.ef, of);
      ef[one] = output_of_high(s.ef, of);
      gh[0] = output_of_low(s.gh, of);
      gh[one] = output_of_high(s.gh, of);
    } else {
      int8_t *const to[4] = {output, cd, ef, gh};
      write_large(&s, channel, *shift, doubled, layer->output_zero_point, to, one);
    }
    channel++;
    shift++;
    output++;
  } while (output != end);
}
