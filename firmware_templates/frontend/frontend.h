/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Front end: sound samples in, the int8 features a network reads out. Integer arithmetic only, no heap, no libm.
 *
 * Three ways to call it, which give the same bytes:
 *
 *   a whole clip            frontend_clip(audio, features);
 *   sound as it arrives     frontend_stream_reset(&stream);
 *                           if (frontend_stream_push(&stream, hop, row)) { row holds the next frame }
 *   a decision every hop    frontend_listener_reset(&listener);
 *                           if (frontend_listener_push(&listener, hop, features)) { features hold the last frames }
 *
 * All work in frontend_scratch, so none may interrupt another; between calls nothing in it is needed.
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

/* A stream and the rows that it gave last: what a network that decides at every hop looks at. */
typedef struct {
    frontend_stream_t stream;
    int8_t rows[FRONTEND_FRAMES * FRONTEND_FEATURES];
    int32_t next;   /* where the next row is written: the oldest one, once all are there */
    int32_t filled; /* rows written since the reset, at most FRONTEND_FRAMES */
} frontend_listener_t;

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

/* Forget what was heard, and its rows. */
void frontend_listener_reset(frontend_listener_t *listener);

/*
 * Hear FRONTEND_HOP_SAMPLES more samples. Once FRONTEND_FRAMES rows have been heard, each call returns 1 and writes
 * them all, oldest first; before that it returns 0 and leaves `features` alone. They are those that frontend_clip
 * gives for the last FRONTEND_CLIP_SAMPLES samples, centred front ends again excepted. `features` may be the network's
 * input, which running the network may overwrite: the listener keeps the rows elsewhere.
 */
int frontend_listener_push(frontend_listener_t *listener, const int16_t *hop, int8_t *features);

#ifdef __cplusplus
}
#endif

#endif
