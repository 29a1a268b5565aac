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
#include "sb_kernels.h"

#define SB_NOWHERE 255

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

/* The first `count` bytes, zeros behind them, which are not read. GCC 12 would move the predicate to and fro. */
SB_INLINE int8x16_t sb_load_first(const int8_t *from, int32_t count)
{
  int8x16_t bytes;
  mve_pred16_t first;
  __asm__ volatile("vctp.8 %3\n\tvpst\n\tvldrbt.8 %q0, [%2]"
                   : "=w"(bytes), "=Up"(first)
                   : "r"(from), "r"(count)
                   : "memory");
  return bytes;
}

/* 16 bytes, each from its own place; a lane whose place is SB_NOWHERE is 0. GCC 12 stumbles over the predicate. */
SB_INLINE int8x16_t sb_gather(const int8_t *from, uint8x16_t places)
{
  int8x16_t bytes;
  mve_pred16_t some;
  __asm__ volatile("vcmp.i8 ne, %q3, %4\n\tvpst\n\tvldrbt.u8 %q0, [%2, %q3]"
                   : "=&w"(bytes), "=Up"(some)
                   : "r"(from), "w"(places), "r"(SB_NOWHERE)
                   : "memory");
  return bytes;
}

/* Copies eight bytes, or the first `count`, from places of their own to `to` and on. */
SB_INLINE void sb_copy_spread(int8_t *to, const int8_t *from, uint16x8_t places, int32_t count)
{
  uint16x8_t bytes;
  mve_pred16_t first;
  __asm__ volatile("vctp.16 %5\n\tvpstt\n\tvldrbt.u16 %q0, [%2, %q3]\n\tvstrbt.16 %q0, [%4]"
                   : "=&w"(bytes), "=Up"(first)
                   : "r"(from), "w"(places), "l"(to), "r"(count)
                   : "memory");
}

#else

typedef struct {
  int8_t lane[16];
} int8x16_t;

typedef struct {
  uint8_t lane[16];
} uint8x16_t;

typedef struct {
  uint16_t lane[8];
} uint16x8_t;

typedef struct {
  int32_t lane[4];
} int32x4_t;

typedef struct {
  uint32_t lane[4];
} uint32x4_t;

SB_INLINE int8x16_t vldrbq_s8(const int8_t *from)
{
  int8x16_t v;
  memcpy(v.lane, from, sizeof v.lane);
  return v;
}

SB_INLINE uint8x16_t vldrbq_u8(const uint8_t *from)
{
  uint8x16_t v;
  memcpy(v.lane, from, sizeof v.lane);
  return v;
}

SB_INLINE int8x16_t sb_load_first(const int8_t *from, int32_t count)
{
  int8x16_t v;
  for (int i = 0; i < 16; i++) {
    v.lane[i] = (int8_t)(i < count ? from[i] : 0);
  }
  return v;
}

SB_INLINE int8x16_t sb_gather(const int8_t *from, uint8x16_t places)
{
  int8x16_t v;
  for (int i = 0; i < 16; i++) {
    v.lane[i] = (int8_t)(places.lane[i] != SB_NOWHERE ? from[places.lane[i]] : 0);
  }
  return v;
}

/* 16 bytes, each from its own place. */
SB_INLINE int8x16_t vldrbq_gather_offset_s8(const int8_t *from, uint8x16_t places)
{
  int8x16_t v;
  for (int i = 0; i < 16; i++) {
    v.lane[i] = from[places.lane[i]];
  }
  return v;
}

SB_INLINE void sb_copy_spread(int8_t *to, const int8_t *from, uint16x8_t places, int32_t count)
{
  for (int32_t i = 0; i < 8 && i < count; i++) {
    to[i] = from[places.lane[i]];
  }
}

/* `first`, first + step, ... */
SB_INLINE uint16x8_t vidupq_n_u16(uint32_t first, uint32_t step)
{
  uint16x8_t v;
  for (uint32_t i = 0; i < 8; i++) {
    v.lane[i] = (uint16_t)(first + i * step);
  }
  return v;
}

SB_INLINE uint16x8_t vmulq_n_u16(uint16x8_t v, uint16_t factor)
{
  for (int i = 0; i < 8; i++) {
    v.lane[i] = (uint16_t)((uint32_t)v.lane[i] * factor);
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

/* v * 2^bits, saturated; downwards for bits < 0. */
SB_INLINE int32x4_t vqshlq_r_s32(int32x4_t v, int32_t bits)
{
  for (int i = 0; i < 4; i++) {
    v.lane[i] = bits < 0 ? v.lane[i] >> -bits : sb_saturated((int64_t)v.lane[i] * ((int64_t)1 << bits));
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
    vstrbq_s8(to, sb_load_first(from, count));
  }
}

/* What takes sums of one output channel to bytes. */
typedef struct {
  int32_t bias, multiplier, addend, left;
} sb_scaling;

/* shift: -23 .. -1, to the right. */
static inline sb_scaling sb_scaling_of(const sb_channel *channel, int32_t shift, int32_t zero_point)
{
  const int32_t right = -shift;
  return (sb_scaling){channel->bias, channel->multiplier, (2 * zero_point + 1) * (1 << (right - 1)), 24 - right};
}

/*
 * sb_scale, the zero point and saturation to int8, exact for every sum:
 *
 *   x = sum * multiplier / 2^31, ties upwards                       as VQRDMULH computes it; it saturates for
 *                                                                   -2^31 * -2^31 only, and no multiplier is negative
 *   y = x / 2^n, ties away from zero, + zero point
 *     = (x - (x < 0) + addend) >> n,                                n = 1 .. 23
 *       where addend = 2^(n-1) + zero point * 2^n                   within an int32
 *
 * VQRDMLAH adds x to addend - (sum < 0). That differs from the above only where sum < 0 gives x = 0: there 1 less is
 * shifted to y all the same, since the n low bits of addend are 2^(n-1) >= 1. Where it saturates, y is beyond +-255.
 * VQSHL by 24 - n puts y into the highest byte and saturates it there.
 */
SB_INLINE int32x4_t sb_requantised(int32x4_t sums, const sb_scaling *s)
{
  const int32x4_t sum = vaddq_n_s32(sums, s->bias);
  const int32x4_t x = vqrdmlahq_n_s32(vaddq_n_s32(vshrq_n_s32(sum, 31), s->addend), sum, s->multiplier);
  return vshrq_n_s32(vqshlq_r_s32(x, s->left), 24);
}

#endif /* SB_MVE_H */
