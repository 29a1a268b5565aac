/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Front end: sound samples in, the int8 features a network reads out. Integer arithmetic only, no heap, no libm.
 *
 * Two ways to call it, which give the same bytes:
 *
 *   a whole clip            frontend_clip(audio, features);
 *   sound as it arrives     frontend_stream_reset(&stream);
 *                           if (frontend_stream_push(&stream, hop, row)) { row holds the next frame }
 *
 * Both work in frontend_scratch, so neither may interrupt the other; between calls nothing in it is needed.
 * Sizes and the meaning of a feature stand in frontend_config.h. Right shifts of negative numbers are taken to be
 * arithmetic, as every compiler for Arm has them.
 */
#ifndef FRONTEND_H
#define FRONTEND_H

#include <stdint.h>

#include "frontend_config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Working memory of one frame: first the windowed samples, then in their place the spectrum. */
typedef struct {
    int32_t frame[FRONTEND_FFT_SIZE];
    int32_t levels[FRONTEND_BANDS]; /* log2 of each mel band, 16 fraction bits */
    int16_t raw[FRONTEND_FEATURES];
} frontend_scratch_t;

extern frontend_scratch_t frontend_scratch;

/* Sound heard so far, as a ring of whole hops that holds at least one window. */
typedef struct {
    int16_t samples[FRONTEND_RING_SAMPLES];
    int32_t next;   /* where the next hop is written: the oldest sample, once the ring is full */
    int32_t filled; /* samples written since the reset, at most FRONTEND_RING_SAMPLES */
} frontend_stream_t;

/* Features of a clip. audio: FRONTEND_CLIP_SAMPLES samples; features: FRONTEND_FRAMES rows of FRONTEND_FEATURES. */
void frontend_clip(const int16_t *audio, int8_t *features);

/* Forget what was heard. */
void frontend_stream_reset(frontend_stream_t *stream);

/*
 * Hear FRONTEND_HOP_SAMPLES more samples. Returns 1 and writes one row of FRONTEND_FEATURES once a whole window has
 * been heard, else returns 0 and leaves `features` alone. Row t sees samples t * hop .. t * hop + window - 1 since the
 * reset: row t of frontend_clip, except that centred front ends (FRONTEND_CENTRE_PAD > 0) invent half a window
 * before a clip and a stream does not.
 */
int frontend_stream_push(frontend_stream_t *stream, const int16_t *hop, int8_t *features);

#ifdef __cplusplus
}
#endif

#endif
