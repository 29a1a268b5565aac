/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constants of two_layers: 176 bytes of flash. Weights are in the order in which their kernel reads them; a bias
 * holds the input's zero point as well. Constants that several layers have stand at the first of them.
 *
 * Generated, do not edit. Graph: sha256 48edb47962d35881. Core: cortex-m4, with DSP instructions.
 * Made again by: subbyte pack MODEL --board BOARD -o DIR
 */
#include "weights.h"

/* ---- 0 conv2d_0: conv2d_paired_s8_dsp ---- */

/* [3, 2, 2, 2] as pairs of output channels in int16; scales 0.00356904 .. 0.00978952 */
_Alignas(4) static const int8_t two_layers_conv2d_0_weights[32] = {
    -7,  -65,   65,   94,    3,  -48,  115,  -20, -119,  -59,   82,  -62,  -91,   83,  114,  -23,
    37,    0, -106,   -1,   13,    0, -120,   -1,   93,    0,   86,    0,   65,    0,   10,    0,
};

/* doubled multiplier, bias and shift */
static const sb_paired_channel two_layers_conv2d_0_channels[4] = {
  {-839274368, -644857},  {-2052532652, -169979}, {-1024800348, 1036551}, {0, 0},
};

const sb_paired_conv_layer two_layers_conv2d_0_layer = {
  .weights = two_layers_conv2d_0_weights,
  .channels = two_layers_conv2d_0_channels,
  .window = {
    .input_h = 4, .input_w = 3,
    .output_h = 4, .output_w = 3,
    .kernel_h = 2, .kernel_w = 2,
    .stride_h = 1, .stride_w = 1,
    .dilation_h = 1, .dilation_w = 1,
    .pad_top = 0, .pad_left = 0,
  },
  .input_channels = 2,
  .output_channels = 3,
  .input_zero_point = -3,
  .output_zero_point = 4,
  .low = -128,
  .high = 127,
  .raised = 0,
};

/* ---- 1 mean_1: mean_s8 ---- */

const sb_mean_layer two_layers_mean_1_layer = {
  .factor = {.multiplier = 1073741824, .shift = -1},
  .pixels = 12,
  .channels = 3,
  .input_zero_point = 4,
  .output_zero_point = 4,
};

/* ---- 2 fullyconnected_2: fully_connected_s8 ---- */

/* [2, 3] as they are; scales 0.00668969 .. 0.0177754 */
static const int8_t two_layers_fullyconnected_2_weights[6] = {
   -93,  -30,  -25,  103,  -76,    1,
};

/* bias, multiplier */
static const sb_channel two_layers_fullyconnected_2_channels[2] = {
  {-1310, 1954422302}, {-127, 1471078755},
};

/* shift of each channel */
static const int8_t two_layers_fullyconnected_2_shifts[2] = {
    -8,   -9,
};

const sb_fully_connected_layer two_layers_fullyconnected_2_layer = {
  .weights = two_layers_fullyconnected_2_weights,
  .channels = two_layers_fullyconnected_2_channels,
  .shifts = two_layers_fullyconnected_2_shifts,
  .rows = 1,
  .input_size = 3,
  .output_size = 2,
  .output_zero_point = -1,
  .low = -128,
  .high = 127,
};
