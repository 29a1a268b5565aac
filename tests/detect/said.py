# SPDX-License-Identifier: Apache-2.0
"""A small corpus of clear words, and streams of it whose every sample is known."""

import numpy as np
from numpy.typing import NDArray

from toolchain.data.layout import CLIP_SAMPLES
from toolchain.data.streams.speech import Speech, speech_of
from toolchain.data.words import Words

KEYWORDS = ("yes", "no")


def hiss(n: int, loudest: int, seed: int) -> NDArray[np.int16]:
    """int16 [n], uniform within ± loudest, from raw words: sums of such samples may be written down."""
    words = np.random.Philox(seed).random_raw(n) >> np.uint64(33)
    return ((words % np.uint64(2 * loudest + 1)).astype(np.int64) - loudest).astype(np.int16)


def some_words() -> Words:
    """Three clips of each keyword, four of two other words, a silent one; two recordings, one of them short."""
    names = ("bed",) * 2 + ("cat",) * 3 + ("no",) * 3 + ("yes",) * 3
    x = np.zeros((len(names), CLIP_SAMPLES), np.int16)
    for row in range(len(names)):
        if row != 4:  # the third cat says nothing
            x[row, 4000 : 4000 + 160 * (30 + row)] = hiss(160 * (30 + row), 3000 + row, seed=row)
    noise = (hiss(40_000, 900, seed=20), hiss(700, 90, seed=21))
    return Words(x, names, tuple(f"{name}/{row:08x}_nohash_0.wav" for row, name in enumerate(names)), noise)


def some_speech() -> Speech:
    """The same, ready for mixing."""
    return speech_of(some_words(), KEYWORDS)
