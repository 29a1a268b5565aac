/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FullyConnected with weights of 1 to 7 bits and SIMD instructions, read as they are stored: no byte of RAM is needed.
 *
 * A weight is u * step + least, and u is cut into fields of 4, 2 and 1 bits as in sb_unpack_s8.c. Fields are taken out
 * of a word two at a time, as a pair that SMLAD multiplies by a pair of inputs:
 *
 *     fields of a word:  .. | x5 | x0 || .. | x7 | x2         lowest first, each half: of x0 x1 x4 x5, of x2 x3 x6 x7
 *     AND 0x000f000f                x0            x2          and, shifted by 4, 8, 12: x1 x3 | x4 x6 | x5 x7
 *
 * so that    sum of x * weight = step * (sum over the planes of place * sum of x * field) + least * sum of x.
 *
 * weights: for each two outputs a, b (the last of an odd number has a companion of zeros) the planes, the largest fields
 * first, of each the words of a and b in turn; the inputs of a row are filled up to 32.
 */
#include "sb_dsp.h"
#include "sb_kernels.h"
#include "sb_plain.h"

#define BLOCK 32 /* inputs */

typedef struct {
  int32_t a, b;
} two_sums;

/* Inputs, in blocks. */
typedef struct {
  const int8_t *from, *end;
} run;

/* Adds the products of four inputs with the fields of `bits` bits from bit `shift` of both halves on. */
SB_INLINE void add_four(two_sums *s, const int8_t *x, uint32_t a, uint32_t b, int32_t shift, int32_t bits,
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
SB_INLINE const int8_t *add_word(two_sums *s, const int8_t *x, uint32_t a, uint32_t b, int32_t bits, uint32_t mask)
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
SB_INLINE const uint32_t *add_plane(two_sums *to, const run *runs, const uint32_t *words, int32_t bits, uint32_t fields,
                                    int32_t place)
{
  const uint32_t mask = sb_in_register(fields);
  two_sums s = {0, 0};
  for (const run *const last = runs + 1; runs <= last; runs++) {
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

static SB_APART const uint32_t *add_fours(two_sums *to, const run *runs, const uint32_t *words, int32_t place)
{
  return add_plane(to, runs, words, 4, 0x000f000fu, place);
}

static SB_APART const uint32_t *add_twos(two_sums *to, const run *runs, const uint32_t *words, int32_t place)
{
  return add_plane(to, runs, words, 2, 0x00030003u, place);
}

static SB_APART const uint32_t *add_ones(two_sums *to, const run *runs, const uint32_t *words, int32_t place)
{
  return add_plane(to, runs, words, 1, 0x00010001u, place);
}

/* Of the last block of inputs, where it is not whole, there is a copy that zeros fill up. */
static void one_row(const sb_fields_fully_connected_layer *layer, const int8_t *input, int8_t *output)
{
  int8_t last[BLOCK] = {0};
  const int32_t over = layer->input_size % BLOCK, bits = layer->bits, step = layer->step;
  const int8_t *const whole_end = input + (layer->input_size - over);
  memcpy(last, whole_end, (size_t)over);
  const run runs[2] = {{input, whole_end}, {last, last + (over > 0 ? BLOCK : 0)}};
  int32_t total = 0;
  for (int32_t i = 0; i < layer->input_size; i++) {
    total += input[i];
  }
  total *= layer->least;
  const uint32_t *words = (const uint32_t *)(const void *)layer->weights;
  for (int32_t c = 0; c < layer->output_size; c += 2) {
    two_sums s = {total, total};
    if (bits >= 4) {
      words = add_fours(&s, runs, words, step << (bits - 4));
    }
    if ((bits & 2) != 0) {
      words = add_twos(&s, runs, words, step << (bits & 1));
    }
    if ((bits & 1) != 0) {
      words = add_ones(&s, runs, words, step);
    }
    const int32_t sums[2] = {s.a, s.b};
    for (int32_t i = 0; i < 2 && c + i < layer->output_size; i++) {
      output[c + i] = sb_output(sums[i], &layer->channels[c + i], layer->shifts[c + i], layer->output_zero_point,
                                layer->low, layer->high);
    }
  }
}

void sb_fully_connected_fields_s8_dsp(const sb_fields_fully_connected_layer *layer, const int8_t *input, int8_t *output)
{
  for (int32_t row = 0; row < layer->rows; row++) {
    one_row(layer, input + row * layer->input_size, output + row * layer->output_size);
  }
}
