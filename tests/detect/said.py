# SPDX-License-Identifier: Apache-2.0
"""A small corpus of clear words, and streams of it whose every sample is known."""

import numpy as np

from toolchain.data.layout import CLIP_SAMPLES
from toolchain.data.words import Words
from toolchain.detect.speech import Speech, speech_of

KEYWORDS = ("yes", "no")


def some_words(seed: int = 0) -> Words:
    """Three clips of each keyword, four of two other words, a silent one; two recordings, one of them short."""
    rng = np.random.default_rng(seed)
    names = ("bed",) * 2 + ("cat",) * 3 + ("no",) * 3 + ("yes",) * 3
    x = np.zeros((len(names), CLIP_SAMPLES), np.int16)
    for row in range(len(names)):
        if row != 4:  # the third cat says nothing
            x[row, 4000 : 4000 + 160 * (30 + row)] = rng.integers(-3000 - row, 3001 + row, 160 * (30 + row))
    noise = (rng.integers(-900, 901, 40_000).astype(np.int16), rng.integers(-90, 91, 700).astype(np.int16))
    return Words(x, names, tuple(f"{name}/{row:08x}_nohash_0.wav" for row, name in enumerate(names)), noise)


def some_speech(seed: int = 0) -> Speech:
    """The same, ready for mixing."""
    return speech_of(some_words(seed), KEYWORDS)
