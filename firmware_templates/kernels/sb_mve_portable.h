/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vectors and instructions of sb_mve.h in plain C, for machines without Helium: a vector is an array of lanes, an
 * instruction a loop over them. The `_mve` kernels are tested on them, and those in turn by the kernels in an emulator.
 *
 * Source of the definitions: Arm Architecture Reference Manual Armv8-M (DDI 0553), instructions of the same names.
 */
#ifndef SB_MVE_PORTABLE_H
#define SB_MVE_PORTABLE_H

#include <stdint.h>
#include <string.h>

#include "sb_dsp.h"

#define SB_NOWHERE 255 /* see sb_gather */

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
  int32x4_t val[2];
} int32x4x2_t;

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

SB_INLINE int8_t *sb_put_bytes(int8_t *to, int8x16_t bytes)
{
  vstrbq_s8(to, bytes);
  return to + 16;
}

SB_INLINE void sb_store_first(int8_t *to, int8x16_t bytes, int32_t count)
{
  memcpy(to, bytes.lane, (size_t)(count < 16 ? count : 16));
}

SB_INLINE int8x16_t vmaxq_s8(int8x16_t a, int8x16_t b)
{
  for (int i = 0; i < 16; i++) {
    a.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i];
  }
  return a;
}

SB_INLINE int8x16_t vminq_s8(int8x16_t a, int8x16_t b)
{
  for (int i = 0; i < 16; i++) {
    a.lane[i] = a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i];
  }
  return a;
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

/* A bit for each byte; here of whole words. */
typedef uint16_t mve_pred16_t;

/* The first `count` words. */
SB_INLINE mve_pred16_t vctp32q(uint32_t count)
{
  return (mve_pred16_t)(count < 4 ? (1u << (4 * count)) - 1u : 0xffffu);
}

/* Four bytes as words; those that the predicate leaves out are 0 and not read. */
SB_INLINE int32x4_t vldrbq_z_s32(const int8_t *from, mve_pred16_t p)
{
  int32x4_t v;
  for (int i = 0; i < 4; i++) {
    v.lane[i] = p >> (4 * i) & 1 ? from[i] : 0;
  }
  return v;
}

SB_INLINE int32x4_t vldrbq_s32(const int8_t *from)
{
  return vldrbq_z_s32(from, 0xffff);
}

/* The low byte of each word; those that the predicate leaves out are not written. */
SB_INLINE void vstrbq_p_s32(int8_t *to, int32x4_t v, mve_pred16_t p)
{
  for (int i = 0; i < 4; i++) {
    if (p >> (4 * i) & 1) {
      to[i] = (int8_t)(uint8_t)v.lane[i];
    }
  }
}

SB_INLINE void vstrbq_s32(int8_t *to, int32x4_t v)
{
  vstrbq_p_s32(to, v, 0xffff);
}

SB_INLINE int32x4_t vdupq_n_s32(int32_t x)
{
  return (int32x4_t){{x, x, x, x}};
}

SB_INLINE int32x4_t vaddq_s32(int32x4_t a, int32x4_t b)
{
  for (int i = 0; i < 4; i++) {
    a.lane[i] = sb_wrapping_add(a.lane[i], b.lane[i]);
  }
  return a;
}

SB_INLINE int32x4_t vqaddq_s32(int32x4_t a, int32x4_t b)
{
  for (int i = 0; i < 4; i++) {
    a.lane[i] = sb_saturated((int64_t)a.lane[i] + b.lane[i]);
  }
  return a;
}

SB_INLINE int32x4_t vandq_s32(int32x4_t a, int32x4_t b)
{
  for (int i = 0; i < 4; i++) {
    a.lane[i] &= b.lane[i];
  }
  return a;
}

/* sum + v * x */
SB_INLINE int32x4_t vmlaq_n_s32(int32x4_t sum, int32x4_t v, int32_t x)
{
  for (int i = 0; i < 4; i++) {
    sum.lane[i] = (int32_t)((uint32_t)sum.lane[i] + (uint32_t)v.lane[i] * (uint32_t)x);
  }
  return sum;
}

