/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FullyConnected with weights of 1 to 7 bits, read as they are stored, for any functions that add the products with one
 * plane: those are given, so that each kernel calls its own directly. No byte of RAM is needed.
 *
 * A weight is u * step + least, and u is one field, or cut into fields of 4, 2 and 1 bits as in sb_unpack_s8.c. Fields of
 * one size make a plane, so that
 *
 *     sum of x * weight = step * (sum over the planes of place * sum of x * field) + least * sum of x
 *
 * weights: for each two outputs (the last of an odd number has a companion of zeros) the planes, the largest fields
 * first; the inputs of a row are filled up to whole blocks. How words hold fields is the kernel's own.
 */
#ifndef SB_FIELDS_H
#define SB_FIELDS_H

#include <string.h>

#include "sb_kernels.h"
#include "sb_plain.h"

#define SB_FIELDS_BLOCK 32 /* inputs: of fields of 4, 2 and 1 bits, and the most of others */

typedef struct {
  int32_t a, b;
} sb_two_sums;

/* Inputs, in blocks. */
typedef struct {
  const int8_t *from, *end;
} sb_inputs;

/* Adds `place` times the products of two runs of inputs with one plane. Gives the address of the next plane. */
typedef const uint32_t *sb_add_plane(sb_two_sums *to, const sb_inputs *runs, const uint32_t *words, int32_t place);

/* Adds those with all planes of a layer: the sums of x * step * u. */
typedef const uint32_t *sb_add_planes(const sb_fields_fully_connected_layer *layer, sb_two_sums *to,
                                      const sb_inputs *runs, const uint32_t *words);

/* One row of inputs in blocks of `block`, at most SB_FIELDS_BLOCK, and `over` more. Of those there is a copy that zeros
   fill up. */
SB_INLINE void sb_connect_fields(const sb_fields_fully_connected_layer *layer, int32_t block, int32_t over,
                                 const int8_t *input, int8_t *output, sb_add_planes *add_planes)
{
  int8_t last[SB_FIELDS_BLOCK] = {0};
  const int8_t *const whole_end = input + (layer->input_size - over);
  memcpy(last, whole_end, (size_t)over);
  const sb_inputs runs[2] = {{input, whole_end}, {last, last + (over > 0 ? block : 0)}};
  int32_t total = 0;
  for (int32_t i = 0; i < layer->input_size; i++) {
    total += input[i];
  }
  total *= layer->least;
  const uint32_t *words = (const uint32_t *)(const void *)layer->weights;
  for (int32_t c = 0; c < layer->output_size; c += 2) {
    sb_two_sums s = {total, total};
    words = add_planes(layer, &s, runs, words);
    const int32_t sums[2] = {s.a, s.b};
    for (int32_t i = 0; i < 2 && c + i < layer->output_size; i++) {
      output[c + i] = sb_output(sums[i], &layer->channels[c + i], layer->shifts[c + i], layer->output_zero_point,
                                layer->low, layer->high);
    }
  }
}

/* Planes of 4, 2 and 1 bits. */
SB_INLINE const uint32_t *sb_add_cut(const sb_fields_fully_connected_layer *layer, sb_two_sums *to,
                                     const sb_inputs *runs, const uint32_t *words, sb_add_plane *add_fours,
                                     sb_add_plane *add_twos, sb_add_plane *add_ones)
{
  const int32_t bits = layer->bits, step = layer->step;
  if (bits >= 4) {
    words = add_fours(to, runs, words, step << (bits - 4));
  }
  if ((bits & 2) != 0) {
    words = add_twos(to, runs, words, step << (bits & 1));
  }
  if ((bits & 1) != 0) {
    words = add_ones(to, runs, words, step);
  }
  return words;
}

#endif /* SB_FIELDS_H */
