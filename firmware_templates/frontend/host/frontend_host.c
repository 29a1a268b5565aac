/* SPDX-License-Identifier: Apache-2.0 */
/* Many clips on the host, each thread with its own scratch, and streams: what binding.py and streaming.py call. */
#include "frontend_host.h"

#include <string.h>

#include "frontend_kernels.h"

int32_t frontend_host_scratch_bytes(void)
{
    return (int32_t)sizeof(frontend_scratch_t);
}

void frontend_host_raw(const int16_t *audio, int64_t n_clips, int16_t *raw, void *scratch)
{
    frontend_scratch_t *own = scratch;
    for (int64_t clip = 0; clip < n_clips; clip++, audio += FRONTEND_CLIP_SAMPLES) {
        for (int32_t t = 0; t < FRONTEND_FRAMES; t++, raw += FRONTEND_FEATURES) {
            frontend_clip_frame(audio, t, own);
            memcpy(raw, own->raw, sizeof own->raw);
        }
    }
}

void frontend_host_features(const int16_t *audio, int64_t n_clips, int8_t *features, void *scratch)
{
    frontend_scratch_t *own = scratch;
    for (int64_t clip = 0; clip < n_clips; clip++, audio += FRONTEND_CLIP_SAMPLES) {
        for (int32_t t = 0; t < FRONTEND_FRAMES; t++, features += FRONTEND_FEATURES) {
            frontend_clip_frame(audio, t, own);
            frontend_quantise(own->raw, features);
        }
    }
}

int32_t frontend_host_stream_bytes(void)
{
    return (int32_t)sizeof(frontend_stream_t);
}

void frontend_host_stream_start(void *stream)
{
    frontend_stream_reset(stream);
}

int64_t frontend_host_stream(void *stream, const int16_t *audio, int64_t n_hops, int8_t *features)
{
    int64_t rows = 0;
    for (int64_t hop = 0; hop < n_hops; hop++) {
        rows += frontend_stream_push(stream, audio + hop * FRONTEND_HOP_SAMPLES, features + rows * FRONTEND_FEATURES);
    }
    return rows;
}
