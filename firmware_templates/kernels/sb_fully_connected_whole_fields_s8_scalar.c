/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FullyConnected with weights of 3, 5 and 6 bits, read as they are stored, two products a multiplication: see
 * sb_fields.h. A weight's u is one field. As in sb_fully_connected_fields_s8_scalar.c a word has fields of two outputs,
 * of a in its lower half, of b in the upper one; each half:
 *
 *     threes   15 bits      u4 u3 u2 u1 u0                            4 words: 20 inputs, a block
 *     fives    15 bits      u2 u1 u0                                  4 words: 12 inputs
 *     sixes    16 bits      v | u1 u0    w | u3 u2    s r | u5 u4     3 words:  8 inputs
 *                           u6 = 16 * r + v    u7 = 16 * s + w        v, w of 4 bits, r, s of 2
 *
 * A chunk's sum for a stays within 16 bits: 20 inputs times 7, 6 times 31, 4 times 63.
 */
#include "sb_fields.h"

/* Adds the products of an input with the fields of both outputs that are the lowest in `fields`. */
SB_INLINE uint32_t add_both(uint32_t joint, int8_t x, uint32_t fields)
{
  return joint + (uint32_t)(int32_t)x * fields;
}

/* Adds the sums of a chunk. */
SB_INLINE void add_chunk(sb_two_sums *s, uint32_t joint)
{
  const int32_t a = (int16_t)(uint16_t)joint;
  s->a += a;
  s->b += (int32_t)(joint - (uint32_t)a) >> 16;
}

SB_INLINE void add_parts(sb_two_sums *to, const sb_two_sums *s, int32_t place)
{
  to->a += s->a * place;
  to->b += s->b * place;
}

SB_INLINE uint32_t add_five_inputs(uint32_t joint, const int8_t *x, uint32_t word, uint32_t mask)
{
  joint = add_both(joint, x[0], word & mask);
  joint = add_both(joint, x[1], (word >> 3) & mask);
  joint = add_both(joint, x[2], (word >> 6) & mask);
  joint = add_both(joint, x[3], (word >> 9) & mask);
  return add_both(joint, x[4], (word >> 12) & mask);
}

static SB_APART const uint32_t *add_threes(sb_two_sums *to, const sb_inputs *runs, const uint32_t *words, int32_t place)
{
  const uint32_t mask = sb_kept(0x00070007u);
  sb_two_sums s = {0, 0};
  for (const sb_inputs *const last = runs + 1; runs <= last; runs++) {
    for (const int8_t *x = runs->from; x != runs->end; x += 20) {
      uint32_t joint = add_five_inputs(0, x, words[0], mask);
      joint = add_five_inputs(joint, x + 5, words[1], mask);
      joint = add_five_inputs(joint, x + 10, words[2], mask);
      add_chunk(&s, add_five_inputs(joint, x + 15, words[3], mask));
      words += 4;
    }
  }
  add_parts(to, &s, place);
  return words;
}

SB_INLINE uint32_t add_three_inputs(uint32_t joint, const int8_t *x, uint32_t word, uint32_t mask)
{
  joint = add_both(joint, x[0], word & mask);
  joint = add_both(joint, x[1], (word >> 5) & mask);
  return add_both(joint, x[2], (word >> 10) & mask);
}

static SB_APART const uint32_t *add_fives(sb_two_sums *to, const sb_inputs *runs, const uint32_t *words, int32_t place)
{
  const uint32_t mask = sb_kept(0x001f001fu);
  sb_two_sums s = {0, 0};
  for (const sb_inputs *const last = runs + 1; runs <= last; runs++) {
    for (const int8_t *x = runs->from; x != runs->end; x += 12) {
      add_chunk(&s, add_three_inputs(add_three_inputs(0, x, words[0], mask), x + 3, words[1], mask));
      add_chunk(&s, add_three_inputs(add_three_inputs(0, x + 6, words[2], mask), x + 9, words[3], mask));
      words += 4;
    }
  }
  add_parts(to, &s, place);
  return words;
}

SB_INLINE uint32_t add_two_inputs(uint32_t joint, const int8_t *x, uint32_t word, uint32_t mask)
{
  return add_both(add_both(joint, x[0], word & mask), x[1], (word >> 6) & mask);
}

static SB_APART const uint32_t *add_sixes(sb_two_sums *to, const sb_inputs *runs, const uint32_t *words, int32_t place)
{
  const uint32_t mask = sb_kept(0x003f003fu), low = sb_kept(0x000f000fu), high = sb_kept(0x00300030u);
  sb_two_sums s = {0, 0};
  for (const sb_inputs *const last = runs + 1; runs <= last; runs++) {
    for (const int8_t *x = runs->from; x != runs->end; x += 8) {
      const uint32_t word = words[0], next = words[1], third = words[2];
      add_chunk(&s, add_two_inputs(add_two_inputs(0, x, word, mask), x + 2, next, mask));
      uint32_t joint = add_two_inputs(0, x + 4, third, mask);
      joint = add_both(joint, x[6], ((word >> 12) & low) | ((third >> 8) & high));
      add_chunk(&s, add_both(joint, x[7], ((next >> 12) & low) | ((third >> 10) & high)));
      words += 3;
    }
  }
  add_parts(to, &s, place);
  return words;
}

static const uint32_t *add_planes(const sb_fields_fully_connected_layer *layer, sb_two_sums *to, const sb_inputs *runs,
                                  const uint32_t *words)
{
  sb_add_plane *const add = layer->bits == 3 ? add_threes : layer->bits == 5 ? add_fives : add_sixes;
  return add(to, runs, words, layer->step);
}

void sb_fully_connected_whole_fields_s8_scalar(const sb_whole_fields_fully_connected_layer *layer, const int8_t *input,
                                               int8_t *output)
{
  const sb_fields_fully_connected_layer *const fields = &layer->fields;
  for (int32_t row = 0; row < fields->rows; row++) {
    sb_connect_fields(fields, layer->block, layer->over, input + row * fields->input_size,
                      output + row * fields->output_size, add_planes);
  }
}
