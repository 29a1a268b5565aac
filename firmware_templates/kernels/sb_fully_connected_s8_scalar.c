/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FullyConnected for cores without SIMD instructions: four outputs at a time, so that each value is loaded once for
 * four products.
 *
 * Weights are unsigned, weight + 128, as the smallest cores load those faster; 128 * the sum of the values is taken off
 * every sum. Four rows a, b, c, d are interleaved, rows beyond a multiple of four stand behind, each as it is:
 *
 *     a0 b0 c0 d0 | a1 b1 c1 d1 | ...
 */
#include "sb_clamp.h"
#include "sb_scalar.h"

/* Sums of four outputs, modulo 2^32, each more by 128 * the sum of the values. */
typedef struct {
  uint32_t a, b, c, d;
} sums;

/* Adds a value times the four weights at weights[first]. */
#if SB_THUMB == 1

/* GCC leaves one of the sums on the stack and copies each product. */
SB_INLINE void add_products(sums *sum, int32_t value, const uint8_t *weights, int32_t first)
{
  uint32_t product;
  __asm__(".syntax unified\n\t"
          "ldrb %[product], [%[weights], %[first]]\n\t"
          "muls %[product], %[value], %[product]\n\t"
          "add %[a], %[product]\n\t"
          "ldrb %[product], [%[weights], %[first] + 1]\n\t"
          "muls %[product], %[value], %[product]\n\t"
          "add %[b], %[product]\n\t"
          "ldrb %[product], [%[weights], %[first] + 2]\n\t"
          "muls %[product], %[value], %[product]\n\t"
          "add %[c], %[product]\n\t"
          "ldrb %[product], [%[weights], %[first] + 3]\n\t"
          "muls %[product], %[value], %[product]\n\t"
          "add %[d], %[product]"
          : [a] "+h"(sum->a), [b] "+h"(sum->b), [c] "+h"(sum->c), [d] "+h"(sum->d), [product] "=&l"(product)
          : [value] "l"(value), [weights] "l"(weights), [first] "i"(first)
          : "cc", "memory");
}

#else

SB_INLINE void add_products(sums *sum, int32_t value, const uint8_t *weights, int32_t first)
{
  sum->a += (uint32_t)(value * weights[first]);
  sum->b += (uint32_t)(value * weights[first + 1]);
  sum->c += (uint32_t)(value * weights[first + 2]);
  sum->d += (uint32_t)(value * weights[first + 3]);
}

#endif

static inline sums four_sums(const int8_t *values, const uint8_t *weights, int32_t size)
{
  const uint8_t *const end = weights + 4 * size;
  sums sum = {0, 0, 0, 0};
  if (size & 1) {
    add_products(&sum, *values++, weights, 0);
    weights += 4;
  }
  for (; weights < end; weights += 8) {
    add_products(&sum, values[0], weights, 0);
    add_products(&sum, values[1], weights, 4);
    values += 2;
  }
  return sum;
}

static int8_t output_of(const sb_fully_connected_layer *layer, int32_t c, uint32_t sum)
{
  const sb_channel *const channel = &layer->channels[c];
  return sb_output_scalar((int32_t)(sum + (uint32_t)channel->bias), channel->multiplier, -1 - layer->shifts[c],
                          2 * layer->output_zero_point + 1);
}

void sb_fully_connected_s8_scalar(const sb_fully_connected_layer *layer, const int8_t *input, int8_t *output)
{
  const int32_t size = layer->input_size;
  for (int32_t row = 0; row < layer->rows; row++) {
    const uint8_t *weights = (const uint8_t *)layer->weights;
    uint32_t more = 0;
    for (int32_t i = 0; i < size; i++) {
      more += 128u * (uint32_t)(int32_t)input[i];
    }
    int32_t c = 0;
    for (; c + 4 <= layer->output_size; c += 4) {
      const sums sum = four_sums(input, weights, size);
      output[c] = output_of(layer, c, sum.a - more);
      output[c + 1] = output_of(layer, c + 1, sum.b - more);
      output[c + 2] = output_of(layer, c + 2, sum.c - more);
      output[c + 3] = output_of(layer, c + 3, sum.d - more);
      weights += 4 * size;
    }
    for (; c < layer->output_size; c++) {
      uint32_t sum = 0;
      for (int32_t i = 0; i < size; i++) {
        sum += (uint32_t)(input[i] * *weights++);
      }
      output[c] = output_of(layer, c, sum - more);
    }
    input += size;
    output += layer->output_size;
  }
  sb_clamp_s8(output - layer->rows * layer->output_size, layer->rows * layer->output_size, layer->low, layer->high);
}
