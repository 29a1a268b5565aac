/* SPDX-License-Identifier: Apache-2.0 */
/*
 * two_layers, layer by layer.
 *
 * Every value has its place in one array, the arena, known before the network runs. All of its 68 bytes are
 * in use at once. "arena 0..64" are its bytes 0 to 63.
 *
 * Generated, do not edit. Graph: sha256 48edb47962d35881. Core: cortex-m4, with DSP instructions.
 * Made again by: subbyte pack MODEL --board BOARD -o DIR
 */
#include "model.h"

#include <string.h>

#include "kernels/sb_kernels.h"
#include "weights.h"

/* With -DSUBBYTE_TRACE whoever links the model sees the output of each layer as soon as it is there. */
#ifdef SUBBYTE_TRACE
void subbyte_trace(int layer, const int8_t *output, int32_t bytes);
#define TRACE(layer, output, bytes) subbyte_trace(layer, output, bytes)
#else
#define TRACE(layer, output, bytes) ((void)(output))
#endif

_Alignas(4) static int8_t two_layers_arena[TWO_LAYERS_ARENA_BYTES];

_Static_assert(TWO_LAYERS_INPUT_BYTES + 36 <= TWO_LAYERS_ARENA_BYTES, "input leaves the arena");
_Static_assert(TWO_LAYERS_OUTPUT_BYTES + 4 <= TWO_LAYERS_ARENA_BYTES, "output leaves the arena");

int8_t *two_layers_input(void)
{
  return two_layers_arena + 36;
}

const int8_t *two_layers_output(void)
{
  return two_layers_arena + 4;
}

void two_layers_run(void)
{
  int8_t *const arena = two_layers_arena;

  /* 0 conv2d_0: conv2d_s8: [4,3,2] -> [4,3,3], 2x2 stride 1, 288 MAC;
     arena 36..60 -> 0..36, scratch 60..68 */
  sb_conv2d_s8(&two_layers_conv2d_0_layer, arena + 36, arena, arena + 60);
  TRACE(0, arena, 36);

  /* 1 mean_1: mean_s8: [4,3,3] -> [3];
     arena 0..36 -> 0..3 */
  sb_mean_s8(&two_layers_mean_1_layer, arena, arena);
  TRACE(1, arena, 3);

  /* 2 fullyconnected_2: fully_connected_s8: [3] -> [2], 6 MAC;
     arena 0..3 -> 4..6 */
  sb_fully_connected_s8(&two_layers_fullyconnected_2_layer, arena, arena + 4);
  TRACE(2, arena + 4, 2);
}

void two_layers_predict(const int8_t *input, int8_t *output)
{
  memcpy(two_layers_input(), input, TWO_LAYERS_INPUT_BYTES);
  two_layers_run();
  memcpy(output, two_layers_output(), TWO_LAYERS_OUTPUT_BYTES);
}
