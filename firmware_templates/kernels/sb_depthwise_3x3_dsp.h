/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the depthwise convolutions with a 3x3 kernel share, beside sb_depthwise_dsp.h: all weights of a channel are in
 * registers. a and b are the pairs (w0 w1) and (w1 w2) of a column of weights; of a column (r0 r1) (r2 r3) of the image
 *
 *     even row of outputs   r0 w0 + r1 w1   SMLAD        odd row   r1 w0           SMLATB
 *                           r2 w2           SMLABT                 r2 w1 + r3 w2   SMLAD
 */
#ifndef SB_DEPTHWISE_3X3_DSP_H
#define SB_DEPTHWISE_3X3_DSP_H

#include "sb_depthwise_dsp.h"

/* The weights of a channel: both pairs of each column. */
typedef struct {
  uint32_t a0, b0, a1, b1, a2, b2;
} sb_kernel_3x3;

enum { SB_KERNEL_WORDS = 6 };

SB_INLINE sb_kernel_3x3 sb_kernel_of(const uint32_t *words)
{
  const sb_kernel_3x3 k = {words[0], words[1], words[2], words[3], words[4], words[5]};
  return k;
}

/* The pairs of [3][3] weights, each times 2^shift, in the order of sb_kernel_3x3. */
SB_INLINE void sb_widen_kernel(const int8_t *w, int32_t shift, uint32_t *to)
{
  for (const int8_t *const end = w + 3; w < end; w++) {
    const uint32_t w0 = (uint32_t)w[0] << shift, w1 = (uint32_t)w[3] << shift, w2 = (uint32_t)w[6] << shift;
    *to++ = sb_low_halves(w0, w1);
    *to++ = sb_low_halves(w1, w2);
  }
}

#if defined(__ARM_FEATURE_DSP) && SB_LOOPS_IN_ASSEMBLY

/* Of the columns from x on the sums of two, x and next, in both rows of outputs: 28 instructions for 36 products. x
   goes two columns on. With an address for the outputs all 14 registers are in use; left to itself GCC 12 keeps weights
   on the stack. */
#define SB_SUM_FOUR                                      \
  "ldrd %[r01], %[r23], [%[x]], #16\n\t"                 \
  "smuad %[even], %[r01], %[a0]\n\t"                     \
  "smultb %[odd], %[r01], %[a0]\n\t"                     \
  "smlabt %[even], %[r23], %[b0], %[even]\n\t"           \
  "smlad %[odd], %[r23], %[b0], %[odd]\n\t"              \
  "ldrd %[r01], %[r23], [%[x], #-8]\n\t"                 \
  "smuad %[next_even], %[r01], %[a0]\n\t"                \
  "smultb %[next_odd], %[r01], %[a0]\n\t"                \
  "smlad %[even], %[r01], %[a1], %[even]\n\t"            \
  "smlatb %[odd], %[r01], %[a1], %[odd]\n\t"             \
  "smlabt %[next_even], %[r23], %[b0], %[next_even]\n\t" \
  "smlad %[next_odd], %[r23], %[b0], %[next_odd]\n\t"    \
  "smlabt %[even], %[r23], %[b1], %[even]\n\t"           \
  "smlad %[odd], %[r23], %[b1], %[odd]\n\t"              \
  "ldrd %[r01], %[r23], [%[x]]\n\t"                      \
  "smlad %[even], %[r01], %[a2], %[even]\n\t"            \
  "smlatb %[odd], %[r01], %[a2], %[odd]\n\t"             \
  "smlad %[next_even], %[r01], %[a1], %[next_even]\n\t"  \
  "smlatb %[next_odd], %[r01], %[a1], %[next_odd]\n\t"   \
  "smlabt %[even], %[r23], %[b2], %[even]\n\t"           \
  "smlad %[odd], %[r23], %[b2], %[odd]\n\t"              \
  "smlabt %[next_even], %[r23], %[b1], %[next_even]\n\t" \
  "smlad %[next_odd], %[r23], %[b1], %[next_odd]\n\t"    \
  "ldrd %[r01], %[r23], [%[x], #8]\n\t"                  \
  "smlad %[next_even], %[r01], %[a2], %[next_even]\n\t"  \
  "smlatb %[next_odd], %[r01], %[a2], %[next_odd]\n\t"   \
  "smlabt %[next_even], %[r23], %[b2], %[next_even]\n\t" \
  "smlad %[next_odd], %[r23], %[b2], %[next_odd]\n\t"

/* Its operands, but for x, r01 and r23. */
#define SB_SUMS_OF_FOUR \
  [even] "=&r"(even), [odd] "=&r"(odd), [next_even] "=&r"(next_even), [next_odd] "=&r"(next_odd)
#define SB_WEIGHTS_OF_FOUR(k) \
  [a0] "r"((k)->a0), [b0] "r"((k)->b0), [a1] "r"((k)->a1), [b1] "r"((k)->b1), [a2] "r"((k)->a2), [b2] "r"((k)->b2)

#else

/* Of the columns from x on the sums of one in both rows of outputs. */
SB_INLINE void sb_sum_two(const uint32_t *x, const sb_kernel_3x3 *k, int32_t *even, int32_t *odd)
{
  *even = sb_smlabt(x[1], k->b0, sb_smuad(x[0], k->a0));
  *odd = sb_smlad(x[1], k->b0, sb_smultb(x[0], k->a0));
  *even = sb_smlabt(x[3], k->b1, sb_smlad(x[2], k->a1, *even));
  *odd = sb_smlad(x[3], k->b1, sb_smlatb(x[2], k->a1, *odd));
  *even = sb_smlabt(x[5], k->b2, sb_smlad(x[4], k->a2, *even));
  *odd = sb_smlad(x[5], k->b2, sb_smlatb(x[4], k->a2, *odd));
}

#endif

/* The sum of one column of an even row of outputs. */
SB_INLINE int32_t sb_sum_one(const uint32_t *x, const sb_kernel_3x3 *k)
{
  uint32_t r01, r23;
  sb_load_two(x, &r01, &r23);
  int32_t sum = sb_smlabt(r23, k->b0, sb_smuad(r01, k->a0));
  sb_load_two(x + 2, &r01, &r23);
  sum = sb_smlabt(r23, k->b1, sb_smlad(r01, k->a1, sum));
  sb_load_two(x + 4, &r01, &r23);
  return sb_smlabt(r23, k->b2, sb_smlad(r01, k->a2, sum));
}

/* The sums of two columns of an even row of outputs. */
SB_INLINE void sb_sum_next(const uint32_t *x, const sb_kernel_3x3 *k, int32_t *sum, int32_t *next)
{
  uint32_t r01, r23;
  sb_load_two(x, &r01, &r23);
  *sum = sb_smlabt(r23, k->b0, sb_smuad(r01, k->a0));
  sb_load_two(x + 2, &r01, &r23);
  *sum = sb_smlabt(r23, k->b1, sb_smlad(r01, k->a1, *sum));
  *next = sb_smlabt(r23, k->b0, sb_smuad(r01, k->a0));
  sb_load_two(x + 4, &r01, &r23);
  *sum = sb_smlabt(r23, k->b2, sb_smlad(r01, k->a2, *sum));
  *next = sb_smlabt(r23, k->b1, sb_smlad(r01, k->a1, *next));
  sb_load_two(x + 6, &r01, &r23);
  *next = sb_smlabt(r23, k->b2, sb_smlad(r01, k->a2, *next));
}

#endif /* SB_DEPTHWISE_3X3_DSP_H */
