/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DepthwiseConv2D with a 3x3 kernel without dilation, any stride, whose outputs end at the zero point, with SIMD
 * instructions: see sb_depthwise_3x3_dsp.h. From sum to output each channel has a straight line, whose start holds the
 * bias: two instructions an output.
 *
 * weights: [output_channels][3][3]. shifts: the weights are shifted left by these when they are widened.
 */
#include "sb_depthwise_3x3_dsp.h"

static void widen_weights(const sb_turned_conv_layer *layer, int32_t channel, uint32_t *to)
{
  sb_widen_kernel(layer->weights + 9 * channel, layer->shifts[channel], to);
}

/* What four outputs need beside the sums. */
typedef struct {
  int32_t slope, start;
  int32_t step, second; /* bytes to the next column, to the odd row of outputs */
} places;

SB_INLINE int8_t output_of(int32_t sum, const places *p)
{
  return (int8_t)sb_ssat8_line(sb_smmla(sum, p->slope, p->start));
}

#if defined(__ARM_FEATURE_DSP) && SB_LOOPS_IN_ASSEMBLY

/* Two columns of both rows of outputs: 16 instructions beside those of their sums. */
SB_INLINE void four_outputs(const uint32_t **x, const sb_kernel_3x3 *k, const places *p, int8_t **output)
{
  uint32_t r01, r23, even, odd, next_even, next_odd;
  __asm__ volatile(SB_SUM_FOUR
                   "ldrd %[r01], %[r23], %[slope]\n\t" /* and start */
                   "smmla %[even], %[even], %[r01], %[r23]\n\t"
                   "smmla %[next_even], %[next_even], %[r01], %[r23]\n\t"
                   "smmla %[odd], %[odd], %[r01], %[r23]\n\t"
                   "smmla %[next_odd], %[next_odd], %[r01], %[r23]\n\t"
                   "ldrd %[r01], %[r23], %[step]\n\t" /* and second */
                   "ssat %[even], #8, %[even], asr #19\n\t"
                   "ssat %[next_even], #8, %[next_even], asr #19\n\t"
                   "ssat %[odd], #8, %[odd], asr #19\n\t"
                   "ssat %[next_odd], #8, %[next_odd], asr #19\n\t"
                   "strb %[even], [%[output]]\n\t"
                   "strb %[next_even], [%[output], %[r01]]\n\t"
                   "strb %[odd], [%[output], %[r23]]\n\t"
                   "add %[r23], %[output]\n\t"
                   "strb %[next_odd], [%[r23], %[r01]]\n\t"
                   "add %[output], %[output], %[r01], lsl #1"
                   : SB_SUMS_OF_FOUR, [r01] "=&r"(r01), [r23] "=&r"(r23),
                     [x] "+r"(*x), [output] "+r"(*output)
                   : SB_WEIGHTS_OF_FOUR(k), [slope] "m"(*(const sb_two_words *)&p->slope),
                     [step] "m"(*(const sb_two_words *)&p->step)
                   : "memory");
}

#else

SB_INLINE void four_outputs(const uint32_t **x, const sb_kernel_3x3 *k, const places *p, int8_t **output)
{
  for (int32_t column = 0; column < 2; column++) {
    int32_t even, odd;
    sb_sum_two(*x, k, &even, &odd);
    **output = output_of(even, p);
    (*output)[p->second] = output_of(odd, p);
    *x += 2;
    *output += p->step;
  }
}

#endif

/* Two rows of outputs, two columns at a time, of which there are two at least; of an odd number the last but one is
   computed twice. */
static SB_APART void two_rows(const uint32_t *x, const uint32_t *weights, const places *at, int8_t *output,
                              int32_t columns)
{
  const sb_kernel_3x3 k = sb_kernel_of(weights);
  const places p = *at;
  const uint32_t *end = x + 4 * (columns >> 1);
  for (int32_t odd = columns & 1;; odd = 0) {
    do {
      four_outputs(&x, &k, &p, &output);
    } while (x != end);
    if (odd == 0) {
      return;
    }
    x -= 2;
    output -= p.step;
    end = x + 4;
  }
}

/* One row of outputs, an even one. */
static SB_APART void one_row(const uint32_t *x, const uint32_t *weights, const places *at, int8_t *output,
                             int32_t columns, int32_t stride)
{
  const sb_kernel_3x3 k = sb_kernel_of(weights);
  const places p = *at;
  for (; stride == 1 && columns >= 2; columns -= 2) {
    int32_t sum, next;
    sb_sum_next(x, &k, &sum, &next);
    output[0] = output_of(sum, &p);
    output[p.step] = output_of(next, &p);
    output += 2 * p.step;
    x += 4;
  }
  for (; columns > 0; columns--) {
    *output = output_of(sb_sum_one(x, &k), &p);
    output += p.step;
    x += 2 * stride;
  }
}

static void convolve(const sb_depthwise_rows *rows)
{
  const sb_window *const w = &rows->layer->window;
  const sb_line *line = rows->layer->lines + rows->channel;
  const uint32_t *x = rows->words, *weights = rows->weights;
  int8_t *output = rows->output;
  places p = {.step = rows->step, .second = rows->second};
  for (const sb_line *const end = line + rows->channels; line < end; line++) {
    p.slope = line->slope;
    p.start = line->start;
    if (rows->second != 0) {
      two_rows(x, weights, &p, output, w->output_w);
    } else {
      one_row(x, weights, &p, output, w->output_w, w->stride_w);
    }
    x += rows->lane_step;
    weights += SB_KERNEL_WORDS;
    output++;
  }
}

void sb_depthwise_conv2d_3x3_relu_s8_dsp(const sb_turned_conv_layer *layer, const int8_t *input, int8_t *output,
                                         void *scratch)
{
  sb_depthwise_dsp(layer, input, output, scratch, SB_KERNEL_WORDS, widen_weights, convolve);
}