/* v * 2^bits, bits 0 .. 31; wraps. */
SB_INLINE int32x4_t vshlq_r_s32(int32x4_t v, int32_t bits)
{
  for (int i = 0; i < 4; i++) {
    v.lane[i] = sb_wrapping_shift_left(v.lane[i], bits);
  }
  return v;
}

/* v * 2^bits for bits -31 .. 0, rounded to nearest, ties upwards; no overflow on the way. */
SB_INLINE int32x4_t vrshlq_n_s32(int32x4_t v, int32_t bits)
{
  const int64_t half = bits < 0 ? (int64_t)1 << (-1 - bits) : 0;
  for (int i = 0; i < 4; i++) {
    v.lane[i] = (int32_t)((v.lane[i] + half) >> -bits);
  }
  return v;
}

/* 2 * v * x / 2^32, rounded downwards. */
SB_INLINE int32x4_t vqdmulhq_n_s32(int32x4_t v, int32_t x)
{
  for (int i = 0; i < 4; i++) {
    v.lane[i] = sb_saturated((int64_t)v.lane[i] * x >> 31);
  }
  return v;
}

SB_INLINE int32x4_t veorq_s32(int32x4_t a, int32x4_t b)
{
  for (int i = 0; i < 4; i++) {
    a.lane[i] ^= b.lane[i];
  }
  return a;
}

/* Lane by lane what vqrdmulhq_n_s32 and vqshlq_r_s32 do. */
SB_INLINE int32x4_t vqrdmulhq_s32(int32x4_t a, int32x4_t b)
{
  for (int i = 0; i < 4; i++) {
    a.lane[i] = sb_saturated(((int64_t)a.lane[i] * b.lane[i] + (1 << 30)) >> 31);
  }
  return a;
}

SB_INLINE int32x4_t vqshlq_s32(int32x4_t v, int32x4_t bits)
{
  for (int i = 0; i < 4; i++) {
    const int64_t left = bits.lane[i] < 0 ? 0 : bits.lane[i];
    v.lane[i] = bits.lane[i] < 0 ? v.lane[i] >> -bits.lane[i] : sb_saturated((int64_t)v.lane[i] * ((int64_t)1 << left));
  }
  return v;
}

/* v * x / 2^31, rounded to nearest, ties upwards. */
SB_INLINE int32x4_t vqrdmulhq_n_s32(int32x4_t v, int32_t x)
{
  return vqrdmlahq_n_s32(vdupq_n_s32(0), v, x);
}

/* The low byte of each lane, each to its own place. */
SB_INLINE void vstrbq_scatter_offset_s32(int8_t *to, uint32x4_t offsets, int32x4_t v)
{
  for (int i = 0; i < 4; i++) {
    to[offsets.lane[i]] = (int8_t)(uint8_t)v.lane[i];
  }
}

/* Bytes without signs: sum + a[0] * b[0] + ... + a[15] * b[15], wraps. */
SB_INLINE uint32_t vmladavaq_u8(uint32_t sum, uint8x16_t a, uint8x16_t b)
{
  for (int i = 0; i < 16; i++) {
    sum += (uint32_t)a.lane[i] * b.lane[i];
  }
  return sum;
}

/* sum + all bytes */
SB_INLINE int32_t vaddvaq_s8(int32_t sum, int8x16_t v)
{
  for (int i = 0; i < 16; i++) {
    sum = sb_wrapping_add(sum, v.lane[i]);
  }
  return sum;
}

SB_INLINE uint8x16_t vdupq_n_u8(uint8_t x)
{
  uint8x16_t v;
  memset(v.lane, x, sizeof v.lane);
  return v;
}

