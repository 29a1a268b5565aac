# SPDX-License-Identifier: Apache-2.0
"""Draws: whole numbers from Philox's raw words, which numpy promises never to change (data/augment.py says more)."""

import numpy as np
from numpy.typing import NDArray


class Draws:
    """Numbers that follow from `keys` alone: each scene, each resampling has its own."""

    _WORDS = 256  # taken at a time

    def __init__(self, *keys: int) -> None:
        self._stream = np.random.Philox(np.random.SeedSequence(list(keys)))
        self._words: list[int] = []

    def below(self, n: int) -> int:
        """Uniform in 0..n-1, 1 <= n < 2^32; the bias is below n / 2^32."""
        if not self._words:
            self._words = self._stream.random_raw(self._WORDS).tolist()
        return (self._words.pop() >> 32) * n >> 32

    def between(self, low: int, high: int) -> int:
        """Uniform in low..high, both included."""
        return low + self.below(high - low + 1)


def resamplings(n: int, count: int, seed: int) -> NDArray[np.int64]:
    """Bootstrap: how often each of n things is drawn in n draws with replacement, int64 [count, n]."""
    stream = np.random.Philox(np.random.SeedSequence([seed, n, count]))
    drawn = (stream.random_raw(count * n) >> np.uint64(32)) * np.uint64(n) >> np.uint64(32)
    rows = np.repeat(np.arange(count, dtype=np.int64) * n, n)
    return np.bincount(rows + drawn.astype(np.int64), minlength=count * n).reshape(count, n)
