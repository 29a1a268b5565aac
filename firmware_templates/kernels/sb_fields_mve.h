/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four outputs at a time against fields of 1, 2, 4 or 6 bits, for cores with Helium: fewer loads than at 8 bits, hardly
 * more multiplications, and nothing is unpacked.
 *
 * A byte of weights has fields of several outputs, and is multiplied as a whole. Shifted to the left it loses its upper
 * fields, and what is multiplied then is the lower ones alone. Of fields of 1, 2 and 4 bits, all without signs, as are
 * made the inputs, x + 128:
 *
 *     byte              a3 a2 a1 a0 b3 b2 b1 b0        t0 = 16 * sum of x * a + sum of x * b
 *     byte << 4         b3 b2 b1 b0  0  0  0  0        t1 = 16 * sum of x * b
 *
 *     sum of x * a = (t0 - t1 / 16) / 16               without a rest
 *
 * Fields of 6 bits have signs and meet the inputs as they are. The fourth of them is three digits, each -2 .. 1, below
 * the others; those reach from -42 to 21, so SB_SIXES_OFFSET is taken off first:
 *
 *     4 * a + d1 | 4 * b + d2 | 4 * c + d3             d = 16 * d1 + 4 * d2 + d3 + SB_SIXES_OFFSET
 *
 * How four outputs a .. d lie in vectors of bytes, one for each of 16 inputs, and what is added to which sums:
 *
 *     fours     a b | c d                  t0, t1 and t2, t3: either vector, and shifted by 4
 *     twos      a b c d                    t0 .. t3: the vector shifted by 0, 2, 4, 6
 *     ones      a b c d a b c d            the upper half of a byte is of one input, the lower one of that 16 later;
 *                                          t0 .. t3: either half, at the top of the byte, shifted by 0, 1, 2, 3
 *     sixes     a d1 | b d2 | c d3         t0 .. t5: each vector, and shifted by 6
 */
#ifndef SB_FIELDS_MVE_H
#define SB_FIELDS_MVE_H

#include "sb_mve.h"

#define SB_SIXES_OFFSET 10

typedef struct {
  uint32_t t[6];
} sb_shifted_sums;

#if defined(__ARM_FEATURE_MVE) && SB_LOOPS_IN_ASSEMBLY

/* Loops in assembly: GCC 12 keeps too few even registers, which alone VMLADAV adds to, and moves sums to and fro. */
#define SB_INPUTS "vldrb.8 %q[x], [%[inputs]], #16\n\t"
#define SB_WEIGHTS "vldrb.8 %q[w], [%[weights]], #16\n\t"
#define SB_UNSIGNED "veor %q[x], %q[x], %q[half]\n\t"
#define SB_MEET(sum, with) "vmladava.u8 %[" sum "], %q[x], %q[" with "]\n\t"
#define SB_MEET_SHIFTED(sum, with, bits) "vshl.i8 %q[" with "], %q[" with "], #" bits "\n\t" SB_MEET(sum, with)
#define SB_MEET_FOUR(with, bits)                                                                    \
  SB_MEET("t0", with)                                                                               \
  SB_MEET_SHIFTED("t1", with, bits) SB_MEET_SHIFTED("t2", with, bits) SB_MEET_SHIFTED("t3", with, bits)

#define SB_SUMS [t0] "+Te"(s->t[0]), [t1] "+Te"(s->t[1]), [t2] "+Te"(s->t[2]), [t3] "+Te"(s->t[3])
#define SB_POINTERS [inputs] "+r"(inputs), [weights] "+r"(weights), [left] "+r"(left), [x] "=&w"(x), [w] "=&w"(w)

/* All `blocks` > 0 times 16 inputs, ones 32. They give the address behind the weights that they met. */
SB_INLINE const uint8_t *sb_meet_fours(sb_shifted_sums *s, const int8_t *inputs, const uint8_t *weights, int32_t blocks)
{
  register int32_t left __asm__("lr") = blocks;
  const uint8x16_t half = vdupq_n_u8(0x80);
  uint8x16_t x, w;
  __asm__ volatile("dls lr, lr\n1:\n\t" SB_INPUTS SB_WEIGHTS SB_UNSIGNED
                   SB_MEET("t0", "w") SB_MEET_SHIFTED("t1", "w", "4") SB_WEIGHTS
                   SB_MEET("t2", "w") SB_MEET_SHIFTED("t3", "w", "4") "le lr, 1b"
                   : SB_SUMS, SB_POINTERS
                   : [half] "w"(half)
                   : "memory");
  return weights;
}

SB_INLINE const uint8_t *sb_meet_twos(sb_shifted_sums *s, const int8_t *inputs, const uint8_t *weights, int32_t blocks)
{
  register int32_t left __asm__("lr") = blocks;
  const uint8x16_t half = vdupq_n_u8(0x80);
  uint8x16_t x, w;
  __asm__ volatile("dls lr, lr\n1:\n\t" SB_INPUTS SB_WEIGHTS SB_UNSIGNED SB_MEET_FOUR("w", "2") "le lr, 1b"
                   : SB_SUMS, SB_POINTERS
                   : [half] "w"(half)
                   : "memory");
  return weights;
}

