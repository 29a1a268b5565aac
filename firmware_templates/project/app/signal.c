/* SPDX-License-Identifier: Apache-2.0 */
/*
 * At 16000 samples a second: a triangle from 100 Hz to 4 kHz within a second, halved every 2048 samples and loud again
 * after eight times that, so that the front end meets full scale, quiet, and everything between.
 */
#include "app/signal.h"

#include "app/random.h"

#define FIRST_STEP 26843546u /* 100 Hz at 16 kHz */
#define SWEEP 65536u         /* 3.9 kHz a second more, at 16 kHz */
#define NOISE_SEED 1u

void signal_start(struct signal *signal)
{
  signal->index = 0;
  signal->phase = 0;
  signal->step = FIRST_STEP;
  signal->noise = NOISE_SEED;
}

static int16_t next_sample(struct signal *signal)
{
  signal->phase += signal->step;
  signal->step += SWEEP;
  const int32_t ramp = (int32_t)(signal->phase >> 16);
  const int32_t triangle = ramp < 32768 ? 2 * ramp - 32768 : 98303 - 2 * ramp;
  const int32_t faded = triangle / (1 << (signal->index >> 11 & 7u));
  const int32_t noise = (int32_t)(random_next(&signal->noise) >> 22) - 512;
  signal->index++;
  const int32_t sum = faded + noise;
  return (int16_t)(sum < INT16_MIN ? INT16_MIN : sum > INT16_MAX ? INT16_MAX : sum);
}

void signal_samples(struct signal *signal, int16_t *samples, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++) {
    samples[i] = next_sample(signal);
  }
}
