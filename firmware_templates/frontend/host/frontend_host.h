/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of clips and streams on the host. scratch: frontend_host_scratch_bytes() bytes, aligned to 8, one per thread. */
#ifndef FRONTEND_HOST_H
#define FRONTEND_HOST_H

#include <stdint.h>

int32_t frontend_host_scratch_bytes(void);

/* audio: n_clips x FRONTEND_CLIP_SAMPLES; raw: n_clips x FRONTEND_FRAMES x FRONTEND_FEATURES. */
void frontend_host_raw(const int16_t *audio, int64_t n_clips, int16_t *raw, void *scratch);

/* The same, as the network's int8. */
void frontend_host_features(const int16_t *audio, int64_t n_clips, int8_t *features, void *scratch);

/*
 * Sound as it arrives, n_hops x FRONTEND_HOP_SAMPLES at a time: frontend_stream_push for each hop. Returns how many rows
 * of FRONTEND_FEATURES it wrote. stream: frontend_host_stream_bytes() bytes, aligned to 4, first made by ..._start.
 * Works in the one frontend_scratch of the library: one thread at a time.
 */
int32_t frontend_host_stream_bytes(void);
void frontend_host_stream_start(void *stream);
int64_t frontend_host_stream(void *stream, const int16_t *audio, int64_t n_hops, int8_t *features);

#endif
