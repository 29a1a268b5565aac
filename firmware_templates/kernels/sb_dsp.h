/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SIMD instructions that the `_dsp` kernels are made of: one instruction each on cores with the DSP extension,
 * plain C with the same result on any other machine. A "pair" is two int16 in one word, the first in the low half.
 *
 * Source of the definitions: Arm Architecture Reference Manual Armv7-M, A7.7, instructions of the same names.
 */
#ifndef SB_DSP_H
#define SB_DSP_H

#include <stdint.h>
#include <string.h>

#include "sb_clamp.h"
#include "sb_fixedpoint.h"

/* Four bytes or two int16 at any address: one LDR or STR. The first byte is the lowest, as on every Cortex-M. */
SB_INLINE uint32_t sb_load(const void *from)
{
  uint32_t word;
  memcpy(&word, from, sizeof word);
  return word;
}

SB_INLINE void sb_store(void *to, uint32_t word)
{
  memcpy(to, &word, sizeof word);
}

SB_INLINE int32_t sb_low(uint32_t pair)
{
  return (int16_t)(uint16_t)pair;
}

SB_INLINE int32_t sb_high(uint32_t pair)
{
  return (int16_t)(uint16_t)(pair >> 16);
}

/* One byte in all four places. */
SB_INLINE uint32_t sb_four_of(int32_t byte)
{
  return ((uint32_t)byte & 0xffu) * 0x01010101u;
}

/* The pair (low, high) of two int16 values: PKHBT. */
SB_INLINE uint32_t sb_pair(int32_t low, int32_t high)
{
  return ((uint32_t)low & 0xffffu) | (uint32_t)high << 16;
}

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)

SB_INLINE const int16_t *sb_take_two(const int16_t *from, uint32_t *a, uint32_t *b)
{
  __asm__ volatile("ldrd %0, %1, [%2], #8" : "=&r"(*a), "=&r"(*b), "+r"(from) : : "memory");
  return from;
}

typedef uint64_t sb_two_words __attribute__((aligned(4), may_alias));

SB_INLINE void sb_load_two(const uint32_t *from, uint32_t *a, uint32_t *b)
{
  __asm__ volatile("ldrd %0, %1, %2" : "=&r"(*a), "=&r"(*b) : "m"(*(const sb_two_words *)from));
}

SB_INLINE const uint32_t *sb_take_words(const uint32_t *from, uint32_t *a, uint32_t *b)
{
  __asm__ volatile("ldrd %0, %1, [%2], #8" : "=&r"(*a), "=&r"(*b), "+r"(from) : : "memory");
  return from;
}

SB_INLINE const int8_t *sb_take(const int8_t *from, uint32_t *a)
{
  __asm__ volatile("ldr %0, [%1], #4" : "=&r"(*a), "+r"(from) : : "memory");
  return from;
}

/* Volatile, here and below, so that products stay in the order in which the kernels have them: GCC 12, free to move
   them, widens and loads ahead and runs out of registers. */
/* `volatile` here and below: in the order in which they are written, which keeps few sums and words alive at once. */
#define SB_OPERATION(name, instruction)                                                         \
  SB_INLINE int32_t name(uint32_t a, uint32_t b, int32_t sum)                                   \
  {                                                                                             \
    __asm__ volatile(instruction " %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(sum));     \
    return sum;                                                                                 \
  }

SB_OPERATION(sb_smlad, "smlad")
SB_OPERATION(sb_smlabb, "smlabb")
SB_OPERATION(sb_smlabt, "smlabt")
SB_OPERATION(sb_smlatb, "smlatb")
SB_OPERATION(sb_smlatt, "smlatt")
#undef SB_OPERATION

SB_INLINE uint32_t sb_low_halves(uint32_t a, uint32_t b)
{
  __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(a) : "r"(a), "r"(b));
  return a;
}

SB_INLINE uint32_t sb_high_halves(uint32_t a, uint32_t b)
{
  __asm__("pkhtb %0, %2, %1, asr #16" : "=r"(a) : "r"(a), "r"(b));
  return a;
}

/* GCC builds a constant anew, or takes its parts, at each use; this one stays in its register. */
SB_INLINE uint32_t sb_in_register(uint32_t constant)
{
  __asm__("" : "+r"(constant));
  return constant;
}

SB_INLINE uint32_t sb_sxtb16(uint32_t bytes)
{
  __asm__ volatile("sxtb16 %0, %1" : "=r"(bytes) : "r"(bytes));
  return bytes;
}

SB_INLINE uint32_t sb_sxtb16_ror8(uint32_t bytes)
{
  __asm__ volatile("sxtb16 %0, %1, ror #8" : "=r"(bytes) : "r"(bytes));
  return bytes;
}

SB_INLINE uint32_t sb_add_halves(uint32_t a, uint32_t b)
{
  __asm__("sadd16 %0, %1, %2" : "=r"(a) : "r"(a), "r"(b));
  return a;
}

SB_INLINE uint32_t sb_sxtab16(uint32_t sums, uint32_t bytes)
{
  __asm__("sxtab16 %0, %1, %2" : "=r"(sums) : "r"(sums), "r"(bytes));
  return sums;
}

SB_INLINE uint32_t sb_sxtab16_ror8(uint32_t sums, uint32_t bytes)
{
  __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(sums) : "r"(sums), "r"(bytes));
  return sums;
}

