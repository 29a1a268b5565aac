/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network's whole input at every hop: a ring of the last FRONTEND_FRAMES rows behind the stream.
 *
 *   rows   | 50 | 51 | 2 | 3 | ... | 49 |      next = 2: the oldest row, and the place of row 52
 */
#include <string.h>

#include "frontend_kernels.h"

void frontend_listener_reset(frontend_listener_t *listener)
{
    frontend_stream_reset(&listener->stream);
    listener->next = 0;
    listener->filled = 0;
}

int frontend_listener_push(frontend_listener_t *listener, const int16_t *hop, int8_t *features)
{
    int8_t *row = listener->rows + listener->next * FRONTEND_FEATURES;
    if (!frontend_stream_push(&listener->stream, hop, row)) {
        return 0;
    }
    listener->next++;
    if (listener->next == FRONTEND_FRAMES) {
        listener->next = 0;
    }
    if (listener->filled < FRONTEND_FRAMES) {
        listener->filled++;
    }
    if (listener->filled < FRONTEND_FRAMES) {
        return 0;
    }

    const size_t newer_bytes = (size_t)listener->next * FRONTEND_FEATURES;
    const size_t older_bytes = sizeof listener->rows - newer_bytes;
    memcpy(features, listener->rows + newer_bytes, older_bytes);
    memcpy(features + older_bytes, listener->rows, newer_bytes);
    return 1;
}
