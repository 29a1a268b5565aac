/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DepthwiseConv2D with a 3x3 kernel without dilation, stride 1 or 2 along H, any along W, whose outputs end at the zero
 * point, with SIMD instructions: sb_depthwise_dsp.h, with all weights of a channel in registers. w01 and w12 are the
 * pairs of a column of weights; of a column (r0 r1) (r2 r3) of the image
 *
 *     even row of outputs   r0 w0 + r1 w1   SMLAD        odd row   r1 w0           SMLATB
 *                           r2 w2           SMLABT                 r2 w1 + r3 w2   SMLAD
 *
 * From sum to output each channel has a straight line, whose start holds the bias: two instructions an output.
 *
 * weights: [output_channels][3][3]. shifts: the weights are shifted left by these when they are widened.
 */
#include "sb_depthwise_dsp.h"

/* Pairs of the three columns in turn. */
enum { W01, W12, COLUMN };

static void widen_weights(const sb_turned_conv_layer *layer, int32_t channel, uint32_t *to)
{
  const int8_t *w = layer->weights + 9 * channel;
  const int32_t times = 1 << layer->shifts[channel];
  for (const int8_t *const end = w + 3; w < end; w++) {
    *to++ = sb_pair(w[0] * times, w[3] * times);
    *to++ = sb_pair(w[3] * times, w[6] * times);
  }
}

/* The weights of a channel. */
typedef struct {
  uint32_t a0, b0, a1, b1, a2, b2; /* W01 and W12 of each column */
} kernel;

SB_INLINE kernel kernel_of(const uint32_t *weights)
{
  const kernel k = {weights[0], weights[1], weights[2], weights[3], weights[4], weights[5]};
  return k;
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

#if defined(__ARM_FEATURE_DSP) && defined(__OPTIMIZE__)

/* Two columns of both rows of outputs: 44 instructions for 36 products and four outputs. All 14 registers are in use
   here, where GCC 12, left to itself, keeps weights on the stack. */
SB_INLINE void four_outputs(const uint32_t **x, const kernel *k, const places *p, int8_t **output)
{
  uint32_t r01, r23, even, odd, next_even, next_odd;
  __asm__ volatile("ldrd %[r01], %[r23], [%[x]], #16\n\t" /* the first column */
                   "smuad %[even], %[r01], %[a0]\n\t"
                   "smultb %[odd], %[r01], %[a0]\n\t"
                   "smlabt %[even], %[r23], %[b0], %[even]\n\t"
                   "smlad %[odd], %[r23], %[b0], %[odd]\n\t"
                   "ldrd %[r01], %[r23], [%[x], #-8]\n\t"
                   "smuad %[next_even], %[r01], %[a0]\n\t"
                   "smultb %[next_odd], %[r01], %[a0]\n\t"
                   "smlad %[even], %[r01], %[a1], %[even]\n\t"
                   "smlatb %[odd], %[r01], %[a1], %[odd]\n\t"
                   "smlabt %[next_even], %[r23], %[b0], %[next_even]\n\t"
                   "smlad %[next_odd], %[r23], %[b0], %[next_odd]\n\t"
                   "smlabt %[even], %[r23], %[b1], %[even]\n\t"
                   "smlad %[odd], %[r23], %[b1], %[odd]\n\t"
                   "ldrd %[r01], %[r23], [%[x]]\n\t"
                   "smlad %[even], %[r01], %[a2], %[even]\n\t"
                   "smlatb %[odd], %[r01], %[a2], %[odd]\n\t"
                   "smlad %[next_even], %[r01], %[a1], %[next_even]\n\t"
                   "smlatb %[next_odd], %[r01], %[a1], %[next_odd]\n\t"
                   "smlabt %[even], %[r23], %[b2], %[even]\n\t"
                   "smlad %[odd], %[r23], %[b2], %[odd]\n\t"
                   "smlabt %[next_even], %[r23], %[b1], %[next_even]\n\t"
                   "smlad %[next_odd], %[r23], %[b1], %[next_odd]\n\t"
                   "ldrd %[r01], %[r23], [%[x], #8]\n\t" /* the fourth */
                   "smlad %[next_even], %[r01], %[a2], %[next_even]\n\t"
                   "smlatb %[next_odd], %[r01], %[a2], %[next_odd]\n\t"
                   "smlabt %[next_even], %[r23], %[b2], %[next_even]\n\t"
                   "smlad %[next_odd], %[r23], %[b2], %[next_odd]\n\t"
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
                   : [even] "=&r"(even), [odd] "=&r"(odd), [next_even] "=&r"(next_even), [next_odd] "=&r"(next_odd),
                     [r01] "=&r"(r01), [r23] "=&r"(r23), [x] "+r"(*x), [output] "+r"(*output)
                   : [a0] "r"(k->a0), [b0] "r"(k->b0), [a1] "r"(k->a1), [b1] "r"(k->b1), [a2] "r"(k->a2),
                     [b2] "r"(k->b2), [slope] "m"(*(const sb_two_words *)&p->slope),
                     [step] "m"(*(const sb_two_words *)&p->step)
                   : "memory");
}

#else

SB_INLINE void four_outputs(const uint32_t **x, const kernel *k, const places *p, int8_t **output)
{
  const uint32_t a[3] = {k->a0, k->a1, k->a2}, b[3] = {k->b0, k->b1, k->b2};
  for (int32_t column = 0; column < 2; column++) {
    int32_t even = 0, odd = 0;
    for (int32_t i = 0; i < 3; i++) {
      even = sb_smlabt((*x)[2 * i + 1], b[i], sb_smlad((*x)[2 * i], a[i], even));
      odd = sb_smlad((*x)[2 * i + 1], b[i], sb_smlatb((*x)[2 * i], a[i], odd));
    }
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
  const kernel k = kernel_of(weights);
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
  const kernel k = kernel_of(weights);
  const places p = *at;
  for (; columns > 0; columns--) {
    uint32_t r01, r23;
    sb_load_two(x, &r01, &r23);
    int32_t sum = sb_smlabt(r23, k.b0, sb_smuad(r01, k.a0));
    sb_load_two(x + 2, &r01, &r23);
    sum = sb_smlabt(r23, k.b1, sb_smlad(r01, k.a1, sum));
    sb_load_two(x + 4, &r01, &r23);
    sum = sb_smlabt(r23, k.b2, sb_smlad(r01, k.a2, sum));
    *output = output_of(sum, &p);
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
    weights += 6;
    output++;
  }
}

void sb_depthwise_conv2d_3x3_relu_s8_dsp(const sb_turned_conv_layer *layer, const int8_t *input, int8_t *output, void *scratch)
{
  sb_depthwise_dsp(layer, input, output, scratch, 6, widen_weights, convolve);
}
