/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FullyConnected with weights of 1 and 2 bits, two outputs as far apart in an int16 as it goes, eight outputs at a time:
 * an AND and a SMLAD for four products. See sb_joined_dsp.h.
 *
 *     2 bits    bb............aa | bb............aa       outputs a and b of two inputs; a word turned by 0, 4, 8, 12
 *                                                         bits holds those of four pairs of outputs
 *     1 bit     b..............a | b..............a       by 0, 2, 4, 6 bits, of inputs 0 and 2; by 8, 10, 12, 14, of
 *                                                         inputs 1 and 3
 *
 * b has its sign, a is u. The sum is A + 2^apart * B. Over a chunk of inputs, A fits the lowest `apart` bits, 16 - bits,
 * with a sign, for any input; so it is taken out at the end of each.
 *
 * weights: for each eight outputs, filled up with zeros, and each four inputs, of 2 bits a word of inputs 0 and 2 and
 * one of 1 and 3, of 1 bit a word of all four.
 */
#include "sb_joined_dsp.h"

/* Sums of four pairs of outputs. */
typedef struct {
  int32_t ab, cd, ef, gh;
} joint_sums;

SB_INLINE int32_t add_pair(int32_t sum, uint32_t x, uint32_t word, int32_t turn, uint32_t kept)
{
  return sb_smlad(x, (turn == 0 ? word : word >> turn | word << (32 - turn)) & kept, sum);
}

/* The products of two inputs. turned: how far the word is by now; bits: of a weight. */
SB_INLINE void add_two(joint_sums *s, uint32_t x, uint32_t word, int32_t turned, int32_t bits, uint32_t kept)
{
  s->ab = add_pair(s->ab, x, word, turned, kept);
  s->cd = add_pair(s->cd, x, word, turned + 2 * bits, kept);
  s->ef = add_pair(s->ef, x, word, turned + 4 * bits, kept);
  s->gh = add_pair(s->gh, x, word, turned + 6 * bits, kept);
}

SB_INLINE const uint32_t *add_four(joint_sums *s, uint32_t four, const uint32_t *weights, int32_t bits, uint32_t kept)
{
  uint32_t word = *weights++;
  add_two(s, sb_sxtb16(four), word, 0, bits, kept);
  if (bits == 2) {
    word = *weights++;
  }
  add_two(s, sb_sxtb16_ror8(four), word, bits == 1 ? 8 : 0, bits, kept);
  return weights;
}

SB_INLINE void add_parted(int32_t sums[2], int32_t joint, int32_t bits)
{
  const int32_t a = sb_wrapping_shift_left(joint, 16 + bits) >> (16 + bits);
  sums[0] += a;
  sums[1] += (joint - a) >> (16 - bits);
}

SB_INLINE const uint32_t *add_eight(int32_t sums[8], const int8_t *input, int32_t size, const uint32_t *weights,
                                    int32_t bits)
{
  const uint32_t kept = sb_in_register(bits == 1 ? 0x80018001u : 0xc003c003u);
  joint_sums s = {0, 0, 0, 0};
  for (const int8_t *const end = input + (size & ~3); input != end; input += 4) {
    weights = add_four(&s, sb_load(input), weights, bits, kept);
  }
  if (size & 3) {
    weights = add_four(&s, sb_last_bytes(input, size & 3), weights, bits, kept);
  }
  add_parted(sums, s.ab, bits);
  add_parted(sums + 2, s.cd, bits);
  add_parted(sums + 4, s.ef, bits);
  add_parted(sums + 6, s.gh, bits);
  return weights;
}

static SB_APART const uint32_t *add_twos(int32_t *sums, const int8_t *input, int32_t size, const uint32_t *weights)
{
  return add_eight(sums, input, size, weights, 2);
}

static SB_APART const uint32_t *add_ones(int32_t *sums, const int8_t *input, int32_t size, const uint32_t *weights)
{
  return add_eight(sums, input, size, weights, 1);
}

void sb_fully_connected_joined_s8_dsp(const sb_joined_fully_connected_layer *layer, const int8_t *input, int8_t *output)
{
  sb_add_chunk *const add_chunk = layer->bits == 1 ? add_ones : add_twos;
  sb_connect_joined(layer, input, output, (sb_joined_outputs){add_chunk, 8, 0x55});
}
