/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FullyConnected with Helium instructions: four outputs at a time, so that 16 bytes of the input, once loaded, serve
 * four sums, and four lanes are requantised together. Where fewer outputs are left, the last one is computed again.
 *
 * weights: [output_size][input_size], TFLite's order.
 */
#include "sb_mve.h"

/* Bytes of the input, and of the four rows that meet them. */
typedef struct {
  const int8_t *input, *rows[4];
} cursor;

static int32x4_t four_sums(cursor c, int32_t size)
{
  int32_t sums[4] = {0, 0, 0, 0};
  const int8_t *a = c.rows[0], *b = c.rows[1], *d = c.rows[2], *e = c.rows[3];
  int8x16_t x, w;
  for (int32_t vectors = size / 16; vectors > 0; vectors--) {
    c.input = sb_take_bytes(c.input, &x);
    a = sb_take_bytes(a, &w);
    sums[0] = vmladavaq_s8(sums[0], x, w);
    b = sb_take_bytes(b, &w);
    sums[1] = vmladavaq_s8(sums[1], x, w);
    d = sb_take_bytes(d, &w);
    sums[2] = vmladavaq_s8(sums[2], x, w);
    e = sb_take_bytes(e, &w);
    sums[3] = vmladavaq_s8(sums[3], x, w);
  }
  const int32_t rest = size % 16;
  if (rest > 0) {
    x = sb_load_first(c.input, rest);
    sums[0] = vmladavaq_s8(sums[0], x, sb_load_first(a, rest));
    sums[1] = vmladavaq_s8(sums[1], x, sb_load_first(b, rest));
    sums[2] = vmladavaq_s8(sums[2], x, sb_load_first(d, rest));
    sums[3] = vmladavaq_s8(sums[3], x, sb_load_first(e, rest));
  }
  return sb_four(sums[0], sums[1], sums[2], sums[3]);
}

static void one_row(const sb_fully_connected_layer *layer, const int8_t *input, int8_t *output)
{
  const int32_t size = layer->input_size, last = layer->output_size - 1;
  for (int32_t i = 0; i <= last; i += 4) {
    cursor c = {.input = input};
    sb_scaling s[4];
    for (int32_t lane = 0; lane < 4; lane++) {
      const int32_t channel = sb_clamp(i + lane, 0, last);
      c.rows[lane] = layer->weights + channel * size;
      s[lane] = sb_scaling_of(&layer->channels[channel], layer->shifts[channel], layer->output_zero_point);
    }
    const int32x4_t bytes = sb_requantised_channels(four_sums(c, size), s);
    vstrbq_p_s32(output + i, bytes, vctp32q((uint32_t)(last + 1 - i)));
  }
}

void sb_fully_connected_s8_mve(const sb_fully_connected_layer *layer, const int8_t *input, int8_t *output)
{
  for (int32_t row = 0; row < layer->rows; row++) {
    one_row(layer, input + row * layer->input_size, output + row * layer->output_size);
  }
  sb_clamp_s8(output, layer->rows * layer->output_size, layer->low, layer->high);
}
