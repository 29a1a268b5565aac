/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weights of two to six bits, as they stand in flash, as the numbers g and h of sb_triple_dsp.h in RAM.
 *
 * The u of a weight (see sb_triple_conv_layer) is cut into fields of 4, 2 and 1 bits, the largest at the top: 6 = 4 + 2.
 * Fields of one size make a plane. It is read by words, whose two halves hold the weights of the two inputs that stand
 * in one word of a patch:
 *
 *     word of fours   u7 u5 u6 u4 ..            high half: u7 u6 u3 u2      low half: u5 u4 u1 u0
 *     weights         channels a, b, c: a word of a, of b, of c, the next of a, ..; then their next plane
 *                     channels d, e, f: ..      where one or two channels are left, theirs alone
 */
#include <stdbool.h>

#include "sb_triple_dsp.h"

/* Three channels. There are `channels` of them; b and c that are not there are like a. */
typedef struct {
  int32_t channels, pairs;
} extent;

/* Adds a plane, to `start` where it is the first. bits: of a field; unit: what its lowest bit stands for. */
SB_INLINE const int8_t *add_plane(const int8_t *from, extent of, int32_t bits, uint32_t unit, bool first,
                                  uint32_t start, int8_t *to)
{
  const uint32_t mask = sb_in_register(0x00010001u * ((1u << bits) - 1));
  const int32_t b_at = of.channels > 1 ? 4 : 0, c_at = of.channels > 2 ? 8 : 0;
  for (int32_t left = of.pairs; left > 0;) {
    uint32_t a = sb_load(from), b = sb_load(from + b_at), c = sb_load(from + c_at);
    from += 4 * of.channels;
    for (int32_t bit = 0; bit < 16 && left > 0; bit += bits) {
      const uint32_t g = ((a & mask) + ((b & mask) << SB_APART_BITS)) * unit;
      const uint32_t h = ((c & mask) + ((a & mask) << SB_APART_BITS)) * unit;
      sb_store(to, sb_add_halves(first ? start : sb_load(to), g));
      sb_store(to + 4, sb_add_halves(first ? start : sb_load(to + 4), h));
      a >>= bits;
      b >>= bits;
      c >>= bits;
      to += 8;
      left--;
    }
  }
  return from;
}

int8_t *sb_unpack_triples_dsp(const sb_triple_conv_layer *layer, int32_t quads, int8_t *to)
{
  const uint32_t least = (uint32_t)(layer->least * (1 + (1 << SB_APART_BITS)));
  const uint32_t start = (least & 0xffffu) | least << 16;
  const int32_t n_bits = layer->bits, above = n_bits & 4 ? 4 : n_bits & 2 ? 2 : 1, below = n_bits - above;
  const uint32_t step = (uint32_t)layer->step;
  const int8_t *from = layer->conv.weights;
  for (int32_t left = layer->conv.output_channels; left > 0; left -= 3) {
    const extent of = {left < 3 ? left : 3, 2 * quads};
    from = add_plane(from, of, above, step << below, true, start, to);
    if (below > 0) {
      from = add_plane(from, of, below, step, false, start, to);
    }
    to += 8 * of.pairs;
  }
  return to;
}
