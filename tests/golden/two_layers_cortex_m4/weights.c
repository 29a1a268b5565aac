/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constants of two_layers: 163 bytes of flash. Weights are in the order in which their kernel reads them; a bias
 * holds the input's zero point as well. Constants that several layers have stand at the first of them.
 *
 * Generated, do not edit. Graph: sha256 48edb47962d35881. Core: cortex-m4, with DSP instructions.
 * Made again by: subbyte pack MODEL --board BOARD -o DIR
 */
#include "weights.h"

/* ---- 0 conv2d_0: conv2d_s8 ---- */

/* [3, 2, 2, 2] as they are; scales 0.00356904 .. 0.00978952 */
static const int8_t two_layers_conv2d_0_weights[24] = {
    -7,    3,   65,  115, -119,  -91,   82,  114,  -64,  -48,   94,  -20,  -58,   84,  -62,  -23,
    37,   13, -106, -120,   93,   65,   86,   10,
};

/* bias, multiplier */
static const sb_channel two_layers_conv2d_0_channels[3] = {
  {-2519, 1727846464}, {-664, 1121217322},  {4049, 1635083474},
};

/* shift of each channel */
static const int8_t two_layers_conv2d_0_shifts[3] = {
    -8,   -6,   -8,
};

const sb_conv_layer two_layers_conv2d_0_layer = {
  .weights = two_layers_conv2d_0_weights,
  .channels = two_layers_conv2d_0_channels,
  .shifts = two_layers_conv2d_0_shifts,
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
