/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FullyConnected with weights of 1 to 7 bits and SIMD instructions, read as they are stored: see sb_fields.h. Fields
 * are taken out of a word two at a time, as a pair that SMLAD multiplies by a pair of inputs:
 *
 *     upper half, lower half of a word:   x7 x6 x3 x2 | x5 x4 x1 x0        fields of 4 bits, x0 in the lowest bits
 *     AND 0x000f000f:                              x2 |          x0        and, shifted, (x1, x3), (x4, x6), (x5, x7)
 *
 * Of each plane the words of two outputs stand in turn.
 */
#include "sb_dsp.h"
#include "sb_fields.h"

/* Adds the products of four inputs with the fields of `bits` bits from bit `shift` of both halves on. */
SB_INLINE void add_four(sb_two_sums *s, const int8_t *x, uint32_t a, uint32_t b, int32_t shift, int32_t bits,
                        uint32_t mask)
{
  const uint32_t bytes = sb_load(x);
  const uint32_t x02 = sb_sxtb16(bytes), x13 = sb_sxtb16_ror8(bytes);
  s->a = sb_smlad(x02, (a >> shift) & mask, s->a);
  s->b = sb_smlad(x02, (b >> shift) & mask, s->b);
  s->a = sb_smlad(x13, (a >> (shift + bits)) & mask, s->a);
  s->b = sb_smlad(x13, (b >> (shift + bits)) & mask, s->b);
}

/* The same with all fields of one word for each of two outputs. Gives the address of the inputs behind. */
SB_INLINE const int8_t *add_word(sb_two_sums *s, const int8_t *x, uint32_t a, uint32_t b, int32_t bits, uint32_t mask)
{
  add_four(s, x, a, b, 0, bits, mask);
  add_four(s, x + 4, a, b, 2 * bits, bits, mask);
  if (bits <= 2) {
    add_four(s, x + 8, a, b, 4 * bits, bits, mask);
    add_four(s, x + 12, a, b, 6 * bits, bits, mask);
  }
  if (bits == 1) {
    add_four(s, x + 16, a, b, 8, bits, mask);
    add_four(s, x + 20, a, b, 10, bits, mask);
    add_four(s, x + 24, a, b, 12, bits, mask);
    add_four(s, x + 28, a, b, 14, bits, mask);
  }
  return x + 32 / bits;
}

/* Adds `place` times the products of two runs with one plane. Gives the address of the next one. */
SB_INLINE const uint32_t *add_plane(sb_two_sums *to, const sb_inputs *runs, const uint32_t *words, int32_t bits,
                                    uint32_t fields, int32_t place)
{
  const uint32_t mask = sb_in_register(fields);
  sb_two_sums s = {0, 0};
  for (const sb_inputs *const last = runs + 1; runs <= last; runs++) {
    for (const int8_t *x = runs->from; x != runs->end;) {
      uint32_t a, b;
      words = sb_take_words(words, &a, &b);
      x = add_word(&s, x, a, b, bits, mask);
      if (bits == 4) { /* two words, so that the loop counts for less */
        words = sb_take_words(words, &a, &b);
        x = add_word(&s, x, a, b, bits, mask);
      }
    }
  }
  to->a += s.a * place;
  to->b += s.b * place;
  return words;
}

static SB_APART const uint32_t *add_fours(sb_two_sums *to, const sb_inputs *runs, const uint32_t *words, int32_t place)
{
  return add_plane(to, runs, words, 4, 0x000f000fu, place);
}

static SB_APART const uint32_t *add_twos(sb_two_sums *to, const sb_inputs *runs, const uint32_t *words, int32_t place)
{
  return add_plane(to, runs, words, 2, 0x00030003u, place);
}

static SB_APART const uint32_t *add_ones(sb_two_sums *to, const sb_inputs *runs, const uint32_t *words, int32_t place)
{
  return add_plane(to, runs, words, 1, 0x00010001u, place);
}

static const uint32_t *add_planes(const sb_fields_fully_connected_layer *layer, sb_two_sums *to, const sb_inputs *runs,
                                  const uint32_t *words)
{
  return sb_add_cut(layer, to, runs, words, add_fours, add_twos, add_ones);
}

void sb_fully_connected_fields_s8_dsp(const sb_fields_fully_connected_layer *layer, const int8_t *input, int8_t *output)
{
  for (int32_t row = 0; row < layer->rows; row++) {
    sb_connect_fields(layer, SB_FIELDS_BLOCK, layer->input_size % SB_FIELDS_BLOCK, input + row * layer->input_size,
                      output + row * layer->output_size, add_planes);
  }
}
