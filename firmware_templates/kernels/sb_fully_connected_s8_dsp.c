/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FullyConnected with SIMD instructions: four outputs at a time, so that four bytes of the input, once loaded and
 * widened, serve four sums.
 *
 * weights: four rows a, b, c, d interleaved by groups of four bytes, then, one by one, what input_size leaves over:
 *
 *     a0 a1 a2 a3 | b0 .. b3 | c0 .. c3 | d0 .. d3 | a4 .. a7 | ... | a8 b8 c8 d8 | a9 b9 c9 d9
 *
 * Outputs beyond a multiple of four have their rows behind, each as it is.
 */
#include "sb_dsp.h"
#include "sb_kernels.h"

SB_INLINE const int8_t *add_four(const int8_t *weights, uint32_t even, uint32_t odd, int32_t *sum)
{
  uint32_t w;
  weights = sb_take(weights, &w);
  *sum = sb_smlad(even, sb_sxtb16(w), *sum);
  *sum = sb_smlad(odd, sb_sxtb16_ror8(w), *sum);
  return weights;
}

static int32_t row_sum(const int8_t *input, const int8_t *weights, int32_t size, int32_t sum)
{
  for (; size >= 4; size -= 4) {
    const uint32_t x = sb_load(input), w = sb_load(weights);
    sum = sb_smlad(sb_sxtb16(x), sb_sxtb16(w), sum);
    sum = sb_smlad(sb_sxtb16_ror8(x), sb_sxtb16_ror8(w), sum);
    input += 4;
    weights += 4;
  }
  for (; size > 0; size--) {
    sum += *input++ * *weights++;
  }
  return sum;
}

static void one_row(const sb_fully_connected_layer *layer, const int8_t *input, int8_t *output)
{
  const int32_t twice = 2 * layer->output_zero_point + 1;
  const int32_t quads = layer->input_size / 4;
  const int8_t *w = layer->weights;
  const sb_channel *channel = layer->channels;
  const int8_t *shift = layer->shifts;
  int32_t left = layer->output_size;
  for (; left >= 4; left -= 4) {
    int32_t sum[4] = {channel[0].bias, channel[1].bias, channel[2].bias, channel[3].bias};
    const int8_t *x = input;
    for (const int8_t *const end = w + 16 * quads; w < end; x += 4) {
      const uint32_t bytes = sb_load(x);
      const uint32_t even = sb_sxtb16(bytes), odd = sb_sxtb16_ror8(bytes);
      w = add_four(w, even, odd, &sum[0]);
      w = add_four(w, even, odd, &sum[1]);
      w = add_four(w, even, odd, &sum[2]);
      w = add_four(w, even, odd, &sum[3]);
    }
    for (; x < input + layer->input_size; x++) {
      for (int32_t i = 0; i < 4; i++) {
        sum[i] += *x * *w++;
      }
    }
    for (int32_t i = 0; i < 4; i++) {
      *output++ = sb_output_dsp(sum[i], channel[i].multiplier, -1 - shift[i], twice);
    }
    channel += 4;
    shift += 4;
  }
  for (; left > 0; left--) {
    const int32_t sum = row_sum(input, w, layer->input_size, channel->bias);
    *output++ = sb_output_dsp(sum, channel->multiplier, -1 - *shift, twice);
    w += layer->input_size;
    channel++;
    shift++;
  }
}

void sb_fully_connected_s8_dsp(const sb_fully_connected_layer *layer, const int8_t *input, int8_t *output)
{
  for (int32_t row = 0; row < layer->rows; row++) {
    one_row(layer, input + row * layer->input_size, output + row * layer->output_size);
  }
  sb_clamp_s8(output, layer->rows * layer->output_size, layer->low, layer->high);
}
