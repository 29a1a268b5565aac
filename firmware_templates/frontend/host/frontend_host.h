/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of clips on the host. scratch: frontend_host_scratch_bytes() bytes, aligned to 8, one per thread. */
#ifndef FRONTEND_HOST_H
#define FRONTEND_HOST_H

#include <stdint.h>

int32_t frontend_host_scratch_bytes(void);

/* audio: n_clips x FRONTEND_CLIP_SAMPLES; raw: n_clips x FRONTEND_FRAMES x FRONTEND_FEATURES. */
void frontend_host_raw(const int16_t *audio, int64_t n_clips, int16_t *raw, void *scratch);

/* The same, as the network's int8. */
void frontend_host_features(const int16_t *audio, int64_t n_clips, int8_t *features, void *scratch);

#endif
