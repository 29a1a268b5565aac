/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conv2D with Helium instructions, any kernel, stride, dilation, padding and number of products. Three patches at a
 * time are met by two rows of weights, so that five vectors, once loaded, serve six sums of 16 products each:
 *
 *                        patch 0   patch 1   patch 2
 *     row c              sum       sum       sum         three lanes of channel c, requantised together;
 *     row c + 1          sum       sum       sum         the fourth repeats the third
 *
 * An odd last row, and patches that are missing in the end, repeat the one before; the same byte is then stored twice.
 *
 * `output` may be `input` where the kernel is 1x1 without stride and padding and output_channels <= input_channels:
 * the pixels are in scratch before their outputs are written, and those end at or before the first pixel that is
 * still to be read.
 *
 * weights: [output_channels][kernel_h][kernel_w][input_channels]. Lanes of the last vector behind a row's end are
 * loaded as 0, so what lies behind a patch does not count.
 * scratch: three patches of whole vectors, SB_PATCH_SLACK bytes.
 */
#include "sb_patch_mve.h"

typedef struct {
  int32_t lane[3];
} sums;

/* Adds 16 products to each of the six sums. */
SB_INLINE void add_vectors(int8x16_t a, int8x16_t b, const int8_t **x0, const int8_t **x1, const int8_t **x2,
                           sums *sums_a, sums *sums_b)
{
  int8x16_t x;
  *x0 = sb_take_bytes(*x0, &x);
  sums_a->lane[0] = vmladavaq_s8(sums_a->lane[0], a, x);
  sums_b->lane[0] = vmladavaq_s8(sums_b->lane[0], b, x);
  *x1 = sb_take_bytes(*x1, &x);
  sums_a->lane[1] = vmladavaq_s8(sums_a->lane[1], a, x);
  sums_b->lane[1] = vmladavaq_s8(sums_b->lane[1], b, x);
  *x2 = sb_take_bytes(*x2, &x);
  sums_a->lane[2] = vmladavaq_s8(sums_a->lane[2], a, x);
  sums_b->lane[2] = vmladavaq_s8(sums_b->lane[2], b, x);
}

SB_INLINE void store_channel(const sb_conv_layer *layer, int32_t c, const sums *s, uint32x4_t pixels, int8_t *output)
{
  const int32x4_t lanes = sb_four(s->lane[0], s->lane[1], s->lane[2], s->lane[2]);
  const sb_scaling scaling = sb_scaling_of(&layer->channels[c], layer->shifts[c], layer->output_zero_point);
  vstrbq_scatter_offset_s32(output + c, pixels, sb_requantised(lanes, &scaling));
}

/* All channels of 1 .. 3 patches. */
static void all_channels(const sb_conv_layer *layer, const int8_t *patches, int32_t pitch, int32_t size, int32_t count,
                         int8_t *output)
{
  const int32_t channels = layer->output_channels;
  const int32_t second = count > 1 ? 1 : 0, third = count - 1;
  const int32x4_t lanes = sb_four(0, second, third, third);
  const uint32x4_t pixels = vmulq_n_u32(vreinterpretq_u32_s32(lanes), (uint32_t)channels);
  const int8_t *a = layer->weights;
  for (int32_t c = 0; c < channels; c += 2) {
    const int32_t next = c + 1 < channels ? c + 1 : c;
    const int8_t *b = a + (next - c) * size;
    const int8_t *x0 = patches, *x1 = patches + second * pitch, *x2 = patches + third * pitch;
    sums sums_a = {{0, 0, 0}}, sums_b = {{0, 0, 0}};
    int8x16_t row_a, row_b;
    for (int32_t vectors = size / 16; vectors > 0; vectors--) {
      a = sb_take_bytes(a, &row_a);
      b = sb_take_bytes(b, &row_b);
      add_vectors(row_a, row_b, &x0, &x1, &x2, &sums_a, &sums_b);
    }
    if (size % 16 > 0) {
      row_a = sb_load_first(a, size % 16);
      row_b = sb_load_first(b, size % 16);
      add_vectors(row_a, row_b, &x0, &x1, &x2, &sums_a, &sums_b);
    }
    a = b + size % 16;
    store_channel(layer, c, &sums_a, pixels, output);
    store_channel(layer, next, &sums_b, pixels, output);
  }
}

void sb_conv2d_s8_mve(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  const sb_window *const w = &layer->window;
  const int32_t size = w->kernel_h * w->kernel_w * layer->input_channels;
  const int32_t pitch = sb_vector_bytes(size);
  const int32_t pixels = w->output_h * w->output_w;
  int8_t *to = output;
  sb_pixel pixel = {0, 0};
  for (int32_t left = pixels; left > 0; left -= 3) {
    const int32_t count = left < 3 ? left : 3;
    pixel = sb_copy_patches_s8_mve(layer, input, pixel, count, scratch, pitch);
    all_channels(layer, scratch, pitch, size, count, to);
    to += count * layer->output_channels;
  }
  sb_clamp_s8(output, pixels * layer->output_channels, layer->low, layer->high);
}
