/* SPDX-License-Identifier: Apache-2.0 */
/* Sound as it arrives: a ring of the last hops, one row of features for each hop once a window has been heard. */
#include <string.h>

#include "frontend_kernels.h"

void frontend_stream_reset(frontend_stream_t *stream)
{
    stream->next = 0;
    stream->filled = 0;
}

int frontend_stream_push(frontend_stream_t *stream, const int16_t *hop, int8_t *features)
{
    memcpy(stream->samples + stream->next, hop, FRONTEND_HOP_SAMPLES * sizeof hop[0]);
    stream->next += FRONTEND_HOP_SAMPLES;
    if (stream->next == FRONTEND_RING_SAMPLES) {
        stream->next = 0;
    }
    if (stream->filled < FRONTEND_RING_SAMPLES) {
        stream->filled += FRONTEND_HOP_SAMPLES;
    }
    if (stream->filled < FRONTEND_RING_SAMPLES) {
        return 0;
    }

    /* The window starts at the oldest sample and may run over the ring's end. */
    const int32_t to_end = FRONTEND_RING_SAMPLES - stream->next;
    const int32_t before = to_end < FRONTEND_WINDOW_SAMPLES ? to_end : FRONTEND_WINDOW_SAMPLES;
    int32_t *frame = frontend_scratch.frame;
    uint32_t bits = frontend_window(stream->samples + stream->next, 1, 0, before, frame);
    bits |= frontend_window(stream->samples, 1, before, FRONTEND_WINDOW_SAMPLES - before, frame);
    frontend_frame(bits, &frontend_scratch);
    frontend_quantise(frontend_scratch.raw, features);
    return 1;
}
