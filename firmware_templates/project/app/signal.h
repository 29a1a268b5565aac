/* SPDX-License-Identifier: Apache-2.0 */
/* Sound made sample by sample: a rising tone that fades in steps, over noise. */
#ifndef SIGNAL_H
#define SIGNAL_H

#include <stdint.h>

struct signal {
  uint32_t index;
  uint32_t phase; /* 2^32 is one period */
  uint32_t step;
  uint32_t noise;
};

void signal_start(struct signal *signal);
void signal_samples(struct signal *signal, int16_t *samples, uint32_t count);

#endif
