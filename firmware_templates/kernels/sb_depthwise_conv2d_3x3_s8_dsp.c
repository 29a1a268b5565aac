/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DepthwiseConv2D with a 3x3 kernel without dilation, any stride, with SIMD instructions: see sb_depthwise_3x3_dsp.h.
 * The sums are those of 256 times the products, sum >> 7 is twice the sum that sb_output_of_doubled takes.
 *
 * weights: [output_channels][3][3].
 */
#include "sb_depthwise_3x3_dsp.h"

static void widen_weights(const sb_turned_conv_layer *layer, int32_t channel, uint32_t *to)
{
  sb_widen_kernel(layer->weights + 9 * channel, sb_raised(layer, channel), to);
}

/* What outputs need beside the sums. */
typedef struct {
  int32_t doubled_bias, multiplier, right, twice;
  int32_t step, second; /* bytes to the next column, to the odd row of outputs */
} places;

SB_INLINE int8_t output_of(int32_t sum, const places *p)
{
  return sb_output_of_doubled(p->doubled_bias + (sum >> 7), p->multiplier, p->right, p->twice);
}

typedef struct {
  int32_t even, odd, next_even, next_odd;
} sums;

#if defined(__ARM_FEATURE_DSP) && SB_LOOPS_IN_ASSEMBLY

SB_INLINE sums sum_four(const uint32_t *x, const sb_kernel_3x3 *k)
{
  uint32_t r01, r23;
  int32_t even, odd, next_even, next_odd;
  __asm__ volatile(SB_SUM_FOUR
                   : SB_SUMS_OF_FOUR, [r01] "=&r"(r01), [r23] "=&r"(r23), [x] "+r"(x)
                   : SB_WEIGHTS_OF_FOUR(k)
                   : "memory");
  const sums s = {even, odd, next_even, next_odd};
  return s;
}

#else

SB_INLINE sums sum_four(const uint32_t *x, const sb_kernel_3x3 *k)
{
  sums s;
  sb_sum_two(x, k, &s.even, &s.odd);
  sb_sum_two(x + 2, k, &s.next_even, &s.next_odd);
  return s;
}

#endif

/* Two rows of outputs, two columns at a time, of which there are two at least; of an odd number the last but one is
   computed twice. */
static SB_APART void two_rows(const uint32_t *x, const uint32_t *weights, const places *at, int8_t *output,
                              int32_t columns)
{
  const sb_kernel_3x3 k = sb_kernel_of(weights);
  const places p = *at;
  for (int32_t left = columns;;) {
    const sums s = sum_four(x, &k);
    const int8_t even = output_of(s.even, &p), next_even = output_of(s.next_even, &p);
    const int8_t odd = output_of(s.odd, &p), next_odd = output_of(s.next_odd, &p);
    int8_t *const below = output + p.second;
    output[0] = even;
    output[p.step] = next_even;
    below[0] = odd;
    below[p.step] = next_odd;
    left -= 2;
    if (left == 0) {
      return;
    }
    x += 4;
    output += 2 * p.step;
    if (left == 1) {
      x -= 2;
      output -= p.step;
      left = 2;
    }
  }
}

/* One row of outputs, an even one. */
static SB_APART void one_row(const uint32_t *x, const uint32_t *weights, const places *at, int8_t *output,
                             int32_t columns, int32_t stride)
{
  const sb_kernel_3x3 k = sb_kernel_of(weights);
  const places p = *at;
  for (; columns > 0; columns--) {
    *output = output_of(sb_sum_one(x, &k), &p);
    output += p.step;
    x += 2 * stride;
  }
}

static void convolve(const sb_depthwise_rows *rows)
{
  const sb_turned_conv_layer *const layer = rows->layer;
  const uint32_t *x = rows->words, *weights = rows->weights;
  places p = {.twice = 2 * layer->output_zero_point + 1, .step = rows->step, .second = rows->second};
  for (int32_t i = 0; i < rows->channels; i++) {
    const int32_t channel = rows->channel + i;
    p.doubled_bias = 2 * layer->channels[channel].bias;
    p.multiplier = layer->channels[channel].multiplier;
    p.right = sb_right(layer, channel);
    if (rows->second != 0) {
      two_rows(x, weights, &p, rows->output + i, layer->window.output_w);
    } else {
      one_row(x, weights, &p, rows->output + i, layer->window.output_w, layer->window.stride_w);
    }
    x += rows->lane_step;
    weights += SB_KERNEL_WORDS;
  }
}

void sb_depthwise_conv2d_3x3_s8_dsp(const sb_turned_conv_layer *layer, const int8_t *input, int8_t *output,
                                    void *scratch)
{
  sb_depthwise_dsp(layer, input, output, scratch, SB_KERNEL_WORDS, widen_weights, convolve);
}