SB_INLINE uint32_t sb_larger_bytes(uint32_t a, uint32_t b)
{
  uint32_t difference;
  __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(difference) : "r"(a), "r"(b));
  return difference;
}

SB_INLINE uint32_t sb_smaller_bytes(uint32_t a, uint32_t b)
{
  uint32_t difference;
  __asm__("ssub8 %0, %1, %2\n\tsel %0, %2, %1" : "=&r"(difference) : "r"(a), "r"(b));
  return difference;
}

#define SB_PRODUCT(name, instruction)                                              \
  SB_INLINE int32_t name(uint32_t a, uint32_t b)                                   \
  {                                                                                \
    int32_t product;                                                               \
    __asm__ volatile(instruction " %0, %1, %2" : "=r"(product) : "r"(a), "r"(b));  \
    return product;                                                                \
  }

SB_PRODUCT(sb_smuad, "smuad")
SB_PRODUCT(sb_smultb, "smultb")
#undef SB_PRODUCT

SB_INLINE int32_t sb_smmla(int32_t a, int32_t b, int32_t sum)
{
  __asm__("smmla %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(sum));
  return sum;
}

#define SB_LONG_PRODUCT(name, instruction)                                                \
  SB_INLINE int32_t name(int32_t a, uint32_t b, int32_t sum)                              \
  {                                                                                       \
    __asm__(instruction " %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(sum));        \
    return sum;                                                                           \
  }

SB_LONG_PRODUCT(sb_smlawb, "smlawb")
SB_LONG_PRODUCT(sb_smlawt, "smlawt")
#undef SB_LONG_PRODUCT

SB_INLINE int32_t sb_ssat8_line(int32_t x)
{
  __asm__("ssat %0, #8, %1, asr #19" : "=r"(x) : "r"(x));
  return x;
}

SB_INLINE int32_t sb_ssat8_14(int32_t x)
{
  __asm__("ssat %0, #8, %1, asr #14" : "=r"(x) : "r"(x));
  return x;
}

SB_INLINE int32_t sb_ssat8_high_half(int32_t x)
{
  __asm__("ssat %0, #8, %1, asr #16" : "=r"(x) : "r"(x));
  return x;
}

SB_INLINE int32_t sb_smmulr(int32_t a, int32_t b)
{
  __asm__("smmulr %0, %1, %2" : "=r"(a) : "r"(a), "r"(b));
  return a;
}

SB_INLINE int32_t sb_smmlar(int32_t a, int32_t b, int32_t sum)
{
  __asm__("smmlar %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(sum));
  return sum;
}

SB_INLINE int32_t sb_asr_low_byte(int32_t x, int32_t bits)
{
  __asm__("asr %0, %1, %2" : "=r"(x) : "r"(x), "r"(bits));
  return x;
}

SB_INLINE int32_t sb_ssat8_half(int32_t x)
{
  __asm__("ssat %0, #8, %1, asr #1" : "=r"(x) : "r"(x));
  return x;
}

#else

/* Two words, or one, from an address that is a multiple of 4; gives the address behind them. */
SB_INLINE const int16_t *sb_take_two(const int16_t *from, uint32_t *a, uint32_t *b)
{
  *a = sb_load(from);
  *b = sb_load(from + 2);
  return from + 4;
}

SB_INLINE void sb_load_two(const uint32_t *from, uint32_t *a, uint32_t *b)
{
  *a = sb_load(from); /* weights are int8_t to the language */
  *b = sb_load(from + 1);
}

SB_INLINE const uint32_t *sb_take_words(const uint32_t *from, uint32_t *a, uint32_t *b)
{
  sb_load_two(from, a, b);
  return from + 2;
}

SB_INLINE const int8_t *sb_take(const int8_t *from, uint32_t *a)
{
  *a = sb_load(from);
  return from + 4;
}

/* sum + product of the halves of a and b that the name's last letters say (bottom, top); D: both halves. */
SB_INLINE int32_t sb_smlabb(uint32_t a, uint32_t b, int32_t sum)
{
  return sb_wrapping_add(sum, sb_low(a) * sb_low(b));
}

SB_INLINE int32_t sb_smlabt(uint32_t a, uint32_t b, int32_t sum)
{
  return sb_wrapping_add(sum, sb_low(a) * sb_high(b));
}

SB_INLINE int32_t sb_smlatb(uint32_t a, uint32_t b, int32_t sum)
{
  return sb_wrapping_add(sum, sb_high(a) * sb_low(b));
}

SB_INLINE int32_t sb_smlatt(uint32_t a, uint32_t b, int32_t sum)
{
  return sb_wrapping_add(sum, sb_high(a) * sb_high(b));
}

SB_INLINE int32_t sb_smlad(uint32_t a, uint32_t b, int32_t sum)
{
  return sb_smlatt(a, b, sb_smlabb(a, b, sum));
}

/* The low halves, or the high halves, of two pairs: PKHBT and PKHTB. */
SB_INLINE uint32_t sb_low_halves(uint32_t a, uint32_t b)
{
  return (a & 0xffffu) | b << 16;
}

SB_INLINE uint32_t sb_high_halves(uint32_t a, uint32_t b)
{
  return a >> 16 | (b & 0xffff0000u);
}

SB_INLINE uint32_t sb_in_register(uint32_t constant)
{
  return constant;
}

/* Bytes 0 and 2, sign extended, as a pair. */
SB_INLINE uint32_t sb_sxtb16(uint32_t bytes)
{
  return sb_pair((int8_t)(uint8_t)bytes, (int8_t)(uint8_t)(bytes >> 16));
}

/* Bytes 1 and 3, sign extended, as a pair. */
SB_INLINE uint32_t sb_sxtb16_ror8(uint32_t bytes)
{
  return sb_sxtb16(bytes >> 8);
}

/* The same without a sum to begin with. */
SB_INLINE int32_t sb_smuad(uint32_t a, uint32_t b)
{
  return sb_smlad(a, b, 0);
}

SB_INLINE int32_t sb_smultb(uint32_t a, uint32_t b)
{
  return sb_smlatb(a, b, 0);
}

/* sum + a * b / 2^32, the quotient rounded downwards. */
SB_INLINE int32_t sb_smmla(int32_t a, int32_t b, int32_t sum)
{
  return sb_wrapping_add(sum, (int32_t)((int64_t)a * b >> 32));
}

/* sum + a * (low or high half of b) / 2^16, the quotient rounded downwards. */
SB_INLINE int32_t sb_smlawb(int32_t a, uint32_t b, int32_t sum)
{
  return sb_wrapping_add(sum, (int32_t)((int64_t)a * sb_low(b) >> 16));
}

SB_INLINE int32_t sb_smlawt(int32_t a, uint32_t b, int32_t sum)
{
  return sb_wrapping_add(sum, (int32_t)((int64_t)a * sb_high(b) >> 16));
}

/* x / 2^14, rounded downwards, within int8. */
SB_INLINE int32_t sb_ssat8_14(int32_t x)
{
  return sb_clamp(x >> 14, INT8_MIN, INT8_MAX);
}

/* x / 2^16, rounded downwards, within int8. */
SB_INLINE int32_t sb_ssat8_high_half(int32_t x)
{
  return sb_clamp(x >> 16, INT8_MIN, INT8_MAX);
}

/* x / 2^19, rounded downwards, within int8. */
SB_INLINE int32_t sb_ssat8_line(int32_t x)
{
  return sb_clamp(x >> 19, INT8_MIN, INT8_MAX);
}

/* The sums of both halves, each modulo 2^16. */
SB_INLINE uint32_t sb_add_halves(uint32_t a, uint32_t b)
{
  return ((a + b) & 0xffffu) | ((a & 0xffff0000u) + (b & 0xffff0000u));
}

/* Both halves of `sums`, each modulo 2^16, plus bytes 0 and 2, or 1 and 3. */
SB_INLINE uint32_t sb_sxtab16(uint32_t sums, uint32_t bytes)
{
  return sb_pair(sb_low(sums) + (int8_t)(uint8_t)bytes, sb_high(sums) + (int8_t)(uint8_t)(bytes >> 16));
}

SB_INLINE uint32_t sb_sxtab16_ror8(uint32_t sums, uint32_t bytes)
{
  return sb_sxtab16(sums, bytes >> 8);
}

/* Of each of four int8 the larger: SSUB8, SEL. */
SB_INLINE uint32_t sb_larger_bytes(uint32_t a, uint32_t b)
{
  uint32_t larger = 0;
  for (uint32_t bit = 0; bit < 32; bit += 8) {
    const int8_t of_a = (int8_t)(uint8_t)(a >> bit), of_b = (int8_t)(uint8_t)(b >> bit);
    larger |= (uint32_t)(uint8_t)(of_a >= of_b ? of_a : of_b) << bit;
  }
  return larger;
}

SB_INLINE uint32_t sb_smaller_bytes(uint32_t a, uint32_t b)
{
  return ~sb_larger_bytes(~a, ~b);
}

/* a * b / 2^32, rounded to nearest, ties upwards. */
SB_INLINE int32_t sb_smmulr(int32_t a, int32_t b)
{
  return (int32_t)(((int64_t)a * b + ((int64_t)1 << 31)) >> 32);
}

/* sum + a * b / 2^32, rounded to nearest, ties upwards, modulo 2^32. */
SB_INLINE int32_t sb_smmlar(int32_t a, int32_t b, int32_t sum)
{
  return sb_wrapping_add(sum, sb_smmulr(a, b));
}

/* x / 2^n, rounded downwards; n is the low byte of `bits`, 0 .. 31. */
SB_INLINE int32_t sb_asr_low_byte(int32_t x, int32_t bits)
{
  return x >> (bits & 255);
}

/* x / 2, rounded downwards, within int8. */
SB_INLINE int32_t sb_ssat8_half(int32_t x)
{
  return sb_clamp(x >> 1, INT8_MIN, INT8_MAX);
}

#endif

/*
 * sb_scale, the zero point and saturation in six instructions; exact where 2^31 > 2 * |sum| and the shift is to the
 * right by at least one, which the generator proves for every channel before it chooses a `_dsp` kernel.
 * right: the shift less one, >= 0. twice: 2 * output zero point + 1.
 *
 *   2 * sum * multiplier / 2^32, rounded       = sb_high_product(sum, multiplier)          LSL, SMMULR
 *   x / 2^n, ties away from zero               = (x - (x < 0) + 2^(n-1)) >> n              ADD
 *                                              = ((x - (x < 0) >> (n-1)) + 1) >> 1         ASR, ADD, SSAT ASR #1
 */
SB_INLINE int8_t sb_output_of_doubled(int32_t doubled_sum, int32_t multiplier, int32_t right, int32_t twice)
{
  int32_t x = sb_smmulr(doubled_sum, multiplier);
  x += x >> 31;
  return (int8_t)sb_ssat8_half((x >> right) + twice);
}

SB_INLINE int8_t sb_output_dsp(int32_t sum, int32_t multiplier, int32_t right, int32_t twice)
{
  return sb_output_of_doubled(sb_wrapping_shift_left(sum, 1), multiplier, right, twice);
}

/*
 * The same in five instructions, for a sum of any size, or below 2^31 - 256 in magnitude where the shift is by one, so
 * that `twice` can be added: with doubled = 2 * multiplier - 2^32, which an int32 holds,
 *
 *   sum + sum * doubled / 2^32, rounded        = 2 * sum * multiplier / 2^32, rounded      SMMLAR
 *
 * right: its low byte is the shift to the right less one. twice: 2 * output zero point + 1. A multiplier of 0 has no
 * such form: the generator gives it as 2^30 with a shift of 31, the same for a sum within 2^30.
 */
SB_INLINE int8_t sb_output_doubled(int32_t sum, int32_t doubled, int32_t right, int32_t twice)
{
  int32_t x = sb_smmlar(sum, doubled, sum);
  x += x >> 31;
  return (int8_t)sb_ssat8_half(sb_asr_low_byte(x, right) + twice);
}

/* The last 1 to 3 bytes of four or more, from `from` on, and zeros behind them: with what stands before them, so that
   nothing behind them is read. */
SB_INLINE uint32_t sb_last_bytes(const int8_t *from, int32_t rest)
{
  return sb_load(from + rest - 4) >> 8 * (4 - rest);
}

/* `count` bytes as int16 in groups of four, each group 16 bytes behind the one before: one pixel of two that share
   the groups between. A last group that is not full keeps what was there. */
static inline void sb_widen_quads(const int8_t *from, int16_t *to, int32_t count)
{
  for (; count >= 4; count -= 4) {
    const uint32_t bytes = sb_load(from);
    const uint32_t even = sb_sxtb16(bytes);
    const uint32_t odd = sb_sxtb16_ror8(bytes);
    sb_store(to, sb_low_halves(even, odd));
    sb_store(to + 2, sb_high_halves(even, odd));
    from += 4;
    to += 8;
  }
  for (; count > 0; count--) {
    *to++ = *from++;
  }
}

#endif /* SB_DSP_H */
