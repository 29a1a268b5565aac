/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FullyConnected with weights of 1 to 6 bits and Helium instructions, read as they are stored: four outputs at a time,
 * see sb_fields_mve.h.
 *
 * A weight is u * step + least. Where inputs are made x + 128, the channel's bias has what that adds:
 *
 *     sum of x * weight = step * sum of (x + 128) * u + least * sum of x - 128 * step * sum of u
 *
 * bits: of a field: 1, 2, 4 or 6. weights: for each four outputs their vectors; inputs are filled up to 16, those of
 * ones to 32, with fields of 0. channels, shifts: for whole fours of outputs.
 */
#include "sb_fields_mve.h"

/* A row of inputs, `blocks` of it whole. last: what is over, and zeros; over: how many those are. */
typedef struct {
  const int8_t *from;
  int32_t blocks, over;
  int8_t last[32];
} sb_row;

/* block: 16 or 32 inputs. */
static sb_row row_of(const int8_t *from, int32_t size, int32_t block)
{
  sb_row row = {from, size / block, size % block, {0}};
  memcpy(row.last, from + size - row.over, (size_t)row.over);
  return row;
}

static int32_t sum_of(const int8_t *from, int32_t size)
{
  int32_t sum = 0;
  for (; size >= 16; size -= 16) {
    int8x16_t x;
    from = sb_take_bytes(from, &x);
    sum = vaddvaq_s8(sum, x);
  }
  return vaddvaq_s8(sum, sb_load_first(from, size));
}

/* The sum of x * field, from the sum in which it is uppermost and that of the fields below, shifted by `bits` more. */
SB_INLINE int32_t apart(uint32_t own, uint32_t below, int32_t bits)
{
  return (int32_t)((own - (below >> bits)) >> (8 - bits));
}

/* The same for fields of 6 bits: of a, b and c, and of d from their digits. */
SB_INLINE int32x4_t apart_sixes(const uint32_t *t)
{
  const int32_t d1 = (int32_t)t[1] >> 6, d2 = (int32_t)t[3] >> 6, d3 = (int32_t)t[5] >> 6;
  return sb_four(((int32_t)t[0] - d1) >> 2, ((int32_t)t[2] - d2) >> 2, ((int32_t)t[4] - d3) >> 2,
                 16 * d1 + 4 * d2 + d3);
}

typedef const uint8_t *meet(sb_shifted_sums *s, const int8_t *inputs, const uint8_t *weights, int32_t blocks);

/* All inputs with one group of outputs. Gives the address behind its weights. */
SB_INLINE const uint8_t *meet_row(sb_shifted_sums *s, const sb_row *row, const uint8_t *weights, meet *with)
{
  if (row->blocks > 0) {
    weights = with(s, row->from, weights, row->blocks);
  }
  return row->over > 0 ? with(s, row->last, weights, 1) : weights;
}

/* The next four outputs: sums of x * u. Gives the address behind their weights. */
SB_INLINE const uint8_t *four_sums(int32_t bits, const sb_row *row, const uint8_t *weights, int32x4_t *sums)
{
  sb_shifted_sums s = {{0}};
  const uint32_t *const t = s.t;
  switch (bits) {
  case 1:
    weights = meet_row(&s, row, weights, sb_meet_ones);
    break;
  case 2:
    weights = meet_row(&s, row, weights, sb_meet_twos);
    break;
  case 4:
    weights = meet_row(&s, row, weights, sb_meet_fours);
    *sums = sb_four(apart(t[0], t[1], 4), apart(t[1], 0, 4), apart(t[2], t[3], 4), apart(t[3], 0, 4));
    return weights;
  default:
    weights = meet_row(&s, row, weights, sb_meet_sixes);
    *sums = apart_sixes(t);
    return weights;
  }
  *sums = sb_four(apart(t[0], t[1], bits), apart(t[1], t[2], bits), apart(t[2], t[3], bits), apart(t[3], 0, bits));
  return weights;
}

static void one_row(const sb_fields_fully_connected_layer *layer, const int8_t *input, int8_t *output)
{
  const int32_t bits = layer->bits, step = layer->step;
  const sb_row row = row_of(input, layer->input_size, bits == 1 ? 32 : 16);
  const int32_t sum = sum_of(input, layer->input_size), least = layer->least * sum;
  const int32_t fourth = bits == 6 ? SB_SIXES_OFFSET * step * sum : 0;
  const int32x4_t rest = sb_four(least, least, least, least + fourth);
  const sb_byte_range range = {layer->output_zero_point, layer->low, layer->high};
  const uint8_t *weights = (const uint8_t *)layer->weights;
  const sb_channel *channels = layer->channels;
  const int8_t *shifts = layer->shifts;
  for (int32_t left = layer->output_size; left > 0; left -= 4) {
    int32x4_t sums;
    weights = four_sums(bits, &row, weights, &sums);
    const int32x4_t bytes = sb_scaled_channels(vmlaq_n_s32(rest, sums, step), channels, shifts, range);
    vstrbq_p_s32(output, bytes, vctp32q((uint32_t)left));
    channels += 4;
    shifts += 4;
    output += 4;
  }
}

void sb_fully_connected_fields_s8_mve(const sb_fields_fully_connected_layer *layer, const int8_t *input, int8_t *output)
{
  for (int32_t row = 0; row < layer->rows; row++) {
    one_row(layer, input + row * layer->input_size, output + row * layer->output_size);
  }
}
