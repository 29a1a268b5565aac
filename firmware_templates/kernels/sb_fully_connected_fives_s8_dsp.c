/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FullyConnected with weights of 5 bits, three outputs a, b, c in every half word, six at a time: two ANDs and two SMLAD
 * for six products, where bytes take four SMLAD and two SXTB16 for eight. See sb_joined_dsp.h.
 *
 *     half of a word, for one input:   b | c of the other half's input | 0 | a       5 bits each, a in the lowest
 *
 *     AND                    g = 2^11 * b + a                 b with its sign, the others u
 *     ROR by 22 bits, AND    h = 2^10 * a + c                 a from its own half, c from the other
 *
 * From the sums G and H over a chunk of inputs:
 *
 *     H >> 10                is A, but for a carry from C
 *     G - (H >> 10)          shows minus that carry in its 11 lowest bits, and so A = (H >> 10) - carry
 *     G - A, H - 2^10 A      are 2^11 B and C
 *
 * That is exact modulo 2^32 where A, B and C stay within 2^20 - 2^10, as they do over 264 inputs whatever those are.
 *
 * weights: for each six outputs, filled up with zeros, and each four inputs, for either three of them a word of inputs 0
 * and 2, one of 1 and 3.
 */
#include "sb_joined_dsp.h"

#define KEPT_FOR_G 0xf81ff81fu
#define KEPT_FOR_H 0x7c1f7c1fu

typedef struct {
  int32_t g, h;
} joint_sums;

SB_INLINE void add_two(joint_sums *s, uint32_t x, uint32_t word, uint32_t kept_for_g, uint32_t kept_for_h)
{
  s->g = sb_smlad(x, word & kept_for_g, s->g);
  s->h = sb_smlad(x, (word >> 22 | word << 10) & kept_for_h, s->h);
}

/* Adds the products of four inputs. Gives the address behind their weights. */
SB_INLINE const uint32_t *add_four(joint_sums *s, joint_sums *other, uint32_t four, const uint32_t *weights,
                                   uint32_t kept_for_g, uint32_t kept_for_h)
{
  const uint32_t x13 = sb_sxtb16_ror8(four), x02 = sb_sxtb16(four);
  uint32_t word, next;
  weights = sb_take_words(weights, &word, &next);
  add_two(s, x02, word, kept_for_g, kept_for_h);
  add_two(s, x13, next, kept_for_g, kept_for_h);
  weights = sb_take_words(weights, &word, &next);
  add_two(other, x02, word, kept_for_g, kept_for_h);
  add_two(other, x13, next, kept_for_g, kept_for_h);
  return weights;
}

/* The sums of a, b and c. */
SB_INLINE void add_parted(int32_t sums[3], joint_sums s)
{
  const int32_t high = s.h >> 10;
  const int32_t minus_carry = sb_wrapping_shift_left(sb_wrapping_sub(s.g, high), 21) >> 21;
  const int32_t a = high + minus_carry;
  sums[0] += a;
  sums[1] += sb_wrapping_sub(s.g, a) >> 11;
  sums[2] += sb_wrapping_sub(s.h, sb_wrapping_shift_left(a, 10));
}

static SB_APART const uint32_t *add_chunk(int32_t *sums, const int8_t *input, int32_t size, const uint32_t *weights)
{
  const uint32_t kept_for_g = sb_in_register(KEPT_FOR_G), kept_for_h = sb_in_register(KEPT_FOR_H);
  joint_sums s = {0, 0}, other = {0, 0};
  const int8_t *const eights_end = input + (size & ~7);
  for (; input != eights_end; input += 8) {
    weights = add_four(&s, &other, sb_load(input), weights, kept_for_g, kept_for_h);
    weights = add_four(&s, &other, sb_load(input + 4), weights, kept_for_g, kept_for_h);
  }
  if (size & 4) {
    weights = add_four(&s, &other, sb_load(input), weights, kept_for_g, kept_for_h);
    input += 4;
  }
  if (size & 3) {
    weights = add_four(&s, &other, sb_last_bytes(input, size & 3), weights, kept_for_g, kept_for_h);
  }
  add_parted(sums, s);
  add_parted(sums + 3, other);
  return weights;
}

void sb_fully_connected_fives_s8_dsp(const sb_joined_fully_connected_layer *layer, const int8_t *input, int8_t *output)
{
  sb_connect_joined(layer, input, output, (sb_joined_outputs){add_chunk, 6, 0x2d});
}
