/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two products in one multiplication, for cores without SIMD instructions. What the `_scalar` kernels share.
 *
 * A "pair" is a word that holds two activations, and one product of it with a weight holds two products:
 *
 *     pair = first + second * 2^16              pair * w = first * w + second * w * 2^16
 *
 * Products are added up in a word of their own, a "chunk", as long as the low sum stays within int16, that is, as long
 * as the weights' magnitudes sum up to 255 or less: the generator sees to that. A chunk starts at SB_CHUNK, so
 * that the low sum is not negative and never borrows from the high one. Its two sums then go to an int32 each:
 *
 *     high += chunk >> 16                       sum of second * w
 *     all  += chunk                             modulo 2^32; (all - high * 2^16) is the sum of first * w + SB_CHUNK
 */
#ifndef SB_SCALAR_H
#define SB_SCALAR_H

#include <stdint.h>

#include "sb_fixedpoint.h"
#include "sb_kernels.h"

/*
 * Which of the inner loops that are written out in assembly are taken: 1 for Armv6-M and Armv8-M Baseline, 2 for
 * Armv7-M and Armv8-M Main, 0 for their twins in C. GCC gives the high registers of Thumb-1 only where it optimises for
 * speed; beside an FPU, as a Cortex-M33 without DSP extension can have, GCC 12 finds none that is left for these loops.
 */
#if !SB_LOOPS_IN_ASSEMBLY || !defined(__ARM_ARCH_ISA_THUMB) || defined(__ARM_FP)
#define SB_THUMB 0
#elif __ARM_ARCH_ISA_THUMB == 1 && defined(__OPTIMIZE_SIZE__)
#define SB_THUMB 0
#else
#define SB_THUMB __ARM_ARCH_ISA_THUMB
#endif

#define SB_CHUNK 0x8000u

SB_INLINE uint32_t sb_join(int32_t first, int32_t second)
{
  return (uint32_t)first + ((uint32_t)second << 16);
}

/* The sums of one pair of pixels, see above. */
typedef struct {
  uint32_t all;
  int32_t high;
} sb_joint_sums;

/* Sums of `chunks` chunks to come, and `start` in either. */
SB_INLINE sb_joint_sums sb_joint_start(int32_t start, int32_t chunks)
{
  return (sb_joint_sums){sb_join(start, start) - SB_CHUNK * (uint32_t)chunks, start};
}

SB_INLINE void sb_add_chunk(sb_joint_sums *sums, uint32_t chunk)
{
  sums->all += chunk;
  sums->high += (int32_t)chunk >> 16;
}

/* The same for a chunk of one product, which did not start at SB_CHUNK. */
SB_INLINE void sb_add_product(sb_joint_sums *sums, uint32_t product)
{
  sums->all += product;
  sums->high += (int32_t)(product + SB_CHUNK) >> 16;
}

SB_INLINE int32_t sb_first(sb_joint_sums sums)
{
  return (int32_t)(sums.all - ((uint32_t)sums.high << 16));
}

SB_INLINE int32_t sb_second(sb_joint_sums sums)
{
  return sums.high;
}

/*
 * Adds the products of `quads` quads: four weights with four times two pairs, one chunk each. Gives the address behind
 * the weights, which are aligned to 4 bytes as the pairs are. Written out, as GCC finds neither LDRD nor LDM here and
 * moves values out of registers and back.
 */
#if SB_THUMB == 2

/* Armv7-M and Armv8-M Main: 20 instructions a quad. Two loads of a byte in turn take a cycle less than apart. */
SB_INLINE const int8_t *sb_add_quad(sb_joint_sums *pq, sb_joint_sums *rs, const uint32_t **pairs, const int8_t *weights)
{
  uint32_t pq_chunk, rs_chunk, p, r, w, next;
  __asm__ volatile("ldrsb %[w], [%[from]], #1\n\t"
                   "ldrsb %[next], [%[from]], #1\n\t"
                   "ldrd %[p], %[r], [%[pairs]], #8\n\t"
                   "mla %[pq], %[p], %[w], %[start]\n\t"
                   "mla %[rs], %[r], %[w], %[start]\n\t"
                   "ldrd %[p], %[r], [%[pairs]], #8\n\t"
                   "mla %[pq], %[p], %[next], %[pq]\n\t"
                   "mla %[rs], %[r], %[next], %[rs]\n\t"
                   "ldrsb %[w], [%[from]], #1\n\t"
                   "ldrsb %[next], [%[from]], #1\n\t"
                   "ldrd %[p], %[r], [%[pairs]], #8\n\t"
                   "mla %[pq], %[p], %[w], %[pq]\n\t"
                   "mla %[rs], %[r], %[w], %[rs]\n\t"
                   "ldrd %[p], %[r], [%[pairs]], #8\n\t"
                   "mla %[pq], %[p], %[next], %[pq]\n\t"
                   "mla %[rs], %[r], %[next], %[rs]\n\t"
                   "add %[pq_all], %[pq_all], %[pq]\n\t"
                   "add %[pq_high], %[pq_high], %[pq], asr #16\n\t"
                   "add %[rs_all], %[rs_all], %[rs]\n\t"
                   "add %[rs_high], %[rs_high], %[rs], asr #16"
                   : [pairs] "+r"(*pairs), [from] "+r"(weights), [pq_all] "+r"(pq->all), [pq_high] "+r"(pq->high),
                     [rs_all] "+r"(rs->all), [rs_high] "+r"(rs->high), [pq] "=&r"(pq_chunk), [rs] "=&r"(rs_chunk),
                     [p] "=&r"(p), [r] "=&r"(r), [w] "=&r"(w), [next] "=&r"(next)
                   : [start] "r"(SB_CHUNK)
                   : "memory");
  return weights;
}

