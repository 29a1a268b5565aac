/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operators of a quantised network: int8 in, int8 out, TFLite Micro's integers to the last bit.
 *
 * One function a file. `_dsp` functions compute the same bytes with the SIMD instructions of Armv7E-M and Armv8-M
 * Main, `_mve` functions with those of Helium, `_scalar` ones with single multiplications that do two products; all
 * run on any other machine too (sb_dsp.h, sb_mve.h, sb_scalar.h), which is how they are tested. Images are [H, W, C],
 * the channel running fastest. No function allocates, fails, or uses a floating-point number.
 *
 * Everything that can be known before the network runs is known: the generator folds the input's zero point into the
 * bias, lays weights out in the order in which the kernel reads them, and turns scales into multipliers and shifts.
 *
 * Scratch is working memory of one call, aligned to 4 bytes, for `_mve` functions to 16; the generator knows the size
 * that each kernel needs.
 * "May run in place" means: `output` may be `input`, and then overwrites it from its first byte on.
 */
#ifndef SB_KERNELS_H
#define SB_KERNELS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A window that moves over an image: sizes in elements, along H and along W. */
typedef struct {
  uint16_t input_h, input_w;
  uint16_t output_h, output_w;
  uint16_t kernel_h, kernel_w;
  uint16_t stride_h, stride_w;
  uint16_t dilation_h, dilation_w;
  uint16_t pad_top, pad_left;
} sb_window;

/*
 * One output channel: what to add to its sum of products, and what to multiply that by.
 * bias holds - input zero point * sum of the channel's weights beside the bias proper, so that kernels multiply the
 * stored bytes as they are. Where the window leaves the image it meets the input's zero point.
 */
typedef struct {
  int32_t bias;
  int32_t multiplier; /* of a number with 31 fraction bits, 0.5 .. 1 */
} sb_channel;

/* Conv2D and DepthwiseConv2D. The order of `weights` is the kernel's own, see its file. */
typedef struct {
  const int8_t *weights;
  const sb_channel *channels; /* [output_channels] */
  const int8_t *shifts;       /* [output_channels]: > 0 to the left, < 0 to the right */
  sb_window window;
  uint16_t input_channels, output_channels;
  int8_t input_zero_point, output_zero_point;
  int8_t low, high; /* the output stays within low .. high */
} sb_conv_layer;

/* sb_channel and its shift, which is to the right, in two words that SMMLAR and ASR by a register take as they are. */
typedef struct {
  int32_t doubled;        /* 2 * multiplier, modulo 2^32 */
  int32_t bias_and_right; /* 256 * bias + shift to the right less one */
} sb_paired_channel;

/*
 * One output channel as a straight line, for functions named `relu`: output = (sum * slope / 2^32 + start) / 2^19, each
 * quotient rounded downwards, where `sum` is of products of values times 2^8 and weights times 2^shift. Of the paired
 * kernels it is / 2^16, and `sum` times 2^raised.
 */
typedef struct {
  int32_t slope;
  int32_t start;
} sb_line;

/* Conv2D by the kernels named `paired`, which take the weights of two channels as one int16. */
typedef struct {
  const int8_t *weights;
  union { /* [output_channels], and one more behind an odd number of them */
    const sb_paired_channel *channels;
    const sb_line *lines;
  };
  sb_window window;
  uint16_t input_channels, output_channels;
  int8_t input_zero_point, output_zero_point;
  int8_t low, high;
  int8_t raised;  /* of lines: see there */
  int8_t doubled; /* of kernels named `fives`, sb_fives_dsp.h: 0, or 1 where weights are 2 * v + 1 */
} sb_paired_conv_layer;

/* Conv2D by the kernels named `triple`, which take the weights of three channels as two int16: see sb_triple_dsp.h. */
typedef struct {
  sb_paired_conv_layer conv; /* `weights`: packed, as in sb_unpack_triples_dsp.c; tables: for whole threes of channels */
  uint16_t quads;            /* fours of values of a window, as a patch holds them */
  int8_t bits, step, least;  /* a weight is step * u + least, where u has `bits` bits */
} sb_triple_conv_layer;

