/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FullyConnected with packed weights in plain C: those of some outputs at a time are unpacked and met by
 * sb_fully_connected_s8. See sb_packed_rows.h.
 */
#include "sb_packed_rows.h"

void sb_fully_connected_packed_s8(const sb_packed_fully_connected_layer *layer, const int8_t *input, int8_t *output,
                                  void *scratch)
{
  sb_connect_packed(layer, input, output, scratch, sb_fully_connected_s8);
}
