/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Helium (MVE) instructions that the `_mve` kernels are made of, under the names that Arm's C language extensions
 * give them: the compiler's own on a core that has them, plain C with the same result on any other machine
 * (sb_mve_portable.h). A vector is 16 bytes; lane 0 is the one of the lowest address.
 *
 * On a Cortex-M55 a vector instruction takes two cycles, 64 bits in each; a load overlaps with a multiplication. So a
 * kernel is well balanced where each VMLADAV, 16 products, comes with one load.
 *
 * Sources: Arm Architecture Reference Manual Armv8-M (DDI 0553), instructions of the same names; Arm Helium intrinsics
 * (ACLE, arm_mve.h); Arm Cortex-M55 TRM (101051), which gives no table of cycles.
 */
#ifndef SB_MVE_H
#define SB_MVE_H

#include <stdint.h>
#include <string.h>

#include "sb_dsp.h"
#include "sb_kernels.h"

#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>

#define SB_NOWHERE 255 /* see sb_gather */

/* 16 bytes, and the address behind them. GCC 12 would add a register and an addition for every fourth load. */
SB_INLINE const int8_t *sb_take_bytes(const int8_t *from, int8x16_t *bytes)
{
  __asm__ volatile("vldrb.8 %q0, [%1], #16" : "=w"(*bytes), "+r"(from) : : "memory");
  return from;
}

/* Stores 16 bytes; gives the address behind them. */
SB_INLINE int8_t *sb_put_bytes(int8_t *to, int8x16_t bytes)
{
  __asm__ volatile("vstrb.8 %q1, [%0], #16" : "+r"(to) : "w"(bytes) : "memory");
  return to;
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

/* Stores the first `count` bytes. */
SB_INLINE void sb_store_first(int8_t *to, int8x16_t bytes, int32_t count)
{
  mve_pred16_t first;
  __asm__ volatile("vctp.8 %3\n\tvpst\n\tvstrbt.8 %q2, [%1]"
                   : "=Up"(first)
                   : "r"(to), "w"(bytes), "r"(count)
                   : "memory");
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
#include "sb_mve_portable.h"
#endif

/*
 * `vectors` > 0 times 16 bytes of two rows with those of three patches: 96 products each time on to six sums, sums[i]
 * of row a, sums[3 + i] of row b. A loop, since GCC 12 keeps too few even registers, which alone VMLADAV adds to, and
 * would move sums to and from the stack within it. Without optimisation it has no registers for this.
 */
SB_INLINE void sb_two_by_three(int32_t vectors, const int8_t **a, const int8_t **b, const int8_t **patches,
                               int32_t *sums)
{
#if defined(__ARM_FEATURE_MVE) && SB_LOOPS_IN_ASSEMBLY
  register int32_t left __asm__("lr") = vectors;
  int8x16_t p, q, v;
  __asm__ volatile("dls lr, lr\n"
                   "1:\n\t"
                   "vldrb.8 %q11, [%6], #16\n\t"
                   "vldrb.8 %q13, [%8], #16\n\t"
                   "vmladava.s8 %0, %q11, %q13\n\t"
                   "vldrb.8 %q12, [%7], #16\n\t"
                   "vmladava.s8 %3, %q12, %q13\n\t"
                   "vldrb.8 %q13, [%9], #16\n\t"
                   "vmladava.s8 %1, %q11, %q13\n\t"
                   "vmladava.s8 %4, %q12, %q13\n\t"
                   "vldrb.8 %q13, [%10], #16\n\t"
                   "vmladava.s8 %2, %q11, %q13\n\t"
                   "vmladava.s8 %5, %q12, %q13\n\t"
                   "le lr, 1b"
                   : "+Te"(sums[0]), "+Te"(sums[1]), "+Te"(sums[2]), "+Te"(sums[3]), "+Te"(sums[4]), "+Te"(sums[5]),
                     "+r"(*a), "+r"(*b), "+r"(patches[0]), "+r"(patches[1]), "+r"(patches[2]), "=&w"(p), "=&w"(q),
                     "=&w"(v), "+r"(left)
                   :
                   : "memory");
#else
  for (; vectors > 0; vectors--) {
    int8x16_t p, q, v;
    *a = sb_take_bytes(*a, &p);
    *b = sb_take_bytes(*b, &q);
    for (int i = 0; i < 3; i++) {
      patches[i] = sb_take_bytes(patches[i], &v);
      sums[i] = vmladavaq_s8(sums[i], p, v);
      sums[3 + i] = vmladavaq_s8(sums[3 + i], q, v);
    }
  }
#endif
}

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
    to = sb_put_bytes(to, bytes);
  }
  if (count > 0) {
    vstrbq_s8(to, sb_load_first(from, count));
  }
}

