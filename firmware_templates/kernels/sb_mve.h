/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Helium (MVE) instructions that the `_mve` kernels are made of, under the names that Arm's C language extensions
 * give them: the compiler's own on a core that has them, plain C with the same result on any other machine. A vector
 * is 16 bytes; lane 0 is the one of the lowest address.
 *
 * On a Cortex-M55 a vector instruction takes two cycles, 64 bits in each; a load overlaps with a multiplication. So a
 * kernel is well balanced where each VMLADAV, 16 products, comes with one load.
 *
 * Sources: Arm Architecture Reference Manual Armv8-M (DDI 0553), instructions of the same names; Arm Helium intrinsics
 * (ACLE, arm_mve.h); Arm Cortex-M55 TRM (DDI 1024).
 */
#ifndef SB_MVE_H
#define SB_MVE_H

#include <stdint.h>
#include <string.h>

#include "sb_dsp.h"

#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>

/* 16 bytes, and the address behind them. GCC 12 would add a register and an addition for every fourth load. */
SB_INLINE const int8_t *sb_take_bytes(const int8_t *from, int8x16_t *bytes)
{
  __asm__ volatile("vldrb.8 %q0, [%1], #16" : "=w"(*bytes), "+r"(from) : : "memory");
  return from;
}

/* Four lanes from four registers. GCC 12 would write them to the stack and load them from there. */
SB_INLINE int32x4_t sb_four(int32_t a, int32_t b, int32_t c, int32_t d)
{
  int32x4_t v;
  __asm__("vmov %e0, %1, %2\n\tvmov %f0, %3, %4" : "=&w"(v) : "r"(a), "r"(b), "r"(c), "r"(d));
  return v;
}

#else

typedef struct {
  int8_t lane[16];
} int8x16_t;

typedef struct {
  int32_t lane[4];
} int32x4_t;

typedef struct {
  uint32_t lane[4];
} uint32x4_t;

typedef uint16_t mve_pred16_t; /* a bit for each byte */

/* The first `count` bytes. */
SB_INLINE mve_pred16_t vctp8q(uint32_t count)
{
  return (mve_pred16_t)(count < 16 ? (1u << count) - 1u : 0xffffu);
}

SB_INLINE int8x16_t vldrbq_s8(const int8_t *from)
{
  int8x16_t v;
  memcpy(v.lane, from, sizeof v.lane);
  return v;
}

/* Bytes that the predicate leaves out are not read; their lanes are 0. */
SB_INLINE int8x16_t vldrbq_z_s8(const int8_t *from, mve_pred16_t p)
{
  int8x16_t v;
  for (int i = 0; i < 16; i++) {
    v.lane[i] = (int8_t)(p >> i & 1 ? from[i] : 0);
  }
  return v;
}

SB_INLINE void vstrbq_s8(int8_t *to, int8x16_t v)
{
  memcpy(to, v.lane, sizeof v.lane);
}

SB_INLINE int8x16_t vdupq_n_s8(int8_t x)
{
  int8x16_t v;
  memset(v.lane, x, sizeof v.lane);
  return v;
}

SB_INLINE const int8_t *sb_take_bytes(const int8_t *from, int8x16_t *bytes)
{
  *bytes = vldrbq_s8(from);
  return from + 16;
}

/* sum + a[0] * b[0] + ... + a[15] * b[15] */
SB_INLINE int32_t vmladavaq_s8(int32_t sum, int8x16_t a, int8x16_t b)
{
  for (int i = 0; i < 16; i++) {
    sum = sb_wrapping_add(sum, a.lane[i] * b.lane[i]);
  }
  return sum;
}

SB_INLINE int32_t vmladavq_s8(int8x16_t a, int8x16_t b)
{
  return vmladavaq_s8(0, a, b);
}

SB_INLINE int32x4_t sb_four(int32_t a, int32_t b, int32_t c, int32_t d)
{
  return (int32x4_t){{a, b, c, d}};
}

SB_INLINE uint32x4_t vreinterpretq_u32_s32(int32x4_t v)
{
  return (uint32x4_t){{(uint32_t)v.lane[0], (uint32_t)v.lane[1], (uint32_t)v.lane[2], (uint32_t)v.lane[3]}};
}

/* `first`, first + step, ... */
SB_INLINE uint32x4_t vidupq_n_u32(uint32_t first, uint32_t step)
{
  return (uint32x4_t){{first, first + step, first + 2 * step, first + 3 * step}};
}

