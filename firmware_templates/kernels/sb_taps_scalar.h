/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner part of sb_depthwise_conv2d_s8_scalar: four outputs that are neighbours in a plane of unsigned bytes.
 */
#ifndef SB_TAPS_SCALAR_H
#define SB_TAPS_SCALAR_H

#include "sb_scalar.h"

/* Sums of the outputs whose windows begin at a place, and one, two and three strides behind it. */
typedef struct {
  int32_t a, b, c, d;
} sb_four_sums;

/*
 * The rows of a window that is three taps wide, stride 1, no dilation: six values x0 .. x5 for the twelve products
 *
 *     a += x0 w0 + x1 w1 + x2 w2      b += x1 w0 + x2 w1 + x3 w2      c += x2 w0 + ..      d += x3 w0 + ..
 *
 * taps: three for each row, up to `end`. row_step: bytes from one row of the plane to the window's next.
 */
#if SB_THUMB == 1

/* Armv6-M and Armv8-M Baseline: 40 instructions a row. Taps in r1, r2, r3, sums in high registers, the end in lr. */
SB_INLINE void sb_add_three_taps(sb_four_sums *sum, const uint8_t *x, int32_t row_step, const int32_t *taps,
                                 const int32_t *end)
{
  uint32_t value = (uint32_t)end, product;
  __asm__ volatile(".syntax unified\n\t"
                   "mov lr, %[value]\n"
                   "1:\n\t"
                   "ldmia %[taps]!, {r1, r2, r3}\n\t"
                   "ldrb %[value], [%[x], #0]\n\t"
                   "muls %[value], r1, %[value]\n\t"
                   "add %[a], %[value]\n\t"
                   "ldrb %[value], [%[x], #1]\n\t"
                   "movs %[product], %[value]\n\t"
                   "muls %[product], r2, %[product]\n\t"
                   "add %[a], %[product]\n\t"
                   "muls %[value], r1, %[value]\n\t"
                   "add %[b], %[value]\n\t"
                   "ldrb %[value], [%[x], #2]\n\t"
                   "movs %[product], %[value]\n\t"
                   "muls %[product], r3, %[product]\n\t"
                   "add %[a], %[product]\n\t"
                   "movs %[product], %[value]\n\t"
                   "muls %[product], r2, %[product]\n\t"
                   "add %[b], %[product]\n\t"
                   "muls %[value], r1, %[value]\n\t"
                   "add %[c], %[value]\n\t"
                   "ldrb %[value], [%[x], #3]\n\t"
                   "movs %[product], %[value]\n\t"
                   "muls %[product], r3, %[product]\n\t"
                   "add %[b], %[product]\n\t"
                   "movs %[product], %[value]\n\t"
                   "muls %[product], r2, %[product]\n\t"
                   "add %[c], %[product]\n\t"
                   "muls %[value], r1, %[value]\n\t"
                   "add %[d], %[value]\n\t"
                   "ldrb %[value], [%[x], #4]\n\t"
                   "movs %[product], %[value]\n\t"
                   "muls %[product], r3, %[product]\n\t"
                   "add %[c], %[product]\n\t"
                   "muls %[value], r2, %[value]\n\t"
                   "add %[d], %[value]\n\t"
                   "ldrb %[value], [%[x], #5]\n\t"
                   "muls %[value], r3, %[value]\n\t"
                   "add %[d], %[value]\n\t"
                   "add %[x], %[row_step]\n\t"
                   "cmp %[taps], lr\n\t"
                   "bne 1b"
                   : [taps] "+l"(taps), [x] "+l"(x), [value] "+l"(value), [product] "=&l"(product),
                     [a] "+h"(sum->a), [b] "+h"(sum->b), [c] "+h"(sum->c), [d] "+h"(sum->d)
                   : [row_step] "h"(row_step)
                   : "r1", "r2", "r3", "lr", "cc", "memory");
}

#elif SB_THUMB == 2

/* Armv7-M and Armv8-M Main: 23 instructions a row. */
SB_INLINE void sb_add_three_taps(sb_four_sums *sum, const uint8_t *x, int32_t row_step, const int32_t *taps,
                                 const int32_t *end)
{
  uint32_t w0, w1, w2, value, next;
  __asm__ volatile("1:\n\t"
                   "ldrd %[w0], %[w1], [%[taps]], #8\n\t"
                   "ldr %[w2], [%[taps]], #4\n\t"
                   "ldrb %[value], [%[x], #0]\n\t"
                   "ldrb %[next], [%[x], #1]\n\t"
                   "mla %[a], %[value], %[w0], %[a]\n\t"
                   "mla %[a], %[next], %[w1], %[a]\n\t"
                   "mla %[b], %[next], %[w0], %[b]\n\t"
                   "ldrb %[value], [%[x], #2]\n\t"
                   "ldrb %[next], [%[x], #3]\n\t"
                   "mla %[a], %[value], %[w2], %[a]\n\t"
                   "mla %[b], %[value], %[w1], %[b]\n\t"
                   "mla %[c], %[value], %[w0], %[c]\n\t"
                   "mla %[b], %[next], %[w2], %[b]\n\t"
                   "mla %[c], %[next], %[w1], %[c]\n\t"
                   "mla %[d], %[next], %[w0], %[d]\n\t"
                   "ldrb %[value], [%[x], #4]\n\t"
                   "ldrb %[next], [%[x], #5]\n\t"
                   "mla %[c], %[value], %[w2], %[c]\n\t"
                   "mla %[d], %[value], %[w1], %[d]\n\t"
                   "mla %[d], %[next], %[w2], %[d]\n\t"
                   "add %[x], %[x], %[row_step]\n\t"
                   "cmp %[taps], %[end]\n\t"
                   "bne 1b"
                   : [taps] "+r"(taps), [x] "+r"(x), [a] "+r"(sum->a), [b] "+r"(sum->b), [c] "+r"(sum->c),
                     [d] "+r"(sum->d), [w0] "=&r"(w0), [w1] "=&r"(w1), [w2] "=&r"(w2), [value] "=&r"(value),
                     [next] "=&r"(next)
                   : [row_step] "r"(row_step), [end] "r"(end)
                   : "cc", "memory");
}