SB_INLINE const uint8_t *sb_meet_ones(sb_shifted_sums *s, const int8_t *inputs, const uint8_t *weights, int32_t blocks)
{
  register int32_t left __asm__("lr") = blocks;
  const uint8x16_t half = vdupq_n_u8(0x80);
  const uint8x16_t upper = vdupq_n_u8(0xf0);
  uint8x16_t x, w, h;
  __asm__ volatile("dls lr, lr\n1:\n\t" SB_INPUTS SB_WEIGHTS SB_UNSIGNED
                   "vand %q[h], %q[w], %q[upper]\n\t" SB_MEET_FOUR("h", "1")
                   SB_INPUTS "vshl.i8 %q[w], %q[w], #4\n\t" SB_UNSIGNED SB_MEET_FOUR("w", "1") "le lr, 1b"
                   : SB_SUMS, SB_POINTERS, [h] "=&w"(h)
                   : [upper] "w"(upper), [half] "w"(half)
                   : "memory");
  return weights;
}

#define SB_MEET_SIXES(sum, shifted)                                             \
  SB_WEIGHTS "vmladava.s8 %[" sum "], %q[x], %q[w]\n\tvshl.i8 %q[w], %q[w], #6\n\t" \
  "vmladava.s8 %[" shifted "], %q[x], %q[w]\n\t"

SB_INLINE const uint8_t *sb_meet_sixes(sb_shifted_sums *s, const int8_t *inputs, const uint8_t *weights, int32_t blocks)
{
  register int32_t left __asm__("lr") = blocks;
  uint8x16_t x, w;
  __asm__ volatile("dls lr, lr\n1:\n\t" SB_INPUTS SB_MEET_SIXES("t0", "t1")
                   SB_MEET_SIXES("t2", "t3") SB_MEET_SIXES("t4", "t5") "le lr, 1b"
                   : SB_SUMS, SB_POINTERS, [t4] "+Te"(s->t[4]), [t5] "+Te"(s->t[5])
                   :
                   : "memory");
  return weights;
}

#undef SB_INPUTS
#undef SB_WEIGHTS
#undef SB_UNSIGNED
#undef SB_MEET
#undef SB_MEET_SHIFTED
#undef SB_MEET_FOUR
#undef SB_MEET_SIXES
#undef SB_SUMS
#undef SB_POINTERS

#else

/* x + 128 of 16 inputs. */
SB_INLINE uint8x16_t sb_unsigned_inputs(const int8_t *inputs)
{
  return veorq_u8(vldrbq_u8((const uint8_t *)inputs), vdupq_n_u8(0x80));
}

/* `times` sums of the inputs with a vector, which is shifted to the left by `bits` between them. */
SB_INLINE void sb_meet_shifted(uint32_t *sums, uint8x16_t x, uint8x16_t w, int32_t times, int32_t bits)
{
  for (int32_t i = 0; i < times; i++) {
    sums[i] = vmladavaq_u8(sums[i], x, w);
    w = vshlq_r_u8(w, bits);
  }
}

SB_INLINE const uint8_t *sb_meet_fours(sb_shifted_sums *s, const int8_t *inputs, const uint8_t *weights, int32_t blocks)
{
  for (; blocks > 0; blocks--) {
    const uint8x16_t x = sb_unsigned_inputs(inputs);
    sb_meet_shifted(s->t, x, vldrbq_u8(weights), 2, 4);
    sb_meet_shifted(s->t + 2, x, vldrbq_u8(weights + 16), 2, 4);
    inputs += 16;
    weights += 32;
  }
  return weights;
}

SB_INLINE const uint8_t *sb_meet_twos(sb_shifted_sums *s, const int8_t *inputs, const uint8_t *weights, int32_t blocks)
{
  for (; blocks > 0; blocks--) {
    sb_meet_shifted(s->t, sb_unsigned_inputs(inputs), vldrbq_u8(weights), 4, 2);
    inputs += 16;
    weights += 16;
  }
  return weights;
}

SB_INLINE const uint8_t *sb_meet_ones(sb_shifted_sums *s, const int8_t *inputs, const uint8_t *weights, int32_t blocks)
{
  for (; blocks > 0; blocks--) {
    const uint8x16_t w = vldrbq_u8(weights);
    sb_meet_shifted(s->t, sb_unsigned_inputs(inputs), vandq_u8(w, vdupq_n_u8(0xf0)), 4, 1);
    sb_meet_shifted(s->t, sb_unsigned_inputs(inputs + 16), vshlq_r_u8(w, 4), 4, 1);
    inputs += 32;
    weights += 16;
  }
  return weights;
}

SB_INLINE const uint8_t *sb_meet_sixes(sb_shifted_sums *s, const int8_t *inputs, const uint8_t *weights, int32_t blocks)
{
  for (; blocks > 0; blocks--) {
    const int8x16_t x = vldrbq_s8(inputs);
    for (int32_t i = 0; i < 6; i += 2) {
      const int8x16_t w = vldrbq_s8((const int8_t *)weights);
      s->t[i] = (uint32_t)vmladavaq_s8((int32_t)s->t[i], x, w);
      s->t[i + 1] = (uint32_t)vmladavaq_s8((int32_t)s->t[i + 1], x, vshlq_r_s8(w, 6));
      weights += 16;
    }
    inputs += 16;
  }
  return weights;
}

#endif

#endif /* SB_FIELDS_MVE_H */
