/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FullyConnected in plain C: every output is one sum of products.
 *
 * weights: [output_size][input_size], TFLite's order.
 */
#include "sb_plain.h"

void sb_fully_connected_s8(const sb_fully_connected_layer *layer, const int8_t *input, int8_t *output)
{
  for (int32_t row = 0; row < layer->rows; row++) {
    const int8_t *weights = layer->weights;
    for (int32_t c = 0; c < layer->output_size; c++) {
      const int32_t sum = sb_dot(input, weights, layer->input_size);
      *output++ =
          sb_output(sum, &layer->channels[c], layer->shifts[c], layer->output_zero_point, layer->low, layer->high);
      weights += layer->input_size;
    }
    input += layer->input_size;
  }
}