SB_INLINE const int8_t *sb_add_quads(sb_joint_sums *pq, sb_joint_sums *rs, const uint32_t *pairs,
                                     const int8_t *weights, int32_t quads)
{
  const int8_t *const end = weights + 4 * quads;
  if (quads & 1) {
    weights = sb_add_quad(pq, rs, &pairs, weights);
  }
  while (weights < end) {
    weights = sb_add_quad(pq, rs, &pairs, weights);
    weights = sb_add_quad(pq, rs, &pairs, weights);
  }
  return weights;
}

#elif SB_THUMB == 1

/* Armv6-M and Armv8-M Baseline: 35 instructions a quad. Chunks in r2, r3, sums in high registers, the end in lr. */
SB_INLINE const int8_t *sb_add_quads(sb_joint_sums *pq, sb_joint_sums *rs, const uint32_t *pairs,
                                     const int8_t *weights, int32_t quads)
{
  uint32_t four = (uint32_t)(weights + 4 * quads), w;
  __asm__ volatile(".syntax unified\n\t"
                   "mov lr, %[four]\n"
                   "1:\n\t"
                   "ldmia %[from]!, { %[four] }\n\t"
                   "ldmia %[pairs]!, {r2, r3}\n\t"
                   "sxtb %[w], %[four]\n\t" /* the first weight */
                   "muls r2, %[w], r2\n\t"
                   "add r2, %[start]\n\t"
                   "muls r3, %[w], r3\n\t"
                   "add r3, %[start]\n\t"
                   "ldmia %[pairs]!, {r0, r1}\n\t"
                   "lsls %[w], %[four], #16\n\t" /* the second */
                   "asrs %[w], %[w], #24\n\t"
                   "muls r0, %[w], r0\n\t"
                   "adds r2, r2, r0\n\t"
                   "muls r1, %[w], r1\n\t"
                   "adds r3, r3, r1\n\t"
                   "ldmia %[pairs]!, {r0, r1}\n\t"
                   "lsls %[w], %[four], #8\n\t" /* the third */
                   "asrs %[w], %[w], #24\n\t"
                   "muls r0, %[w], r0\n\t"
                   "adds r2, r2, r0\n\t"
                   "muls r1, %[w], r1\n\t"
                   "adds r3, r3, r1\n\t"
                   "ldmia %[pairs]!, {r0, r1}\n\t"
                   "asrs %[w], %[four], #24\n\t" /* the last */
                   "muls r0, %[w], r0\n\t"
                   "adds r2, r2, r0\n\t"
                   "muls r1, %[w], r1\n\t"
                   "adds r3, r3, r1\n\t"
                   "add %[pq_all], r2\n\t"
                   "asrs r2, r2, #16\n\t"
                   "add %[pq_high], r2\n\t"
                   "add %[rs_all], r3\n\t"
                   "asrs r3, r3, #16\n\t"
                   "add %[rs_high], r3\n\t"
                   "cmp %[from], lr\n\t"
                   "bne 1b"
                   : [pairs] "+l"(pairs), [from] "+l"(weights), [pq_all] "+h"(pq->all), [pq_high] "+h"(pq->high),
                     [rs_all] "+h"(rs->all), [rs_high] "+h"(rs->high), [four] "+l"(four), [w] "=&l"(w)
                   : [start] "h"(SB_CHUNK)
                   : "r0", "r1", "r2", "r3", "lr", "cc", "memory");
  return weights;
}

#else

SB_INLINE const int8_t *sb_add_quads(sb_joint_sums *pq, sb_joint_sums *rs, const uint32_t *pairs,
                                     const int8_t *weights, int32_t quads)
{
  for (; quads > 0; quads--) {
    uint32_t pq_chunk = SB_CHUNK, rs_chunk = SB_CHUNK;
    for (int32_t i = 0; i < 4; i++) {
      const uint32_t w = (uint32_t)(int32_t)*weights++;
      pq_chunk += pairs[0] * w;
      rs_chunk += pairs[1] * w;
      pairs += 2;
    }
    sb_add_chunk(pq, pq_chunk);
    sb_add_chunk(rs, rs_chunk);
  }
  return weights;
}

#endif

#if defined(__ARM_FEATURE_SAT) && defined(__GNUC__)

