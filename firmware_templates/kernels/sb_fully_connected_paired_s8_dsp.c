/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FullyConnected with SIMD instructions and the weights of two outputs in one int16, see sb_paired_dsp.h: four
 * outputs, two pairs, at a time, so that four bytes of the input, once loaded and widened, serve four sums. At least
 * four inputs.
 *
 * weights: pairs of outputs, one behind the other; of an odd number the last has a companion of zeros. Four of a pair
 * stand as SXTB16 wants them, h0 h2 | h1 h3, the last four filled up with zeros.
 */
#include "sb_paired_dsp.h"

/* Of a pair a, b: sums of products with a, and with h = 256 * b + a. */
typedef struct {
  int32_t a, h;
} pair_sums;

/* Adds the products of four inputs, x02 and x13, with the weights of a pair, h02 and h13; 6 instructions. */
SB_INLINE void add_four(pair_sums *s, uint32_t x02, uint32_t x13, uint32_t h02, uint32_t h13)
{
  uint32_t a = sb_sxtb16(h02);
  s->a = sb_smlad(x02, a, s->a);
  s->h = sb_smlad(x02, h02, s->h);
  a = sb_sxtb16(h13);
  s->a = sb_smlad(x13, a, s->a);
  s->h = sb_smlad(x13, h13, s->h);
}

SB_INLINE const uint32_t *add_quad(pair_sums *s, uint32_t four, const uint32_t *weights)
{
  const uint32_t x02 = sb_sxtb16(four), x13 = sb_sxtb16_ror8(four);
  uint32_t h02, h13;
  weights = sb_take_words(weights, &h02, &h13);
  add_four(s, x02, x13, h02, h13);
  return weights;
}

/* Adds the products of four inputs with two pairs; 17 instructions. */
SB_INLINE void add_quad_twice(pair_sums *s, pair_sums *other, uint32_t four, const uint32_t **weights,
                              const uint32_t **other_weights)
{
  const uint32_t x02 = sb_sxtb16(four), x13 = sb_sxtb16_ror8(four);
  uint32_t h02, h13;
  *weights = sb_take_words(*weights, &h02, &h13);
  add_four(s, x02, x13, h02, h13);
  *other_weights = sb_take_words(*other_weights, &h02, &h13);
  add_four(other, x02, x13, h02, h13);
}

static SB_APART void add_two_pairs(pair_sums *to, const int8_t *x, int32_t size, const uint32_t *weights,
                                   const uint32_t *other_weights)
{
  pair_sums s = to[0], other = to[1];
  for (const int8_t *const end = x + (size & ~3); x != end; x += 4) {
    add_quad_twice(&s, &other, sb_load(x), &weights, &other_weights);
  }
  if ((size & 3) > 0) {
    add_quad_twice(&s, &other, sb_last_bytes(x, size & 3), &weights, &other_weights);
  }
  to[0] = s;
  to[1] = other;
}

/* The same for one pair alone, the last of an output whose channels are no multiple of four. */
static SB_APART void add_last_pair(pair_sums *to, const int8_t *x, int32_t size, const uint32_t *weights)
{
  pair_sums s = *to;
  for (const int8_t *const end = x + (size & ~3); x != end; x += 4) {
    weights = add_quad(&s, sb_load(x), weights);
  }
  if ((size & 3) > 0) {
    add_quad(&s, sb_last_bytes(x, size & 3), weights);
  }
  *to = s;
}

/* The sum of b, without its bias. */
SB_INLINE int32_t parted(int32_t h_sum, int32_t a_sum)
{
  return sb_wrapping_sub(h_sum, a_sum) >> 8;
}

static void one_row(const sb_paired_fully_connected_layer *layer, const int8_t *input, int8_t *output)
{
  const int32_t twice = 2 * layer->output_zero_point + 1;
  const int32_t pair = 2 * ((layer->input_size + 3) / 4); /* words of weights */
  const uint32_t *weights = (const uint32_t *)(const void *)layer->weights;
  const sb_paired_channel *channel = layer->channels;
  const int8_t *const end = output + layer->output_size;
  while (output != end) {
    pair_sums s[2] = {{0, 0}, {0, 0}};
    if (end - output > 2) {
      add_two_pairs(s, input, layer->input_size, weights, weights + pair);
    } else {
      add_last_pair(s, input, layer->input_size, weights);
    }
    const int32_t totals[4] = {s[0].a, parted(s[0].h, s[0].a), s[1].a, parted(s[1].h, s[1].a)};
    for (int32_t i = 0; i < 4 && output != end; i++) {
      const int32_t total = totals[i] + (channel->bias_and_right >> 8);
      *output++ = sb_output_doubled(total, channel->doubled, channel->bias_and_right, twice);
      channel++;
    }
    weights += 2 * pair;
  }
}

void sb_fully_connected_paired_s8_dsp(const sb_paired_fully_connected_layer *layer, const int8_t *input,
                                      int8_t *output)
{
  for (int32_t row = 0; row < layer->rows; row++) {
    one_row(layer, input + row * layer->input_size, output + row * layer->output_size);
  }
  sb_clamp_s8(output, layer->rows * layer->output_size, layer->low, layer->high);
}
