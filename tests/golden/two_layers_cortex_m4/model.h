/* SPDX-License-Identifier: Apache-2.0 */
/*
 * two_layers: a quantised network, int8 in, int8 out; real = scale * (integer - zero point).
 *
 * Write to two_layers_input(), call two_layers_run(), read two_layers_output(). A run overwrites its input.
 * RAM: 68 bytes, and the stack. Constants in flash: 163 bytes. No heap.
 *
 * Generated, do not edit. Graph: sha256 48edb47962d35881. Core: cortex-m4, with DSP instructions.
 * Made again by: subbyte pack MODEL --board BOARD -o DIR
 */
#ifndef TWO_LAYERS_MODEL_H
#define TWO_LAYERS_MODEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* input: int8 [4,3,2] */
#define TWO_LAYERS_INPUT_BYTES 24
#define TWO_LAYERS_INPUT_SCALE 0.05f
#define TWO_LAYERS_INPUT_ZERO_POINT (-3)

/* fullyconnected_2_out: int8 [2] */
#define TWO_LAYERS_OUTPUT_BYTES 2
#define TWO_LAYERS_OUTPUT_SCALE 0.1f
#define TWO_LAYERS_OUTPUT_ZERO_POINT (-1)

#define TWO_LAYERS_ARENA_BYTES 68

/* Where to write input before each run. */
int8_t *two_layers_input(void);

/* Computes the output. Keeps nothing from one run to the next; not to be called again before it returns. */
void two_layers_run(void);

/* Where fullyconnected_2_out lies after a run, until an input is written. */
const int8_t *two_layers_output(void);

/* All three, with copies: from `input` to `output`, which may be anywhere. */
void two_layers_predict(const int8_t *input, int8_t *output);

#ifdef __cplusplus
}
#endif

#endif /* TWO_LAYERS_MODEL_H */