SB_INLINE int32_t sb_saturate_half(int32_t x)
{
  __asm__("ssat %0, #8, %1, asr #1" : "=r"(x) : "r"(x));
  return x;
}

#else

/* x / 2, rounded downwards, within int8. */
SB_INLINE int32_t sb_saturate_half(int32_t x)
{
  x >>= 1;
  return x == (int8_t)x ? x : (x >> 31) ^ INT8_MAX;
}

#endif

/* sb_high_product where |a| < 2^30, with a long multiplication. */
SB_INLINE int32_t sb_product_long(int32_t a, int32_t b)
{
  const int64_t product = (int64_t)sb_wrapping_shift_left(a, 1) * b;
  return (int32_t)(product >> 32) + (int32_t)((uint32_t)product >> 31);
}

/* sb_high_product where |a| < 2^29, from four products of halves: the low ones signed, so that nothing overflows. */
SB_INLINE int32_t sb_product_of_halves(int32_t a, int32_t b)
{
  const int32_t a_low = (int16_t)a, b_low = (int16_t)b;
  const int32_t a_high = (a - a_low) >> 16, b_high = (int32_t)(((uint32_t)b - (uint32_t)b_low) >> 16);
  const int32_t middle = a_low * b_high + a_high * b_low + (a_low * b_low >> 16);
  return 2 * (a_high * b_high) + ((middle + (1 << 14)) >> 15);
}

/*
 * sb_scale, the zero point and saturation to int8; exact where 2^29 > |sum| and the shift is to the right by at least
 * one, which the generator proves for every channel before it chooses a `_scalar` kernel.
 * right: the shift less one, >= 0. twice: 2 * output zero point + 1. The algebra is that of sb_output_dsp in sb_dsp.h.
 */
#if SB_THUMB == 1

/* sb_product_of_halves and the rest in 23 instructions: the carry of a shift to the right is the half to be added. */
SB_INLINE int8_t sb_output_scalar(int32_t sum, int32_t multiplier, int32_t right, int32_t twice)
{
  const int32_t low = (int16_t)multiplier;
  const int32_t high = (int32_t)(((uint32_t)multiplier - (uint32_t)low) >> 16);
  int32_t part, other;
  __asm__(".syntax unified\n\t"
          "sxth %[part], %[sum]\n\t"
          "subs %[sum], %[sum], %[part]\n\t"
          "asrs %[sum], %[sum], #16\n\t"
          "movs %[other], %[part]\n\t"
          "muls %[other], %[low], %[other]\n\t"
          "asrs %[other], %[other], #16\n\t"
          "muls %[part], %[high], %[part]\n\t"
          "adds %[other], %[other], %[part]\n\t"
          "movs %[part], %[sum]\n\t"
          "muls %[part], %[low], %[part]\n\t"
          "adds %[other], %[other], %[part]\n\t"
          "muls %[sum], %[high], %[sum]\n\t"
          "lsls %[sum], %[sum], #1\n\t"
          "asrs %[other], %[other], #15\n\t"
          "adcs %[sum], %[other]\n\t"
          "asrs %[other], %[sum], #31\n\t"
          "adds %[sum], %[sum], %[other]\n\t"
          "asrs %[sum], %[right]\n\t"
          "add %[sum], %[twice]\n\t"
          "asrs %[sum], %[sum], #1\n\t"
          "sxtb %[other], %[sum]\n\t"
          "cmp %[other], %[sum]\n\t"
          "beq 1f\n\t"
          "asrs %[sum], %[sum], #31\n\t" /* -1 or 0 to -128 or 127 */
          "movs %[other], #127\n\t"
          "eors %[sum], %[other]\n"
          "1:"
          : [sum] "+l"(sum), [part] "=&l"(part), [other] "=&l"(other)
          : [low] "l"(low), [high] "l"(high), [right] "l"(right), [twice] "r"(twice)
          : "cc");
  return (int8_t)sum;
}

#else

SB_INLINE int8_t sb_output_scalar(int32_t sum, int32_t multiplier, int32_t right, int32_t twice)
{
#if defined(__ARM_ARCH) && __ARM_ARCH_ISA_THUMB == 1
  int32_t x = sb_product_of_halves(sum, multiplier);
#else
  int32_t x = sb_product_long(sum, multiplier);
#endif
  x += x >> 31;
  return (int8_t)sb_saturate_half((x >> right) + twice);
}

#endif

/*
 * The same where the shift is to the left by `left` or none: rounded once. Exact where 2^29 > |sum| * 2^left, which the
 * generator proves.
 */
SB_INLINE int8_t sb_output_scalar_left(int32_t sum, int32_t multiplier, int32_t left, int32_t zero_point)
{
#if defined(__ARM_ARCH) && __ARM_ARCH_ISA_THUMB == 1
  const int32_t x = sb_product_of_halves(sb_wrapping_shift_left(sum, left), multiplier);
#else
  const int32_t x = sb_product_long(sb_wrapping_shift_left(sum, left), multiplier);
#endif
  return (int8_t)sb_saturate8(x + zero_point);
}

#endif /* SB_SCALAR_H */
