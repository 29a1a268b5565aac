/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FullyConnected with packed weights and SIMD instructions: those of some outputs at a time, an even number of them,
 * are unpacked and met by sb_fully_connected_paired_s8_dsp. The drawing stands in sb_packed_rows.h.
 */
#include "sb_kernels.h"

void sb_fully_connected_packed_paired_s8_dsp(const sb_packed_paired_fully_connected_layer *layer, const int8_t *input,
                                             int8_t *output, void *scratch)
{
  sb_packed_weights packed = layer->packed;
  sb_paired_fully_connected_layer block = {
      scratch,
      layer->channels,
      1,
      layer->input_size,
      layer->block_size,
      layer->output_zero_point,
      layer->low,
      layer->high,
  };
  for (int32_t left = layer->output_size; left > 0; left -= block.output_size) {
    if (left < block.output_size) {
      block.output_size = left;
    }
    packed.weights = sb_unpack_s8(&packed, scratch);
    for (int32_t row = 0; row < layer->rows; row++) {
      sb_fully_connected_paired_s8_dsp(&block, input + row * layer->input_size, output + row * layer->output_size);
    }
    block.channels += block.output_size;
    output += block.output_size;
  }
}
