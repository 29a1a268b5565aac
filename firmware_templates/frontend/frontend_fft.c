/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real FFT by a complex one of half the size, in place, decimation in time.
 *
 * Even samples are taken as real parts and odd ones as imaginary parts; after the complex transform the two are told
 * apart by their symmetry. Bit-reversed input, one radix-2 pass where the size asks for it, then radix-4 passes.
 * Each doubling of the length halves the values, so |value| < 2^29 at the start means that every sum fits 32 bits.
 * Twiddles have 30 fraction bits: the high word of a 64-bit product is a quarter of it, rounded down, which is just
 * what a radix-4 step needs. One rounding for each product of two complex numbers.
 */
#include "frontend_kernels.h"

#define POINTS (FRONTEND_FFT_SIZE / 2)   /* complex points */
#define QUARTER (FRONTEND_FFT_SIZE / 4)  /* a right angle, in steps of a turn / FRONTEND_FFT_SIZE */

typedef struct {
    int32_t re;
    int32_t im;
} complex_t;

/* cos - i sin of `angle`, 0 .. QUARTER. */
static inline complex_t first_quadrant(int32_t angle)
{
    return (complex_t){frontend_cosine[angle], -frontend_cosine[QUARTER - angle]};
}

/* The same up to 3 * QUARTER: each right angle turns (c, s) to (s, -c). */
static inline complex_t twiddle(int32_t angle)
{
    if (angle < QUARTER) {
        return first_quadrant(angle);
    }
    if (angle < 2 * QUARTER) {
        const complex_t w = first_quadrant(angle - QUARTER);
        return (complex_t){w.im, -w.re};
    }
    const complex_t w = first_quadrant(angle - 2 * QUARTER);
    return (complex_t){-w.re, -w.im};
}

/* A quarter of z * w. */
static inline complex_t turned(const int32_t *z, complex_t w)
{
    const int32_t re = z[0];
    const int32_t im = z[1];
    return (complex_t){
        (int32_t)(((int64_t)re * w.re + (int64_t)(-im) * w.im) >> 32),
        (int32_t)(((int64_t)im * w.re + (int64_t)re * w.im) >> 32),
    };
}

static void reverse_bits(int32_t *z)
{
    int32_t reversed = 0;
    for (int32_t i = 1; i < POINTS; i++) {
        int32_t bit = POINTS / 2;
        for (; (reversed & bit) != 0; bit >>= 1) {
            reversed ^= bit;
        }
        reversed |= bit;
        if (i < reversed) {
            const complex_t kept = {z[2 * i], z[2 * i + 1]};
            z[2 * i] = z[2 * reversed];
            z[2 * i + 1] = z[2 * reversed + 1];
            z[2 * reversed] = kept.re;
            z[2 * reversed + 1] = kept.im;
        }
    }
}

static void radix2_pass(int32_t *z)
{
    for (int32_t i = 0; i < 2 * POINTS; i += 4) {
        const complex_t a = {z[i], z[i + 1]};
        const complex_t b = {z[i + 2], z[i + 3]};
        z[i] = (a.re + b.re) >> 1;
        z[i + 1] = (a.im + b.im) >> 1;
        z[i + 2] = (a.re - b.re) >> 1;
        z[i + 3] = (a.im - b.im) >> 1;
    }
}

/* From transforms of `length` points to transforms of four times as many, whose twiddles lie `step` apart. */
static void radix4_pass(int32_t *z, int32_t length, int32_t step)
{
    for (int32_t k = 0; k < length; k++) {
        const complex_t w1 = first_quadrant(k * step);
        const complex_t w2 = twiddle(2 * k * step);
        const complex_t w3 = twiddle(3 * k * step);
        for (int32_t i = k; i < POINTS; i += 4 * length) {
            int32_t *p0 = z + 2 * i;
            int32_t *p1 = p0 + 2 * length;
            int32_t *p2 = p1 + 2 * length;
            int32_t *p3 = p2 + 2 * length;
            const complex_t a = {p0[0] >> 2, p0[1] >> 2};
            const complex_t c = turned(p1, w2); /* bit-reversed order: the second transform is that of 4n + 2 */
            const complex_t b = turned(p2, w1);
            const complex_t d = turned(p3, w3);
            const complex_t even = {a.re + c.re, a.im + c.im};
            const complex_t even_half_turn = {a.re - c.re, a.im - c.im};
            const complex_t odd = {b.re + d.re, b.im + d.im};
            const complex_t odd_half_turn = {b.re - d.re, b.im - d.im};
            p0[0] = even.re + odd.re;
            p0[1] = even.im + odd.im;
            p1[0] = even_half_turn.re + odd_half_turn.im;
            p1[1] = even_half_turn.im - odd_half_turn.re;
            p2[0] = even.re - odd.re;
            p2[1] = even.im - odd.im;
            p3[0] = even_half_turn.re - odd_half_turn.im;
            p3[1] = even_half_turn.im + odd_half_turn.re;
        }
    }
}

/* Tell the spectrum of even samples from that of odd ones: bins k and POINTS - k from each other, halved again. */
static void split(int32_t *z)
{
    for (int32_t k = 1; k <= POINTS / 2; k++) {
        int32_t *low = z + 2 * k;
        int32_t *high = z + 2 * (POINTS - k);
        const complex_t even = {(low[0] + high[0]) >> 2, (low[1] - high[1]) >> 2};
        const int32_t difference[2] = {low[0] - high[0], low[1] + high[1]};
        const complex_t t = turned(difference, first_quadrant(k));
        low[0] = even.re + t.im; /* even - i t */
        low[1] = even.im - t.re;
        high[0] = even.re - t.im; /* the conjugate of even + i t; in the middle, where both are one bin, this stays */
        high[1] = -(even.im + t.re);
    }
}

void frontend_fft(int32_t *frame)
{
    int32_t length = 1;
    int32_t step = QUARTER;
    reverse_bits(frame);
    if (FRONTEND_FFT_LOG2 % 2 == 0) { /* POINTS is 2 * 4^n */
        radix2_pass(frame);
        length = 2;
        step = QUARTER / 2;
    }
    for (; length < POINTS; length *= 4, step /= 4) {
        radix4_pass(frame, length, step);
    }
    split(frame);
}