SB_INLINE uint8x16_t veorq_u8(uint8x16_t a, uint8x16_t b)
{
  for (int i = 0; i < 16; i++) {
    a.lane[i] ^= b.lane[i];
  }
  return a;
}

SB_INLINE uint8x16_t vandq_u8(uint8x16_t a, uint8x16_t b)
{
  for (int i = 0; i < 16; i++) {
    a.lane[i] &= b.lane[i];
  }
  return a;
}

/* v * 2^bits, bits 0 .. 7; wraps. */
SB_INLINE uint8x16_t vshlq_r_u8(uint8x16_t v, int32_t bits)
{
  for (int i = 0; i < 16; i++) {
    v.lane[i] = (uint8_t)((uint32_t)v.lane[i] << bits);
  }
  return v;
}

/* The same, bits -7 .. 7; below 0 to the right, signs included. */
SB_INLINE int8x16_t vshlq_r_s8(int8x16_t v, int32_t bits)
{
  for (int i = 0; i < 16; i++) {
    const int32_t x = v.lane[i];
    v.lane[i] = (int8_t)(uint8_t)(bits < 0 ? x >> -bits : sb_wrapping_shift_left(x, bits));
  }
  return v;
}

SB_INLINE int8x16_t vorrq_s8(int8x16_t a, int8x16_t b)
{
  for (int i = 0; i < 16; i++) {
    a.lane[i] |= b.lane[i];
  }
  return a;
}

/* v * factors + x, lane by lane; wraps. */
SB_INLINE int32x4_t vmlasq_n_s32(int32x4_t v, int32x4_t factors, int32_t x)
{
  for (int i = 0; i < 4; i++) {
    v.lane[i] = (int32_t)((uint32_t)v.lane[i] * (uint32_t)factors.lane[i] + (uint32_t)x);
  }
  return v;
}

/* v * factors / 2^31 + x, lane by lane; rounded to nearest, ties upwards, and saturated once at the end. */
SB_INLINE int32x4_t vqrdmlashq_n_s32(int32x4_t v, int32x4_t factors, int32_t x)
{
  for (int i = 0; i < 4; i++) {
    v.lane[i] = sb_saturated(x + (((int64_t)v.lane[i] * factors.lane[i] + (1 << 30)) >> 31));
  }
  return v;
}

/* Eight words, those at even places and those at odd ones. */
SB_INLINE int32x4x2_t vld2q_s32(const int32_t *from)
{
  int32x4x2_t v;
  for (int i = 0; i < 4; i++) {
    memcpy(&v.val[0].lane[i], from + 2 * i, sizeof *from);
    memcpy(&v.val[1].lane[i], from + 2 * i + 1, sizeof *from);
  }
  return v;
}

SB_INLINE int32x4_t vmaxq_s32(int32x4_t a, int32x4_t b)
{
  for (int i = 0; i < 4; i++) {
    a.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i];
  }
  return a;
}

SB_INLINE int32x4_t vminq_s32(int32x4_t a, int32x4_t b)
{
  for (int i = 0; i < 4; i++) {
    a.lane[i] = a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i];
  }
  return a;
}

/* v * 2^bits for bits 0 .. 31, lane by lane; wraps. */
SB_INLINE int32x4_t vshlq_s32(int32x4_t v, int32x4_t bits)
{
  for (int i = 0; i < 4; i++) {
    v.lane[i] = sb_wrapping_shift_left(v.lane[i], bits.lane[i]);
  }
  return v;
}

/* Lane by lane what vrshlq_n_s32 does. */
SB_INLINE int32x4_t vrshlq_s32(int32x4_t v, int32x4_t bits)
{
  for (int i = 0; i < 4; i++) {
    const int64_t half = bits.lane[i] < 0 ? (int64_t)1 << (-1 - bits.lane[i]) : 0;
    v.lane[i] = (int32_t)((v.lane[i] + half) >> -bits.lane[i]);
  }
  return v;
}

#endif /* SB_MVE_PORTABLE_H */
