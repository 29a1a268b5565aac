/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic between an int32 sum and an int8 output, as TFLite's kernels define it: round after the
 * multiplication, then again after the right shift. Its Python twin is toolchain/graph/fixedpoint.py.
 *
 * Overflow of an int32 is meant to wrap where it can happen at all, so those sums go through uint32_t.
 */
#ifndef SB_FIXEDPOINT_H
#define SB_FIXEDPOINT_H

#include <stdint.h>

/* INLINE: must be in its caller at every level of optimisation. APART: must not, either because it needs all registers
   for itself or because code is to be small. */
#if defined(__GNUC__)
#define SB_INLINE static inline __attribute__((always_inline))
#define SB_APART __attribute__((noinline))
#else
#define SB_INLINE static inline
#define SB_APART
#endif

/*
 * Whether the inner loops that are written out in assembly are taken, or their twins in C. They need every register, so
 * they cannot be compiled without optimisation, nor where one is reserved: with -fno-omit-frame-pointer, or with
 * -ffixed-r9 for position-independent data, define SB_PORTABLE_LOOPS.
 */
#if defined(__GNUC__) && defined(__OPTIMIZE__) && !defined(SB_PORTABLE_LOOPS)
#define SB_LOOPS_IN_ASSEMBLY 1
#else
#define SB_LOOPS_IN_ASSEMBLY 0
#endif

/* C11 leaves both to the compiler; every compiler for Arm does this. */
_Static_assert((-3 >> 1) == -2, "right shifts of negative numbers must be arithmetic");
_Static_assert((int32_t)0xffffffffu == -1, "conversion to a signed type must wrap");

static inline int32_t sb_wrapping_add(int32_t a, int32_t b)
{
  return (int32_t)((uint32_t)a + (uint32_t)b);
}

static inline int32_t sb_wrapping_sub(int32_t a, int32_t b)
{
  return (int32_t)((uint32_t)a - (uint32_t)b);
}

static inline int32_t sb_wrapping_shift_left(int32_t x, int32_t bits)
{
  return (int32_t)((uint32_t)x << bits);
}

static inline int32_t sb_clamp(int32_t x, int32_t low, int32_t high)
{
  return x < low ? low : x > high ? high : x;
}

/* x within int8: SSAT, where the core has it. */
static inline int32_t sb_saturate8(int32_t x)
{
#if defined(__ARM_FEATURE_SAT) && defined(__GNUC__)
  __asm__("ssat %0, #8, %1" : "=r"(x) : "r"(x));
  return x;
#else
  return sb_clamp(x, INT8_MIN, INT8_MAX);
#endif
}

/* a * b / 2^31, rounded to nearest, ties upwards. Not for a = b = -2^31, which no caller has. */
static inline int32_t sb_high_product(int32_t a, int32_t b)
{
  return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

/* x / 2^bits, rounded to nearest, ties away from zero; bits 0 .. 31. */
static inline int32_t sb_rounding_shift_right(int32_t x, int32_t bits)
{
  const int32_t mask = (int32_t)((1u << bits) - 1u);
  const int32_t remainder = x & mask;
  const int32_t threshold = (mask >> 1) + (x < 0);
  return (x >> bits) + (remainder > threshold);
}

/* x * multiplier / 2^31 * 2^shift, rounded twice; shift -31 .. 31, > 0 to the left. */
static inline int32_t sb_scale(int32_t x, int32_t multiplier, int32_t shift)
{
  const int32_t left = shift > 0 ? shift : 0;
  const int32_t right = shift > 0 ? 0 : -shift;
  return sb_rounding_shift_right(sb_high_product(sb_wrapping_shift_left(x, left), multiplier), right);
}

/* A mask that stays in a register: GCC 12 would have it as a constant of each AND, which leaves no room for a shift. */
SB_INLINE uint32_t sb_kept(uint32_t mask)
{
#if defined(__ARM_ARCH) && defined(__GNUC__)
  __asm__("" : "+r"(mask));
#endif
  return mask;
}

#endif /* SB_FIXEDPOINT_H */
