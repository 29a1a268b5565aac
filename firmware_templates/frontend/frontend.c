/* SPDX-License-Identifier: Apache-2.0 */
/* A whole clip: which samples each frame sees, and the steps from there to its features. */
#include "frontend.h"

#include <string.h>

#include "frontend_kernels.h"

frontend_scratch_t frontend_scratch;

void frontend_frame(uint32_t bits, frontend_scratch_t *scratch)
{
    int32_t *frame = scratch->frame;
    memset(frame + FRONTEND_WINDOW_SAMPLES, 0, sizeof scratch->frame - FRONTEND_WINDOW_SAMPLES * sizeof frame[0]);
    const int32_t shift = frontend_scale(bits, frame);
    frontend_fft(frame);
    frontend_mel(frame, shift, scratch->levels);
    frontend_coefficients(scratch->levels, scratch->raw);
}

/* Samples `first` .. of a clip, `count` of them, all beyond one of its ends: mirrored at that end, or zero. */
static uint32_t beyond(const int16_t *audio, int32_t first, int32_t entry, int32_t count, int32_t *frame)
{
    if (count <= 0) {
        return 0;
    }
    if (!FRONTEND_REFLECT) {
        memset(frame + entry, 0, (size_t)count * sizeof frame[0]);
        return 0;
    }
    const int32_t mirrored = first < 0 ? -first : 2 * (FRONTEND_CLIP_SAMPLES - 1) - first;
    return frontend_window(audio + mirrored, -1, entry, count, frame);
}

void frontend_clip_frame(const int16_t *audio, int32_t t, frontend_scratch_t *scratch)
{
    const int32_t first = t * FRONTEND_HOP_SAMPLES - FRONTEND_CENTRE_PAD; /* of the window; before the clip if < 0 */
    const int32_t end = first + FRONTEND_WINDOW_SAMPLES;
    const int32_t inside_first = first > 0 ? first : 0;
    const int32_t inside_end = end < FRONTEND_CLIP_SAMPLES ? end : FRONTEND_CLIP_SAMPLES;
    int32_t *frame = scratch->frame;

    uint32_t bits = beyond(audio, first, 0, inside_first - first, frame);
    bits |= frontend_window(audio + inside_first, 1, inside_first - first, inside_end - inside_first, frame);
    bits |= beyond(audio, inside_end, inside_end - first, end - inside_end, frame);
    frontend_frame(bits, scratch);
}

void frontend_clip(const int16_t *audio, int8_t *features)
{
    for (int32_t t = 0; t < FRONTEND_FRAMES; t++) {
        frontend_clip_frame(audio, t, &frontend_scratch);
        frontend_quantise(frontend_scratch.raw, features + t * FRONTEND_FEATURES);
    }
}