SB_INLINE uint32x4_t vmulq_n_u32(uint32x4_t v, uint32_t factor)
{
  for (int i = 0; i < 4; i++) {
    v.lane[i] *= factor;
  }
  return v;
}

SB_INLINE int32x4_t vaddq_n_s32(int32x4_t v, int32_t x)
{
  for (int i = 0; i < 4; i++) {
    v.lane[i] = sb_wrapping_add(v.lane[i], x);
  }
  return v;
}

SB_INLINE int32x4_t vshrq_n_s32(int32x4_t v, int bits)
{
  for (int i = 0; i < 4; i++) {
    v.lane[i] >>= bits;
  }
  return v;
}

static inline int32_t sb_saturated(int64_t x)
{
  return (int32_t)(x < INT32_MIN ? INT32_MIN : x > INT32_MAX ? INT32_MAX : x);
}

SB_INLINE int32x4_t vqshlq_n_s32(int32x4_t v, int bits)
{
  for (int i = 0; i < 4; i++) {
    v.lane[i] = sb_saturated((int64_t)v.lane[i] * ((int64_t)1 << bits));
  }
  return v;
}

/* sum + v * x / 2^31, rounded to nearest, ties upwards, and saturated once at the end. */
SB_INLINE int32x4_t vqrdmlahq_n_s32(int32x4_t sum, int32x4_t v, int32_t x)
{
  for (int i = 0; i < 4; i++) {
    sum.lane[i] = sb_saturated(sum.lane[i] + (((int64_t)v.lane[i] * x + (1 << 30)) >> 31));
  }
  return sum;
}

/* v * 2^bits for bits <= 0, rounded to nearest, ties upwards; no overflow on the way. */
SB_INLINE int32x4_t vrshlq_n_s32(int32x4_t v, int32_t bits)
{
  const int64_t half = bits < 0 ? (int64_t)1 << (-1 - bits) : 0;
  for (int i = 0; i < 4; i++) {
    v.lane[i] = (int32_t)((v.lane[i] + half) >> -bits);
  }
  return v;
}

/* The low byte of each lane, each to its own place. */
SB_INLINE void vstrbq_scatter_offset_s32(int8_t *to, uint32x4_t offsets, int32x4_t v)
{
  for (int i = 0; i < 4; i++) {
    to[offsets.lane[i]] = (int8_t)(uint8_t)v.lane[i];
  }
}

#endif

/* Bytes of a buffer of whole vectors that holds `count` bytes. */
static inline int32_t sb_vector_bytes(int32_t count)
{
  return (count + 15) & ~15;
}

/* Copies `count` bytes, and zeros behind them up to a whole vector; reads no byte behind the last. */
static inline void sb_copy_vectors(int8_t *to, const int8_t *from, int32_t count)
{
  for (; count >= 16; count -= 16) {
    int8x16_t bytes;
    from = sb_take_bytes(from, &bytes);
    vstrbq_s8(to, bytes);
    to += 16;
  }
  if (count > 0) {
    vstrbq_s8(to, vldrbq_z_s8(from, vctp8q((uint32_t)count)));
  }
}

/*
 * sb_scale for shifts to the right by one or more, the zero point, and saturation to int8: exact for every sum.
 *
 *   x = sum * multiplier / 2^31, ties upwards                  VQRDMULH. It saturates at -2^31 * -2^31 only, and a
 *                                                              multiplier is not negative.
 *   x / 2^n, ties away from zero = (x - (x < 0) + 2^(n-1)) >> n, where VRSHL computes (.. + 2^(n-1)) >> n, n >= 1,
 *                                                              without overflow.
 * VQRDMLAH adds what VQRDMULH gives to -(sum < 0). That is x - (x < 0), except where sum < 0 gives x = 0; there it is
 * -1, which is shifted to 0 as well.
 */
SB_INLINE int32x4_t sb_requantised(int32x4_t sum, int32_t multiplier, int32_t shift, int32_t zero_point)
{
  const int32x4_t x = vqrdmlahq_n_s32(vshrq_n_s32(sum, 31), sum, multiplier);
  const int32x4_t y = vaddq_n_s32(vrshlq_n_s32(x, shift), zero_point);
  return vshrq_n_s32(vqshlq_n_s32(y, 24), 24);
}

#endif /* SB_MVE_H */
