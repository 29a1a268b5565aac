/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FullyConnected with weights of 1 to 7 bits, read as they are stored, two products a multiplication: see sb_fields.h.
 * A word has fields of two outputs, those of a in its lower half, of b in the upper one, so that one AND takes a number
 * out of it that is 65536 * field of b + field of a, and one multiplication meets both with an input:
 *
 *     fours    word 0: inputs 0..3     b3 b2 b1 b0 | a3 a2 a1 a0       (a0 in the lowest bits)
 *     twos     word 0: inputs 0..7
 *     ones     word 0: inputs 0..15
 *
 * A chunk's sum for a stays within 16 bits: 16 inputs times 15, 32 times 3.
 */
#include "sb_fields.h"

/* Adds the products of an input with the fields of both outputs that begin at bit `shift` of their halves. */
SB_INLINE uint32_t add_both(uint32_t joint, int8_t x, uint32_t word, int32_t shift, uint32_t mask)
{
  return joint + (uint32_t)(int32_t)x * ((word >> shift) & mask);
}

/* Four inputs. */
SB_INLINE uint32_t add_four(uint32_t joint, const int8_t *x, uint32_t word, int32_t shift, int32_t bits, uint32_t mask)
{
  joint = add_both(joint, x[0], word, shift, mask);
  joint = add_both(joint, x[1], word, shift + bits, mask);
  joint = add_both(joint, x[2], word, shift + 2 * bits, mask);
  return add_both(joint, x[3], word, shift + 3 * bits, mask);
}

/* All inputs that one word has the fields of. */
SB_INLINE uint32_t add_word(uint32_t joint, const int8_t *x, uint32_t word, int32_t bits, uint32_t mask)
{
  joint = add_four(joint, x, word, 0, bits, mask);
  if (bits <= 2) {
    joint = add_four(joint, x + 4, word, 4 * bits, bits, mask);
  }
  if (bits == 1) {
    joint = add_four(joint, x + 8, word, 8, bits, mask);
    joint = add_four(joint, x + 12, word, 12, bits, mask);
  }
  return joint;
}

/* Adds `place` times the products of two runs with one plane, 16 or 32 inputs at a time. Gives the address of the
   next plane. */
SB_INLINE const uint32_t *add_plane(sb_two_sums *to, const sb_inputs *runs, const uint32_t *words, int32_t bits,
                                    uint32_t fields, int32_t place)
{
  const uint32_t mask = sb_kept(fields);
  sb_two_sums s = {0, 0};
  for (const sb_inputs *const last = runs + 1; runs <= last; runs++) {
    for (const int8_t *x = runs->from; x != runs->end;) {
      uint32_t joint = 0;
      if (bits == 4) { /* its four words at once, so that the loop counts for less */
        joint = add_word(joint, x, words[0], bits, mask);
        joint = add_word(joint, x + 4, words[1], bits, mask);
        joint = add_word(joint, x + 8, words[2], bits, mask);
        joint = add_word(joint, x + 12, words[3], bits, mask);
        x += 16;
        words += 4;
      } else {
        for (const int8_t *const end = x + SB_FIELDS_BLOCK; x != end; x += 16 / bits) {
          joint = add_word(joint, x, *words++, bits, mask);
        }
      }
      const int32_t a = (int16_t)(uint16_t)joint;
      s.a += a;
      s.b += (int32_t)(joint - (uint32_t)a) >> 16;
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

void sb_fully_connected_fields_s8_scalar(const sb_fields_fully_connected_layer *layer, const int8_t *input,
                                         int8_t *output)
{
  for (int32_t row = 0; row < layer->rows; row++) {
    sb_connect_fields(layer, SB_FIELDS_BLOCK, layer->input_size % SB_FIELDS_BLOCK, input + row * layer->input_size,
                      output + row * layer->output_size, add_planes);
  }
}
