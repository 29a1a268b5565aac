/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of the front end, in order, and the tables they read. For frontend.h's files only. */
#ifndef FRONTEND_KERNELS_H
#define FRONTEND_KERNELS_H

#include "frontend.h"

/* From a raw feature to the network's int8: (raw - offset) * multiplier, divided by 2^shift, rounded, clamped. */
typedef struct {
    int16_t offset;
    int16_t multiplier;
    int16_t shift;
} frontend_normalisation_t;

extern const uint16_t frontend_hann[FRONTEND_WINDOW_SAMPLES / 2 + 1];
extern const int32_t frontend_cosine[FRONTEND_FFT_SIZE / 4 + 1];
extern const uint16_t frontend_mel_edges[FRONTEND_BANDS + 2];
extern const uint16_t frontend_mel_rising[FRONTEND_MEL_BINS];
extern const uint16_t frontend_root_chords[193];
extern const uint16_t frontend_log2_chords[65];
extern const int16_t frontend_dct_wave[4 * FRONTEND_BANDS];
extern const frontend_normalisation_t frontend_normalisation[FRONTEND_FEATURES];

/*
 * Multiply `count` samples, samples[0], samples[step], ..., by the window from its entry `first` on, into
 * frame[first ...]. Returns the OR of the magnitudes.
 */
uint32_t frontend_window(const int16_t *samples, int32_t step, int32_t first, int32_t count, int32_t *frame);

/* Shift a windowed frame so that it fills 29 bits; returns the shift, -2 .. 28. `bits`: OR of the magnitudes. */
int32_t frontend_scale(uint32_t bits, int32_t *frame);

/* Real transform in place, divided by FRONTEND_FFT_SIZE: bin k's real and imaginary part at [2k], [2k + 1], k >= 1. */
void frontend_fft(int32_t *frame);

/* log2 of each mel band, 16 fraction bits, never below FRONTEND_LOG2_FLOOR. */
void frontend_mel(const int32_t *spectrum, int32_t shift, int32_t *levels);

/* 65536 * log2(value), value > 0. */
int32_t frontend_log2(uint64_t value);

/* Raw features from the levels, which are spoiled. One of frontend_dct.c and frontend_logmel.c. */
void frontend_coefficients(int32_t *levels, int16_t *raw);

/* One row of raw features to one row of int8. */
void frontend_quantise(const int16_t *raw, int8_t *features);

/* From a windowed frame in scratch->frame to its raw features in scratch->raw. */
void frontend_frame(uint32_t bits, frontend_scratch_t *scratch);

/* Raw features of frame t of a clip, in scratch->raw. */
void frontend_clip_frame(const int16_t *audio, int32_t t, frontend_scratch_t *scratch);

/* Zero bits above the highest one; value > 0. */
static inline int32_t frontend_leading_zeros(uint32_t value)
{
#if defined(__GNUC__) || defined(__clang__)
    return __builtin_clz(value);
#else
    int32_t zeros = 0;
    for (; value < 0x80000000u; value <<= 1) {
        zeros++;
    }
    return zeros;
#endif
}

/* The same of 64 bits; value > 0. */
static inline int32_t frontend_leading_zeros64(uint64_t value)
{
    const uint32_t high = (uint32_t)(value >> 32);
    return high != 0 ? frontend_leading_zeros(high) : 32 + frontend_leading_zeros((uint32_t)value);
}

#endif
