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

/* Of each of two pairs a, b: sums of products with a, and with h = 256 * b + a. */
typedef struct {
  int32_t a, h, other_a, other_h;
} sums;

/* Adds the products of four inputs; 17 instructions. */
SB_INLINE void add_quad(sums *s, uint32_t four, const uint32_t **weights, const uint32_t **other_weights)
{
  const uint32_t x02 = sb_sxtb16(four), x13 = sb_sxtb16_ror8(four);
  uint32_t h02, h13, a;
  *weights = sb_take_words(*weights, &h02, &h13);
  a = sb_sxtb16(h02);
  s->a = sb_smlad(x02, a, s->a);
  s->h = sb_smlad(x02, h02, s->h);
  a = sb_sxtb16(h13);
  s->a = sb_smlad(x13, a, s->a);
  s->h = sb_smlad(x13, h13, s->h);
  *other_weights = sb_take_words(*other_weights, &h02, &h13);
  a = sb_sxtb16(h02);
  s->other_a = sb_smlad(x02, a, s->other_a);
  s->other_h = sb_smlad(x02, h02, s->other_h);
  a = sb_sxtb16(h13);
  s->other_a = sb_smlad(x13, a, s->other_a);
  s->other_h = sb_smlad(x13, h13, s->other_h);
}

static SB_APART void add_row(sums *to, const int8_t *x, int32_t size, const uint32_t *weights,
                             const uint32_t *other_weights)
{
  sums s = *to;
  for (const int8_t *const end = x + (size & ~3); x != end; x += 4) {
    add_quad(&s, sb_load(x), &weights, &other_weights);
  }
  const int32_t rest = size & 3;
  if (rest > 0) { /* with what stands before them, so that nothing behind the input is read */
    add_quad(&s, sb_load(x + rest - 4) >> 8 * (4 - rest), &weights, &other_weights);
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
    sums s = {0, 0, 0, 0};
    add_row(&s, input, layer->input_size, weights, end - output > 2 ? weights + pair : weights);
    const int32_t totals[4] = {s.a, parted(s.h, s.a), s.other_a, parted(s.other_h, s.other_a)};
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
