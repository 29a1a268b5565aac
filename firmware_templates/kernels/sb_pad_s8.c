/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pad: a border of one value around an image.
 */
#include <string.h>

#include "sb_kernels.h"

static int8_t *fill(int8_t *output, int8_t value, int32_t count)
{
  memset(output, value, (size_t)count);
  return output + count;
}

void sb_pad_s8(const sb_pad_layer *layer, const int8_t *input, int8_t *output)
{
  const int32_t row = layer->input_w * layer->channels;
  const int32_t left = layer->left * layer->channels;
  const int32_t right = layer->right * layer->channels;
  output = fill(output, layer->value, layer->top * (left + row + right));
  for (int32_t y = 0; y < layer->input_h; y++) {
    output = fill(output, layer->value, left);
    memcpy(output, input, (size_t)row);
    output = fill(output + row, layer->value, right);
    input += row;
  }
  fill(output, layer->value, layer->bottom * (left + row + right));
}
