/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax over each row; output scale 1/256, zero point -128. Integers only, and TFLite's integers.
 *
 * With d = x - largest of the row: e = exp(factor * d) as a fraction of 31 bits; y = e / (sum of all e), where the
 * division is a multiplication by a Newton reciprocal. "Qm.n": a number with m integer and n fraction bits.
 * The Python twin of the functions below is toolchain/graph/fixedpoint.py.
 *
 * `output` may be `input`: the largest and the sum are known before the first byte of the row is written.
 */
#include "sb_fixedpoint.h"
#include "sb_kernels.h"

#define SUM_INTEGER_BITS 12 /* of the sum of exponentials: Q12.19 */

/* exp(-2^k) in Q0.31, k = -2 .. 4: one factor for each bit of the argument from 1/4 to 16. */
static const int32_t exp_of_minus_power[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};

/* Speed is nothing here, a network has one row or two; all that follows is as small as it can be. */
static SB_APART int32_t product(int32_t a, int32_t b)
{
  return sb_high_product(a, b);
}

/* exp(a) in Q0.31 for a <= 0 in Q5.26: a fourth-degree polynomial around -1/8, then the factors of whole quarters. */
static int32_t exp_of_negative(int32_t a)
{
  const int32_t quarter = 1 << 24;
  const int32_t exp_of_minus_eighth = 1895147668;
  const int32_t one_third = 715827883;
  if (a == 0) {
    return INT32_MAX;
  }
  const int32_t fraction = (a & (quarter - 1)) - quarter;
  const int32_t x = fraction * 32 + (1 << 28);
  const int32_t x2 = product(x, x);
  const int32_t x3 = product(x2, x);
  const int32_t quarter_x4 = sb_rounding_shift_right(product(x2, x2), 2);
  const int32_t tail = sb_rounding_shift_right(product(quarter_x4 + x3, one_third) + x2, 1);
  int32_t result = exp_of_minus_eighth + product(exp_of_minus_eighth, x + tail);
  const int32_t *factor = exp_of_minus_power;
  for (int32_t quarters = (fraction - a) >> 24; quarters != 0; quarters >>= 1) {
    if (quarters & 1) {
      result = product(result, *factor);
    }
    factor++;
  }
  return result;
}

/* The exponential of a difference to the largest, in Q0.31. */
static SB_APART int32_t term(const sb_softmax_layer *layer, int32_t difference)
{
  if (difference < layer->difference) {
    return 0;
  }
  return exp_of_negative(sb_scale(difference, layer->factor.multiplier, layer->factor.shift));
}

/* 1 / (1 + f) in Q0.31 for f in [0, 1) in Q0.31, less than 1: three Newton steps from 48/17 - 32/17 * (1 + f) / 2. The
   first estimate is off by 1/17 at most, so that nothing here leaves an int32. */
static int32_t reciprocal_of_one_plus(int32_t f)
{
  const int32_t half_denominator = (int32_t)(((uint32_t)f + (1u << 31)) / 2);
  int32_t estimate = 1515870810 + product(half_denominator, -1010580540); /* Q2.29 from here on */
  for (int step = 0; step < 3; step++) {
    const int32_t residue = (1 << 29) - product(half_denominator, estimate);
    estimate += product(estimate, residue) * 4;
  }
  return estimate < 1 << 30 ? estimate * 2 : INT32_MAX;
}

static void softmax_row(const sb_softmax_layer *layer, const int8_t *input, int8_t *output)
{
  int32_t largest = INT8_MIN;
  for (int32_t i = 0; i < layer->size; i++) {
    largest = input[i] > largest ? input[i] : largest;
  }
  uint32_t sum = 0; /* at least 2^19, the largest element's own term */
  for (int32_t i = 0; i < layer->size; i++) {
    sum += (uint32_t)sb_rounding_shift_right(term(layer, input[i] - largest), SUM_INTEGER_BITS);
  }
  int32_t shift = SUM_INTEGER_BITS + 31 - 8;
  while (sum < 1u << 31) {
    sum <<= 1;
    shift--;
  }
  /* A fraction that is shifted by more than 31 rounds to 0. */
  const int32_t scale = shift > 31 ? 0 : reciprocal_of_one_plus((int32_t)(sum - (1u << 31)));
  for (int32_t i = 0; i < layer->size; i++) {
    const int32_t y = sb_rounding_shift_right(product(scale, term(layer, input[i] - largest)), shift & 31);
    output[i] = (int8_t)sb_clamp(y + INT8_MIN, INT8_MIN, INT8_MAX);
  }
}

void sb_softmax_s8(const sb_softmax_layer *layer, const int8_t *input, int8_t *output)
{
  for (int32_t row = 0; row < layer->rows; row++) {
    softmax_row(layer, input + row * layer->size, output + row * layer->size);
  }
}
