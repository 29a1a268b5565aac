/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FullyConnected with packed weights, for any kernel that computes some outputs: one of them is given, so that each
 * function calls it directly and links no other.
 *
 *     packed weights:  block 0 | block 1 | ..        scratch:  one block, as the kernel reads it
 *     outputs:         |<block_size>|          |
 *
 * A block is the weights of block_size outputs, of the last one as many as are left, which stand first in it.
 */
#ifndef SB_PACKED_ROWS_H
#define SB_PACKED_ROWS_H

#include "sb_fixedpoint.h"
#include "sb_kernels.h"

typedef void sb_outputs(const sb_fully_connected_layer *layer, const int8_t *input, int8_t *output);

/* scratch: 32 * blocks bytes, a block of weights. */
SB_INLINE void sb_connect_packed(const sb_packed_fully_connected_layer *layer, const int8_t *input, int8_t *output,
                                 void *scratch, sb_outputs *outputs)
{
  sb_packed_weights packed = layer->packed;
  sb_fully_connected_layer block = {
      scratch,
      layer->channels,
      layer->shifts,
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
      outputs(&block, input + row * layer->input_size, output + row * layer->output_size);
    }
    block.channels += block.output_size;
    block.shifts += block.output_size;
    output += block.output_size;
  }
}

#endif /* SB_PACKED_ROWS_H */