/* Conv2D by the kernels named `nibbles`, which take the weights of four channels as one int16: see sb_nibbles_dsp.h. */
typedef struct {
  sb_paired_conv_layer conv; /* tables: for whole fours of channels */
  int8_t doubled;            /* 0, or 1 where weights are 2 * v + 1 */
} sb_nibble_conv_layer;

/* Conv2D by the kernels named `planes`, which take weights of few bits as planes of signs: see sb_planes.h. */
typedef struct {
  const int8_t *weights;
  union { /* [output_channels] */
    const sb_channel *channels;
    const sb_line *lines;
  };
  const int8_t *shifts; /* as in sb_conv_layer; none beside lines */
  sb_window window;
  uint16_t input_channels, output_channels;
  int8_t input_zero_point, output_zero_point;
  int8_t low, high;
  int8_t planes;
  int8_t doubled; /* 0 or 1: sums are doubled between two planes; see there */
} sb_planes_conv_layer;

/* DepthwiseConv2D by a `_scalar` or `_dsp` kernel: where it is turned, `window` and the weights have H and W
   exchanged. shifts: of a channel to the right, -31 .. -1; or, 0 .. 13, that its weights are to be shifted left by
   `raised`, which its bias has been, and its sum to the right by one more than that. */
typedef struct {
  const int8_t *weights;
  union { /* [output_channels] */
    const sb_channel *channels; /* `_scalar`: bias - 128 * sum of the channel's weights */
    const sb_line *lines;
  };
  const int8_t *shifts; /* [output_channels]; beside lines, to the left, of the weights */
  sb_window window;
  uint16_t input_channels, output_channels;
  int8_t input_zero_point, output_zero_point;
  int8_t low, high;
  int8_t turned; /* 0 or 1 */
  int8_t raised;
} sb_turned_conv_layer;

typedef struct {
  const int8_t *weights;
  const sb_channel *channels;
  const int8_t *shifts;
  int32_t rows, input_size, output_size; /* [rows, input_size] -> [rows, output_size] */
  int8_t output_zero_point;
  int8_t low, high;
} sb_fully_connected_layer;

/* FullyConnected by a `paired` kernel, which takes the weights of two outputs as one int16. */
typedef struct {
  const int8_t *weights;
  const sb_paired_channel *channels; /* [output_size], and one more behind an odd number of them */
  int32_t rows, input_size, output_size;
  int8_t output_zero_point;
  int8_t low, high;
} sb_paired_fully_connected_layer;

/* Conv2D with Helium instructions and weights of 1 to 4 bits: see sb_short_rows_fields_s8_mve.c. */
typedef struct {
  sb_conv_layer conv;
  int8_t bits; /* of a field: 1, 2 or 4 */
  int8_t rise; /* 0, or 1 where a weight is 2 * field + 1 */
} sb_fields_conv_layer;

/*
 * Weights of 1 to 7 bits in flash, packed as sb_unpack_s8.c has it. Each is u * step + least, modulo 256, where u has
 * `bits` bits; a layer's are filled up to a multiple of 32.
 */
typedef struct {
  const int8_t *weights;
  uint16_t blocks; /* of 32 weights */
  int8_t bits;
  int8_t step, least; /* step: 1 or 2 */
  int8_t paired;      /* 0, or 1 where two bytes are one number: sb_paired_dsp.h */
  int8_t corrected;   /* 0, or 1 where bytes that are no such weights are listed behind them */
} sb_packed_weights;

/* FullyConnected with packed weights: see sb_packed_rows.h. */
typedef struct {
  sb_packed_weights packed; /* the weights of block_size outputs, one block behind the other */
  const sb_channel *channels;
  const int8_t *shifts;
  int32_t rows, input_size, output_size, block_size;
  int8_t output_zero_point;
  int8_t low, high;
} sb_packed_fully_connected_layer;

