# SPDX-License-Identifier: Apache-2.0
"""The inputs that a firmware makes by itself, once more in Python: app/random.h, app/pattern.c and app/signal.c.

Made rather than stored, they cost no flash however large a network's input is. The C is the definition; a test
compiles it and compares.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_WORD = 0xFFFFFFFF

# app/signal.c
_FIRST_STEP = 26843546
_SWEEP = 65536
_NOISE_SEED = 1


def random_words(seed: int) -> Iterator[int]:
    """Marsaglia's xorshift with 32 bits, without end. `seed` must not be 0.

    >>> words = random_words(1)
    >>> next(words), next(words)
    (270369, 67634689)
    """
    state = seed
    while True:
        state ^= state << 13 & _WORD
        state ^= state >> 17
        state ^= state << 5 & _WORD
        yield state


def pattern(seed: int, low: int, high: int, count: int) -> NDArray[np.int8]:
    """`count` values low..high.

    >>> pattern(1, -128, 127, 4).tolist()
    [-128, -124, 29, -110]
    """
    words = random_words(seed)
    span = high - low + 1
    return np.array([low + ((next(words) >> 16) * span >> 16) for _ in range(count)], np.int8)


def rising_tone(count: int) -> NDArray[np.int16]:
    """`count` samples of the rising, fading tone over noise."""
    words = random_words(_NOISE_SEED)
    noise = np.array([(next(words) >> 22) - 512 for _ in range(count)], np.int64)
    index = np.arange(count, dtype=np.uint64)
    # The phase after sample n: the sum of the steps FIRST, FIRST + SWEEP, ..., FIRST + n * SWEEP.
    phase = ((index + 1) * _FIRST_STEP + index * (index + 1) // 2 * _SWEEP) & _WORD
    ramp = (phase >> np.uint64(16)).astype(np.int64)
    triangle = np.where(ramp < 32768, 2 * ramp - 32768, 98303 - 2 * ramp)
    divisor = np.int64(1) << ((index >> np.uint64(11)) & np.uint64(7)).astype(np.int64)
    faded = np.sign(triangle) * (np.abs(triangle) // divisor)  # towards zero, as C divides
    samples: NDArray[np.int16] = np.clip(faded + noise, -32768, 32767).astype(np.int16)
    return samples