#else

SB_INLINE void sb_add_three_taps(sb_four_sums *sum, const uint8_t *x, int32_t row_step, const int32_t *taps,
                                 const int32_t *end)
{
  for (; taps < end; taps += 3) {
    const int32_t w0 = taps[0], w1 = taps[1], w2 = taps[2];
    const int32_t x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3], x4 = x[4], x5 = x[5];
    sum->a += x0 * w0 + x1 * w1 + x2 * w2;
    sum->b += x1 * w0 + x2 * w1 + x3 * w2;
    sum->c += x2 * w0 + x3 * w1 + x4 * w2;
    sum->d += x3 * w0 + x4 * w1 + x5 * w2;
    x += row_step;
  }
}

#endif

/*
 * One row of any window. taps: up to `end`, at least one. tap_step: bytes between two taps. stride: bytes between two
 * outputs.
 */
#if SB_THUMB == 1

/* Armv6-M and Armv8-M Baseline: 16 instructions a tap. Sums in high registers, the end in lr. */
SB_INLINE void sb_add_row(sb_four_sums *sum, const uint8_t *x, const int32_t *taps, const int32_t *end,
                          int32_t tap_step, int32_t stride)
{
  uint32_t value = (uint32_t)end, tap;
  __asm__ volatile(".syntax unified\n\t"
                   "mov lr, %[value]\n"
                   "1:\n\t"
                   "ldmia %[taps]!, { %[tap] }\n\t"
                   "ldrb %[value], [%[x], #0]\n\t"
                   "muls %[value], %[tap], %[value]\n\t"
                   "add %[a], %[value]\n\t"
                   "ldrb %[value], [%[x], %[one]]\n\t"
                   "muls %[value], %[tap], %[value]\n\t"
                   "add %[b], %[value]\n\t"
                   "ldrb %[value], [%[x], %[two]]\n\t"
                   "muls %[value], %[tap], %[value]\n\t"
                   "add %[c], %[value]\n\t"
                   "ldrb %[value], [%[x], %[three]]\n\t"
                   "muls %[value], %[tap], %[value]\n\t"
                   "add %[d], %[value]\n\t"
                   "add %[x], %[tap_step]\n\t"
                   "cmp %[taps], lr\n\t"
                   "bne 1b"
                   : [taps] "+l"(taps), [x] "+l"(x), [value] "+l"(value), [tap] "=&l"(tap), [a] "+h"(sum->a),
                     [b] "+h"(sum->b), [c] "+h"(sum->c), [d] "+h"(sum->d)
                   : [one] "l"(stride), [two] "l"(2 * stride), [three] "l"(3 * stride), [tap_step] "h"(tap_step)
                   : "lr", "cc", "memory");
}

#elif SB_THUMB == 2

/* Armv7-M and Armv8-M Main: 12 instructions a tap. */
SB_INLINE void sb_add_row(sb_four_sums *sum, const uint8_t *x, const int32_t *taps, const int32_t *end,
                          int32_t tap_step, int32_t stride)
{
  uint32_t value, next, tap;
  __asm__ volatile("1:\n\t"
                   "ldr %[tap], [%[taps]], #4\n\t"
                   "ldrb %[value], [%[x], #0]\n\t"
                   "ldrb %[next], [%[x], %[stride]]\n\t"
                   "mla %[a], %[value], %[tap], %[a]\n\t"
                   "mla %[b], %[next], %[tap], %[b]\n\t"
                   "ldrb %[value], [%[x], %[stride], lsl #1]\n\t"
                   "ldrb %[next], [%[x], %[three]]\n\t"
                   "mla %[c], %[value], %[tap], %[c]\n\t"
                   "mla %[d], %[next], %[tap], %[d]\n\t"
                   "add %[x], %[x], %[tap_step]\n\t"
                   "cmp %[taps], %[end]\n\t"
                   "bne 1b"
                   : [taps] "+r"(taps), [x] "+r"(x), [a] "+r"(sum->a), [b] "+r"(sum->b), [c] "+r"(sum->c),
                     [d] "+r"(sum->d), [value] "=&r"(value), [next] "=&r"(next), [tap] "=&r"(tap)
                   : [stride] "r"(stride), [three] "r"(3 * stride), [tap_step] "r"(tap_step), [end] "r"(end)
                   : "cc", "memory");
}

#else

SB_INLINE void sb_add_row(sb_four_sums *sum, const uint8_t *x, const int32_t *taps, const int32_t *end,
                          int32_t tap_step, int32_t stride)
{
  for (; taps < end; taps++) {
    sum->a += x[0] * *taps;
    sum->b += x[stride] * *taps;
    sum->c += x[2 * stride] * *taps;
    sum->d += x[3 * stride] * *taps;
    x += tap_step;
  }
}

#endif

#endif /* SB_TAPS_SCALAR_H */
