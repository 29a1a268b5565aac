/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FullyConnected with weights of 3 and 4 bits, four outputs a, b, c, d in every half word: three ANDs and three SMLAD
 * for eight products, where one output a field would take four of each. See sb_joined_dsp.h.
 *
 *     half of a word, for one input:   d | b of the other half's input | c | a       4 bits each, a in the lowest
 *
 *     BIC                    g = 2^12 * d + 2^4 * c + a                              d with its sign, the others u
 *     AND                        2^4 * c
 *     ROR by 21 bits, AND    h = 2^11 * a + 2^3 * b                                  a from its own half, b from the other
 *
 * From the sums G, 16 C and H over a chunk of inputs:
 *
 *     (G - 16 C) mod 2^12    is A's end, and so A = (H >> 11) - carry, where the carry is that of 2^3 B, which the
 *                            difference of both shows in its 12 lowest bits
 *     G - 16 C - A           is 2^12 D
 *     H - 2^11 A             is 2^3 B
 *
 * That is exact modulo 2^32 where A, B and D stay within 2^19, as they do over 272 inputs whatever those are.
 *
 * weights: for each four outputs, filled up with zeros, and each four inputs a word of inputs 0 and 2, one of 1 and 3.
 */
#include "sb_joined_dsp.h"

#define CLEARED_FOR_G 0x0f000f00u
#define KEPT_FOR_C 0x00f000f0u
#define KEPT_FOR_H 0x78787878u

typedef struct {
  int32_t g, c, h;
} joint_sums;

SB_INLINE void add_two(joint_sums *s, uint32_t x, uint32_t word, uint32_t kept_for_h)
{
  s->g = sb_smlad(x, word & ~CLEARED_FOR_G, s->g);
  s->c = sb_smlad(x, word & KEPT_FOR_C, s->c);
  s->h = sb_smlad(x, (word >> 21 | word << 11) & kept_for_h, s->h);
}

/* Adds the products of four inputs. Gives the address behind their weights. */
SB_INLINE const uint32_t *add_four(joint_sums *s, uint32_t four, const uint32_t *weights, uint32_t kept_for_h)
{
  uint32_t x02, x13;
  weights = sb_take_words(weights, &x02, &x13);
  add_two(s, sb_sxtb16(four), x02, kept_for_h);
  add_two(s, sb_sxtb16_ror8(four), x13, kept_for_h);
  return weights;
}

static SB_APART const uint32_t *add_chunk(int32_t *sums, const int8_t *input, int32_t size, const uint32_t *weights)
{
  const uint32_t kept_for_h = sb_in_register(KEPT_FOR_H);
  joint_sums s = {0, 0, 0};
  const int8_t *const eights_end = input + (size & ~7);
  for (; input != eights_end; input += 8) {
    weights = add_four(&s, sb_load(input), weights, kept_for_h);
    weights = add_four(&s, sb_load(input + 4), weights, kept_for_h);
  }
  if (size & 4) {
    weights = add_four(&s, sb_load(input), weights, kept_for_h);
    input += 4;
  }
  if (size & 3) {
    weights = add_four(&s, sb_last_bytes(input, size & 3), weights, kept_for_h);
  }
  const int32_t ad = sb_wrapping_sub(s.g, s.c), high = s.h >> 11;
  const int32_t minus_carry = sb_wrapping_shift_left(sb_wrapping_sub(ad, high), 20) >> 20;
  const int32_t a = high + minus_carry;
  sums[0] += a;
  sums[1] += sb_wrapping_sub(s.h, sb_wrapping_shift_left(a, 11)) >> 3;
  sums[2] += s.c >> 4;
  sums[3] += sb_wrapping_sub(ad, a) >> 12;
  return weights;
}

void sb_fully_connected_nibbles_s8_dsp(const sb_joined_fully_connected_layer *layer, const int8_t *input,
                                       int8_t *output)
{
  sb_connect_joined(layer, input, output, (sb_joined_outputs){add_chunk, 4, 0x7});
}
