/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FullyConnected with the weights of several outputs in one int16, for any function that sums their products with a
 * chunk of inputs: one of them is given, so that each kernel calls its own directly.
 *
 * A weight is v, or 2 * v + 1 where they are all odd, and v has `bits` bits with a sign. Fields of v stand in words as
 * they are needed, so that one AND makes two int16 that hold two outputs far apart, and SMLAD adds two products of
 * either output at once, as in sb_triple_dsp.h. A field that has others above it cannot have a sign: it holds
 * u = v + 2^(bits-1), and of its sum so many times the sum of the inputs is taken off. The generator cuts the inputs
 * into chunks over which sums stay apart.
 */
#ifndef SB_JOINED_DSP_H
#define SB_JOINED_DSP_H

#include "sb_dsp.h"
#include "sb_kernels.h"

/* The sum of the inputs, of which there are at least four. */
static inline int32_t sb_sum_inputs(const int8_t *input, int32_t size)
{
  const uint32_t ones = 0x00010001u;
  int32_t sum = 0;
  const int8_t *const end = input + (size & ~3);
  for (; input != end; input += 4) {
    const uint32_t four = sb_load(input);
    sum = sb_smlad(sb_sxtb16_ror8(four), ones, sb_smlad(sb_sxtb16(four), ones, sum));
  }
  for (size &= 3; size > 0; size--) {
    sum += *input++;
  }
  return sum;
}

/*
 * Adds the products of a chunk of inputs to the sums of at_once outputs, of v, or of u where the bit of the output is set
 * in of_u. Gives the address behind their weights.
 */
typedef const uint32_t *sb_add_chunk(int32_t *sums, const int8_t *input, int32_t size, const uint32_t *weights);

typedef struct {
  sb_add_chunk *add_chunk;
  int32_t at_once; /* at most 8 */
  uint32_t of_u;
} sb_joined_outputs;

SB_INLINE void sb_connect_joined(const sb_joined_fully_connected_layer *layer, const int8_t *input, int8_t *output,
                                 sb_joined_outputs outputs)
{
  const int32_t twice = 2 * layer->output_zero_point + 1, doubled = layer->doubled;
  int8_t *result = output;
  for (int32_t row = 0; row < layer->rows; row++) {
    const int32_t odd = sb_sum_inputs(input, layer->input_size); /* times 1, where weights are 2 * v + 1 */
    const int32_t unsign = -sb_wrapping_shift_left(odd, layer->bits - 1 + doubled);
    int32_t added[8];
    for (int32_t i = 0; i < outputs.at_once; i++) {
      added[i] = sb_wrapping_add((outputs.of_u >> i & 1) != 0 ? unsign : 0, doubled ? odd : 0);
    }
    const uint32_t *weights = (const uint32_t *)(const void *)layer->weights;
    const sb_paired_channel *channel = layer->channels;
    const int8_t *const end = result + layer->output_size;
    while (result != end) {
      int32_t sums[8];
      memset(sums, 0, 4 * (size_t)outputs.at_once);
      const int8_t *x = input;
      for (int32_t left = layer->input_size; left > 0; left -= layer->chunk) {
        const int32_t size = left < layer->chunk ? left : layer->chunk;
        weights = outputs.add_chunk(sums, x, size, weights);
        x += size;
      }
      for (int32_t i = 0; i < outputs.at_once && result != end; i++) {
        const int32_t sum = sb_wrapping_add(sb_wrapping_shift_left(sums[i], doubled), added[i]);
        const int32_t total = sb_wrapping_add(sum, channel->bias_and_right >> 8);
        *result++ = sb_output_doubled(total, channel->doubled, channel->bias_and_right, twice);
        channel++;
      }
    }
    input += layer->input_size;
  }
  sb_clamp_s8(output, layer->rows * layer->output_size, layer->low, layer->high);
}

#endif /* SB_JOINED_DSP_H */