#define SB_LIFT (1 << 30)

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

/* shift: the same, or 0 where the multiplier is even and the sum below 2^30 in magnitude. */
static inline sb_scaling sb_lifted_scaling_of(const sb_channel *channel, int32_t shift, int32_t zero_point)
{
  if (shift < 0) {
    return sb_scaling_of(channel, shift, zero_point);
  }
  const int32_t bias = sb_wrapping_add(channel->bias, SB_LIFT), multiplier = channel->multiplier;
  return (sb_scaling){bias, multiplier, zero_point - (multiplier >> 1), 24};
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
 *
 * With n = 0 nothing is rounded again, and y = x + zero point. Sums are lifted by 2^30, so that none is below 0 and
 * has 1 taken off; products are more by multiplier / 2, no fraction of it, which is taken off the addend.
 */
SB_INLINE int32x4_t sb_requantised(int32x4_t sums, const sb_scaling *s)
{
  const int32x4_t sum = vaddq_n_s32(sums, s->bias);
  const int32x4_t x = vqrdmlahq_n_s32(vaddq_n_s32(vshrq_n_s32(sum, 31), s->addend), sum, s->multiplier);
  return vshrq_n_s32(vqshlq_r_s32(x, s->left), 24);
}

/* What takes sums of one output channel to bytes that are held at the zero point or above it. */
typedef struct {
  int32x4_t raised, multiplier; /* 2^shift where that is to the left, else 1; in every lane */
  int32_t bias, addend, left;
} sb_relu_scaling;

/* shift: -23 .. 30. */
SB_INLINE sb_relu_scaling sb_relu_scaling_of(const sb_channel *channel, int32_t shift, int32_t zero_point)
{
  const int32_t raised = shift > 0 ? shift : 0, right = shift < 0 ? -shift : 0;
  const int32_t addend = right > 0 ? (2 * zero_point + 1) * (1 << (right - 1)) : zero_point;
  return (sb_relu_scaling){vdupq_n_s32(sb_wrapping_shift_left(1, raised)), vdupq_n_s32(channel->multiplier),
                           sb_wrapping_shift_left(channel->bias, raised), addend, 24 - right};
}

/*
 * As sb_requantised, for either direction of shift, in two instructions less: what a negative sum is rounded to does not
 * matter, since it is at most the zero point with or without the 1 that is taken off there, and held there afterwards.
 */
SB_INLINE int32x4_t sb_requantised_relu(int32x4_t sums, const sb_relu_scaling *s)
{
  const int32x4_t x = vqrdmlashq_n_s32(vmlasq_n_s32(sums, s->raised, s->bias), s->multiplier, s->addend);
  return vshrq_n_s32(vqshlq_r_s32(x, s->left), 24);
}

/* sb_requantised for four channels, a lane each. The last addition saturates as VQRDMLAH does. */
SB_INLINE int32x4_t sb_requantised_channels(int32x4_t sums, const sb_scaling *s)
{
  const int32x4_t sum = vaddq_s32(sums, sb_four(s[0].bias, s[1].bias, s[2].bias, s[3].bias));
  const int32x4_t multiplier = sb_four(s[0].multiplier, s[1].multiplier, s[2].multiplier, s[3].multiplier);
  const int32x4_t addend = sb_four(s[0].addend, s[1].addend, s[2].addend, s[3].addend);
  const int32x4_t x = vqaddq_s32(vqrdmulhq_s32(sum, multiplier), vaddq_s32(vshrq_n_s32(sum, 31), addend));
  return vshrq_n_s32(vqshlq_s32(x, sb_four(s[0].left, s[1].left, s[2].left, s[3].left)), 24);
}

/* What bytes of an output are about and within. */
typedef struct {
  int32_t zero_point, low, high;
} sb_byte_range;

/*
 * sb_scale for any shift, the zero point, and the clamp, exact for every sum: for four channels, a lane each, whose
 * tables are loaded as they stand. VRSHL rounds ties upwards; where it shifts at all, 1 less than a negative number
 * makes that away from zero.
 */
SB_INLINE int32x4_t sb_scaled_channels(int32x4_t sums, const sb_channel *channels, const int8_t *shifts,
                                       sb_byte_range to)
{
  const int32x4x2_t of = vld2q_s32((const int32_t *)(const void *)channels); /* biases, multipliers */
  const int32x4_t shift = vldrbq_s32(shifts), zero = vdupq_n_s32(0);
  const int32x4_t x = vqrdmulhq_s32(vshlq_s32(vaddq_s32(sums, of.val[0]), vmaxq_s32(shift, zero)), of.val[1]);
  const int32x4_t below = vshrq_n_s32(vandq_s32(x, shift), 31);
  const int32x4_t y = vrshlq_s32(vaddq_s32(x, below), vminq_s32(shift, zero));
  const int32x4_t byte = vqaddq_s32(y, vdupq_n_s32(to.zero_point));
  return vminq_s32(vmaxq_s32(byte, vdupq_n_s32(to.low)), vdupq_n_s32(to.high));
}

/* Four words within int8. */
SB_INLINE int32x4_t sb_saturated_bytes(int32x4_t v)
{
  return vshrq_n_s32(vqshlq_r_s32(v, 24), 24);
}

/* A factor of a whole tensor. */
typedef struct {
  int32_t left, multiplier, right; /* left >= 0, right <= 0 */
} sb_vector_factor;

static inline sb_vector_factor sb_vector_factor_of(const sb_factor *f)
{
  return (sb_vector_factor){f->shift > 0 ? f->shift : 0, f->multiplier, f->shift > 0 ? 0 : f->shift};
}

/* sb_scale for any shift. VRSHL rounds ties upwards; where it shifts at all, 1 less than a negative number makes
   that away from zero. */
SB_INLINE int32x4_t sb_scaled(int32x4_t v, const sb_vector_factor *f)
{
  const int32x4_t x = vqrdmulhq_n_s32(vshlq_r_s32(v, f->left), f->multiplier);
  const int32x4_t below = vshrq_n_s32(vandq_s32(x, vdupq_n_s32(f->right)), 31);
  return vrshlq_n_s32(vaddq_s32(x, below), f->right);
}

/* Adds `pixels` pixels, `step` bytes apart, of four channels, or of the first `channels`. */
SB_INLINE int32x4_t sb_add_pixels(int32x4_t sums, const int8_t *pixel, int32_t pixels, int32_t step, int32_t channels)
{
  if (channels >= 4) {
    for (; pixels > 0; pixels--) {
      sums = vaddq_s32(sums, vldrbq_s32(pixel));
      pixel += step;
    }
  } else {
    const mve_pred16_t some = vctp32q((uint32_t)channels);
    for (; pixels > 0; pixels--) {
      sums = vaddq_s32(sums, vldrbq_z_s32(pixel, some));
      pixel += step;
    }
  }
  return sums;
}

#endif /* SB_MVE_H */