typedef struct {
  sb_packed_weights packed;
  const sb_paired_channel *channels;
  int32_t rows, input_size, output_size, block_size;
  int8_t output_zero_point;
  int8_t low, high;
} sb_packed_paired_fully_connected_layer;

/* FullyConnected with weights of 1 to 7 bits, read as they are stored: u * step + least, see the kernel's file. */
typedef struct {
  const int8_t *weights;
  const sb_channel *channels;
  const int8_t *shifts;
  int32_t rows, input_size, output_size;
  int8_t bits, step, least;
  int8_t output_zero_point;
  int8_t low, high;
} sb_fields_fully_connected_layer;

/* The same where u is not cut: inputs in blocks of `block`, and `over` more. */
typedef struct {
  sb_fields_fully_connected_layer fields;
  int8_t block, over;
} sb_whole_fields_fully_connected_layer;

/*
 * FullyConnected with weights of few bits, several outputs in one int16 each: v, or 2 * v + 1 where `doubled`. chunk:
 * inputs, a multiple of 4, over which sums stay apart; all of them where the kernel's file says so.
 */
typedef struct {
  const int8_t *weights;
  const sb_paired_channel *channels; /* [output_size] */
  int32_t rows, input_size, output_size, chunk;
  int8_t bits, doubled;
  int8_t output_zero_point;
  int8_t low, high;
} sb_joined_fully_connected_layer;

/* AveragePool2D and MaxPool2D: elements outside the image do not count. */
typedef struct {
  sb_window window;
  uint16_t channels;
  int8_t low, high;
} sb_pool_layer;

/* A number as a 31-bit fraction and a power of two, as in sb_channel. */
typedef struct {
  int32_t multiplier;
  int32_t shift;
} sb_factor;

typedef struct {
  sb_factor factor;
  int32_t pixels;
  uint16_t channels;
  int8_t input_zero_point, output_zero_point;
} sb_mean_layer;

typedef struct {
  sb_factor input, other, output;
  int32_t size; /* elements */
  int8_t input_zero_point, other_zero_point, output_zero_point;
  int8_t low, high;
} sb_add_layer;

/* output = (input * slope + other * other_slope + start) / 2^shift, rounded downwards. */
typedef struct {
  int32_t slope, other_slope, start, shift;
  int32_t size; /* elements */
  int8_t low, high;
} sb_add_linear_layer;

typedef struct {
  sb_factor factor;
  int32_t size; /* elements */
  int8_t input_zero_point, output_zero_point;
  int8_t low, high;
} sb_requantise_layer;

typedef struct {
  uint16_t input_h, input_w, channels;
  uint16_t top, bottom, left, right; /* rows and columns added */
  int8_t value;                      /* of what is added: the zero point */
} sb_pad_layer;

typedef struct {
  sb_factor factor;   /* takes a difference of two inputs to 26 fraction bits */
  int32_t difference; /* inputs this far below the largest have probability 0; <= 0 */
  int32_t rows, size; /* [rows, size], each row on its own */
} sb_softmax_layer;

/* Writes 32 * blocks bytes, what the layer's kernel takes for its weights. Gives the address behind the packed ones. */
const int8_t *sb_unpack_s8(const sb_packed_weights *packed, void *to);

