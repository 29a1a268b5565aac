/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constants of two_layers, for model.c alone.
 *
 * Generated, do not edit. Graph: sha256 48edb47962d35881. Core: cortex-m4, with DSP instructions.
 * Made again by: subbyte pack MODEL --board BOARD -o DIR
 */
#ifndef TWO_LAYERS_WEIGHTS_H
#define TWO_LAYERS_WEIGHTS_H

#include "kernels/sb_kernels.h"

extern const sb_conv_layer two_layers_conv2d_0_layer;
extern const sb_mean_layer two_layers_mean_1_layer;
extern const sb_fully_connected_layer two_layers_fullyconnected_2_layer;

#endif /* TWO_LAYERS_WEIGHTS_H */
