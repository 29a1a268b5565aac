# SPDX-License-Identifier: Apache-2.0
"""Augmentation of training clips: time shift and background noise, in int16, a pure function of (seed, epoch, index).

    shift   whole samples, uniform within ±shift_ms; what moves in is zero
    noise   with `noise_probability`, volume v uniform in 0..noise_volume:   (1 - v) * clip + v * noise

The noise is cross-faded as Peter et al. do it (research/papers.md section 1.2), not added and clipped as TensorFlow's
example does. The results differ by the clip's level alone (0.9 dB at most), and a weighted mean of int16 values is an
int16 value: nothing can overflow, so no clipping distorts loud clips and the arithmetic stays exact in integers.
For silence, which is zeros, the two are the same.

Draws: Philox, a counter-based generator, with its key from (seed, epoch); clip `index` owns words 8 * index onwards of
its raw stream. So order, batch size, threads and worker processes change nothing, and a resumed run repeats itself.
numpy promises that raw streams never change (docstring of numpy.random.Philox, "Compatibility Guarantee"), but not so
its distributions: those are made here from the raw words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.data.layout import SAMPLE_RATE_HZ

_WORDS = 8  # 64-bit words a clip owns; five are used
_SHIFT, _WHETHER, _VOLUME, _FILE, _CROP = range(5)
_VOLUME_BITS = 15


@dataclass(frozen=True)
class AugmentSpec:
    """What may happen to a clip. Defaults: issue 2 and research/papers.md section 1.2."""

    shift_ms: int = 100
    noise_probability: float = 0.8
    noise_volume: float = 0.1
    rate_hz: int = SAMPLE_RATE_HZ

    def __post_init__(self) -> None:
        if self.shift_ms < 0 or not 0 <= self.noise_probability <= 1 or not 0 <= self.noise_volume <= 1:
            raise ValueError(f"{self}: shift must not be negative; probability and volume lie in 0..1")

    @property
    def max_shift(self) -> int:
        """Largest shift in samples."""
        return self.shift_ms * self.rate_hz // 1000


@dataclass(frozen=True, eq=False)
class Draws:
    """What was drawn for each clip of a batch; all [B].

    shift: samples, positive is later. volume: 0..2^15 stands for 0..1; 0 where no noise is added.
    noise: which recording. offset: 64-bit word that picks the crop.
    """

    shift: NDArray[np.int64]
    volume: NDArray[np.int64]
    noise: NDArray[np.int64]
    offset: NDArray[np.uint64]


class Augmenter:
    """Augments batches of training clips. noise: int16 recordings of any length; none means shift only."""

    def __init__(self, noise: Sequence[NDArray[np.int16]], seed: int, spec: AugmentSpec | None = None) -> None:
        if any(not len(samples) for samples in noise):
            raise ValueError("a noise recording without samples")
        self.spec = spec or AugmentSpec()
        self._noise = tuple(noise)
        self._seed = seed

    def draws(self, indices: NDArray[np.integer], epoch: int) -> Draws:
        """What happens to the clips `indices` ([B], the clip's place in its Split) in this epoch."""
        words = self._words(np.asarray(indices, np.int64), epoch)
        loud = round(self.spec.noise_volume * 2**_VOLUME_BITS)
        volume = _below(words[:, _VOLUME], loud + 1)
        quiet = _unit(words[:, _WHETHER]) >= self.spec.noise_probability
        if not self._noise:
            quiet[:] = True
        return Draws(
            shift=_below(words[:, _SHIFT], 2 * self.spec.max_shift + 1) - self.spec.max_shift,
            volume=np.where(quiet, 0, volume),
            noise=_below(words[:, _FILE], max(1, len(self._noise))),
            offset=words[:, _CROP],
        )

    def batch(self, x: NDArray[np.int16], indices: NDArray[np.integer], epoch: int) -> NDArray[np.int16]:
        """Augmented copies. x: int16 [B, samples], the clips `indices` of the Split. Safe to call from threads."""
        drawn = self.draws(indices, epoch)
        out = np.empty_like(x)
        for row in range(len(x)):
            volume = int(drawn.volume[row])
            moved = _shifted(x[row], int(drawn.shift[row]))
            if volume:
                noise = _crop(self._noise[int(drawn.noise[row])], x.shape[1], drawn.offset[row])
                out[row] = _cross_faded(moved, noise, volume)
            else:
                out[row] = moved
        return out

    def _words(self, indices: NDArray[np.int64], epoch: int) -> NDArray[np.uint64]:
        """Raw words of the clips, [B, _WORDS]: the stretch of the epoch's stream that holds them all, then a choice."""
        if not len(indices):
            return np.empty((0, _WORDS), np.uint64)
        first, last = int(indices.min()), int(indices.max())
        if first < 0:
            raise ValueError("indices of clips are not negative")
        stream = np.random.Philox(np.random.SeedSequence([self._seed, epoch]))
        stream.advance(first * _WORDS // 4)  # a step of the counter gives four words
        raw = stream.random_raw((last - first + 1) * _WORDS).reshape(-1, _WORDS)
        chosen: NDArray[np.uint64] = raw[indices - first]
        return chosen


def _below(words: NDArray[np.uint64], n: int) -> NDArray[np.int64]:
    """Uniform integers in 0..n-1 from the upper half of each word; n below 2^31, where the bias is below 2^-32 * n."""
    return ((words >> np.uint64(32)) * np.uint64(n) >> np.uint64(32)).astype(np.int64)


def _unit(words: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Uniform in [0, 1), 53 bits."""
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _shifted(clip: NDArray[np.int16], shift: int) -> NDArray[np.int16]:
    """The clip, `shift` samples later, zeros where nothing is left."""
    out = np.zeros_like(clip)
    n = len(clip)
    if shift >= 0:
        out[shift:] = clip[: max(0, n - shift)]
    else:
        out[: max(0, n + shift)] = clip[-shift:]
    return out


def _crop(noise: NDArray[np.int16], n: int, word: np.uint64) -> NDArray[np.int16]:
    """`n` samples from a random place; a recording shorter than that is repeated."""
    spare = len(noise) - n
    if spare < 0:
        start = int(word) % len(noise)
        return np.resize(np.roll(noise, -start), n)
    start = int(word) % (spare + 1)
    return noise[start : start + n]


def _cross_faded(clip: NDArray[np.int16], noise: NDArray[np.int16], volume: int) -> NDArray[np.int16]:
    """(1 - v) * clip + v * noise, v = volume / 2^15, rounded half up. Each product is at most 2^30 in magnitude."""
    one = 1 << _VOLUME_BITS
    mixed = clip.astype(np.int32)
    mixed *= one - volume
    mixed += noise.astype(np.int32) * volume
    mixed += one >> 1
    mixed >>= _VOLUME_BITS
    return mixed.astype(np.int16)