/* Convolution of any shape. */
void sb_conv2d_s8(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_conv2d_s8_scalar(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_conv2d_left_s8_scalar(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_conv2d_s8_dsp(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_conv2d_paired_s8_dsp(const sb_paired_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_conv2d_paired_relu_s8_dsp(const sb_paired_conv_layer *layer, const int8_t *input, int8_t *output,
                                  void *scratch);
void sb_conv2d_triple_s8_dsp(const sb_triple_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_conv2d_triple_relu_s8_dsp(const sb_triple_conv_layer *layer, const int8_t *input, int8_t *output,
                                  void *scratch);
void sb_conv2d_planes_s8_dsp(const sb_planes_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_conv2d_planes_relu_s8_dsp(const sb_planes_conv_layer *layer, const int8_t *input, int8_t *output,
                                  void *scratch);

/* 1x1 kernel, stride 1, no padding. May run in place where output_channels <= input_channels. */
void sb_conv2d_1x1_s8(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_conv2d_1x1_s8_scalar(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_conv2d_1x1_left_s8_scalar(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_conv2d_1x1_s8_dsp(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_conv2d_1x1_paired_s8_dsp(const sb_paired_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_conv2d_1x1_paired_relu_s8_dsp(const sb_paired_conv_layer *layer, const int8_t *input, int8_t *output,
                                      void *scratch);
void sb_conv2d_1x1_triple_s8_dsp(const sb_triple_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_conv2d_1x1_triple_relu_s8_dsp(const sb_triple_conv_layer *layer, const int8_t *input, int8_t *output,
                                      void *scratch);
void sb_conv2d_1x1_nibbles_s8_dsp(const sb_nibble_conv_layer *layer, const int8_t *input, int8_t *output,
                                  void *scratch);
void sb_conv2d_1x1_nibbles_relu_s8_dsp(const sb_nibble_conv_layer *layer, const int8_t *input, int8_t *output,
                                       void *scratch);
void sb_conv2d_1x1_fives_relu_s8_dsp(const sb_paired_conv_layer *layer, const int8_t *input, int8_t *output,
                                     void *scratch);
void sb_conv2d_1x1_planes_s8_dsp(const sb_planes_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_conv2d_1x1_planes_relu_s8_dsp(const sb_planes_conv_layer *layer, const int8_t *input, int8_t *output,
                                      void *scratch);

/* Output channel c reads input channel c / (output_channels / input_channels).
   May run in place where both have as many channels and the output no more pixels than the input; `_dsp`, where it has
   neither more rows nor more columns and what sb_depthwise_dsp.h says besides. */
void sb_depthwise_conv2d_s8(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_depthwise_conv2d_s8_scalar(const sb_turned_conv_layer *layer, const int8_t *input, int8_t *output,
                                   void *scratch);
void sb_depthwise_conv2d_s8_dsp(const sb_turned_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_depthwise_conv2d_3x3_s8_dsp(const sb_turned_conv_layer *layer, const int8_t *input, int8_t *output,
                                    void *scratch);
void sb_depthwise_conv2d_3x3_relu_s8_dsp(const sb_turned_conv_layer *layer, const int8_t *input, int8_t *output,
                                         void *scratch);

void sb_fully_connected_s8(const sb_fully_connected_layer *layer, const int8_t *input, int8_t *output);
void sb_fully_connected_s8_scalar(const sb_fully_connected_layer *layer, const int8_t *input, int8_t *output);
void sb_fully_connected_s8_dsp(const sb_fully_connected_layer *layer, const int8_t *input, int8_t *output);
void sb_fully_connected_paired_s8_dsp(const sb_paired_fully_connected_layer *layer, const int8_t *input,
                                      int8_t *output);

void sb_fully_connected_packed_s8(const sb_packed_fully_connected_layer *layer, const int8_t *input, int8_t *output,
                                  void *scratch);
void sb_fully_connected_packed_s8_scalar(const sb_packed_fully_connected_layer *layer, const int8_t *input,
                                         int8_t *output, void *scratch);
void sb_fully_connected_packed_s8_dsp(const sb_packed_fully_connected_layer *layer, const int8_t *input, int8_t *output,
                                      void *scratch);
void sb_fully_connected_packed_paired_s8_dsp(const sb_packed_paired_fully_connected_layer *layer, const int8_t *input,
                                             int8_t *output, void *scratch);

void sb_fully_connected_fields_s8_scalar(const sb_fields_fully_connected_layer *layer, const int8_t *input,
                                         int8_t *output);
void sb_fully_connected_whole_fields_s8_scalar(const sb_whole_fields_fully_connected_layer *layer, const int8_t *input,
                                               int8_t *output);
void sb_fully_connected_fields_s8_dsp(const sb_fields_fully_connected_layer *layer, const int8_t *input,
                                      int8_t *output);

/* At least four inputs. Weights of 1 and 2 bits, and of 3 and 4. */
void sb_fully_connected_joined_s8_dsp(const sb_joined_fully_connected_layer *layer, const int8_t *input,
                                      int8_t *output);
void sb_fully_connected_fives_s8_dsp(const sb_joined_fully_connected_layer *layer, const int8_t *input, int8_t *output);
void sb_fully_connected_nibbles_s8_dsp(const sb_joined_fully_connected_layer *layer, const int8_t *input,
                                       int8_t *output);

/* May run in place where nothing is padded. `_dsp`: at least four channels. */
void sb_average_pool2d_s8(const sb_pool_layer *layer, const int8_t *input, int8_t *output);
void sb_average_pool2d_s8_dsp(const sb_pool_layer *layer, const int8_t *input, int8_t *output);
void sb_max_pool2d_s8(const sb_pool_layer *layer, const int8_t *input, int8_t *output);
void sb_max_pool2d_s8_dsp(const sb_pool_layer *layer, const int8_t *input, int8_t *output);

/* May run in place. `_dsp`: at least four channels. */
void sb_mean_s8(const sb_mean_layer *layer, const int8_t *input, int8_t *output);
void sb_mean_s8_dsp(const sb_mean_layer *layer, const int8_t *input, int8_t *output);

/* May run in place, on either input. */
void sb_add_s8(const sb_add_layer *layer, const int8_t *input, const int8_t *other, int8_t *output);
void sb_add_linear_s8(const sb_add_linear_layer *layer, const int8_t *input, const int8_t *other, int8_t *output);

/* May run in place. */
void sb_requantise_s8(const sb_requantise_layer *layer, const int8_t *input, int8_t *output);

void sb_pad_s8(const sb_pad_layer *layer, const int8_t *input, int8_t *output);

/* One input of a concatenation: `rows` rows of `width` bytes, `pitch` bytes apart in the output. */
void sb_concatenation_s8(int32_t rows, int32_t width, int32_t pitch, const int8_t *input, int8_t *output);

/* May run in place. */
void sb_softmax_s8(const sb_softmax_layer *layer, const int8_t *input, int8_t *output);

/*
 * With Helium instructions. "Short": at most 64 products an output, at least four output pixels.
 * sb_conv2d_s8_mve may run in place where a 1x1 convolution may.
 */
void sb_conv2d_s8_mve(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_conv2d_short_s8_mve(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_conv2d_1x1_short_s8_mve(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_conv2d_fields_s8_mve(const sb_fields_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_conv2d_1x1_fields_s8_mve(const sb_fields_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
/* A kernel of at most 3x3, stride 1, no dilation. */
void sb_depthwise_conv2d_3x3_s8_mve(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_depthwise_conv2d_s8_mve(const sb_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch);
void sb_fully_connected_s8_mve(const sb_fully_connected_layer *layer, const int8_t *input, int8_t *output);
void sb_fully_connected_fields_s8_mve(const sb_fields_fully_connected_layer *layer, const int8_t *input, int8_t *output);
void sb_fully_connected_packed_s8_mve(const sb_packed_fully_connected_layer *layer, const int8_t *input, int8_t *output,
                                      void *scratch);
/* A window of at most 2800 elements. */
void sb_average_pool2d_s8_mve(const sb_pool_layer *layer, const int8_t *input, int8_t *output);
void sb_max_pool2d_s8_mve(const sb_pool_layer *layer, const int8_t *input, int8_t *output);
void sb_add_linear_s8_mve(const sb_add_linear_layer *layer, const int8_t *input, const int8_t *other, int8_t *output);
void sb_requantise_s8_mve(const sb_requantise_layer *layer, const int8_t *input, int8_t *output);
void sb_mean_s8_mve(const sb_mean_layer *layer, const int8_t *input, int8_t *output);

#ifdef __cplusplus
}
#endif

#endif /* SB_KERNELS_H */
