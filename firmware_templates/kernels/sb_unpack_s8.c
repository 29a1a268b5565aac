/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weights of 1 to 7 bits, as they stand in flash, to bytes in RAM, once for each run of their layer.
 *
 * The u of a weight (see sb_packed_weights) is cut into fields of 4, 2 and 1 bits, whichever its width is the sum of,
 * the largest at the top: 7 = 4 + 2 + 1, 5 = 4 + 1. Fields of one size make a plane, and a block of 32 weights has
 *
 *     plane of fours    4 words      word 0 holds weights 0..7:     7 3 | 6 2 | 5 1 | 4 0      (last byte .. first)
 *     plane of twos     2 words      word 0 holds weights 0..15
 *     plane of ones     1 word       all 32
 *
 * so that one AND takes the fields of four weights out of a word, each into the byte that it belongs in. The planes of
 * all blocks follow each other. The first plane gives bytes that have their signs and lack their last bits, which the
 * others bring:
 *
 *     first plane:      (field * place + least) ^ signs         no byte carries into the next one: signs are
 *     the others:       field * place + what is there           added with the top bit turned round
 *
 * Of weights that are paired, sb_paired_dsp.h, two bytes are one number, 256 * b + a, and so are their signs.
 *
 * Behind the planes stands, where the layer is `corrected`, which bytes are no such weights: how far it is to the next,
 * and what it is; 0 ends that, and zeros fill up its last word.
 */
#include <stdbool.h>

#include "sb_fixedpoint.h"
#include "sb_kernels.h"

typedef struct {
  uint32_t place; /* of a field in its byte */
  uint32_t least, signs;
} first_plane;

SB_INLINE void put(uint32_t *to, uint32_t fields, const first_plane *p)
{
  *to = (fields * p->place + p->least) ^ p->signs;
}

SB_INLINE void add(uint32_t *to, uint32_t fields, uint32_t place)
{
  *to += fields * place;
}

static const uint32_t *put_fours(const uint32_t *plane, uint32_t *to, const uint32_t *end, first_plane p)
{
  const uint32_t mask = sb_kept(0x0f0f0f0fu);
  for (; to != end; to += 2) {
    const uint32_t word = *plane++;
    put(to, word & mask, &p);
    put(to + 1, (word >> 4) & mask, &p);
  }
  return plane;
}

static const uint32_t *put_twos(const uint32_t *plane, uint32_t *to, const uint32_t *end, first_plane p)
{
  const uint32_t mask = sb_kept(0x03030303u);
  for (; to != end; to += 4) {
    const uint32_t word = *plane++;
    put(to, word & mask, &p);
    put(to + 1, (word >> 2) & mask, &p);
    put(to + 2, (word >> 4) & mask, &p);
    put(to + 3, (word >> 6) & mask, &p);
  }
  return plane;
}

static const uint32_t *put_ones(const uint32_t *plane, uint32_t *to, const uint32_t *end, first_plane p)
{
  const uint32_t mask = sb_kept(0x01010101u);
  for (; to != end; to += 8) {
    const uint32_t word = *plane++;
    put(to, word & mask, &p);
    put(to + 1, (word >> 1) & mask, &p);
    put(to + 2, (word >> 2) & mask, &p);
    put(to + 3, (word >> 3) & mask, &p);
    put(to + 4, (word >> 4) & mask, &p);
    put(to + 5, (word >> 5) & mask, &p);
    put(to + 6, (word >> 6) & mask, &p);
    put(to + 7, (word >> 7) & mask, &p);
  }
  return plane;
}

static const uint32_t *add_twos(const uint32_t *plane, uint32_t *to, const uint32_t *end, uint32_t place)
{
  const uint32_t mask = sb_kept(0x03030303u);
  for (; to != end; to += 4) {
    const uint32_t word = *plane++;
    add(to, word & mask, place);
    add(to + 1, (word >> 2) & mask, place);
    add(to + 2, (word >> 4) & mask, place);
    add(to + 3, (word >> 6) & mask, place);
  }
  return plane;
}

static const uint32_t *add_ones(const uint32_t *plane, uint32_t *to, const uint32_t *end, uint32_t place)
{
  const uint32_t mask = sb_kept(0x01010101u);
  for (; to != end; to += 8) {
    const uint32_t word = *plane++;
    add(to, word & mask, place);
    add(to + 1, (word >> 1) & mask, place);
    add(to + 2, (word >> 2) & mask, place);
    add(to + 3, (word >> 3) & mask, place);
    add(to + 4, (word >> 4) & mask, place);
    add(to + 5, (word >> 5) & mask, place);
    add(to + 6, (word >> 6) & mask, place);
    add(to + 7, (word >> 7) & mask, place);
  }
  return plane;
}

/* Gives the address of the word behind the corrections. */
static const int8_t *correct(const int8_t *correction, int8_t *to)
{
  const int8_t *const first = correction;
  for (to--; *correction != 0; correction += 2) {
    to += (uint8_t)correction[0];
    *to = correction[1];
  }
  return first + (correction - first + 4) / 4 * 4;
}

const int8_t *sb_unpack_s8(const sb_packed_weights *packed, void *to)
{
  const int32_t bits = packed->bits;
  const uint32_t step = (uint32_t)packed->step;
  const uint32_t one = packed->paired ? 0x00010001u : 0x01010101u;
  const uint32_t least = (uint32_t)packed->least * (packed->paired ? 257u : 1u);
  const uint32_t sign = packed->least >= 0 ? 0 : (packed->paired ? 0x8000u : 0x80u);
  first_plane p = {step, (least + sign) * one, sign * one};
  uint32_t *const words = to;
  const uint32_t *const end = words + 8 * packed->blocks;
  const uint32_t *plane = (const uint32_t *)(const void *)packed->weights;
  if (bits >= 4) {
    p.place <<= bits - 4;
    plane = put_fours(plane, words, end, p);
    if ((bits & 2) != 0) {
      plane = add_twos(plane, words, end, step << (bits & 1));
    }
  } else if (bits >= 2) {
    p.place <<= bits - 2;
    plane = put_twos(plane, words, end, p);
  }
  if (bits == 1) {
    plane = put_ones(plane, words, end, p);
  } else if ((bits & 1) != 0) {
    plane = add_ones(plane, words, end, step);
  }
  const int8_t *const behind = (const int8_t *)plane;
  return packed->corrected ? correct(behind, to) : behind;
}
