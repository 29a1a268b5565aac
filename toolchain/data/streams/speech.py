# SPDX-License-Identifier: Apache-2.0
"""Speech: what streams are mixed of. Each clip's word is found in it, and how loud it is, in whole numbers.

    clip, 1 s    |....___/\\/\\/\\____.....000|       energy of stretches of 10 ms; the word goes from the first to the
    word              |<------>|                     last one that is no more than 20 dB below the loudest

In a clip that was recorded in noise the word reaches as far as the noise does: an interval that is too long, never one
that leaves out the word.
"""

from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from toolchain.data.layout import CLIP_SAMPLES, SAMPLE_RATE_HZ
from toolchain.data.words import Words
from toolchain.errors import DataError

_STRETCH = SAMPLE_RATE_HZ // 100
_QUIETEST = 100  # times less energy than the loudest stretch: 20 dB


@dataclass(frozen=True, eq=False)
class Speech:
    """clips: int16 [N, CLIP_SAMPLES]; none is silent. extents: (first sample, end) of the word in each clip.

    keywords: names. rows_of_keyword: rows of the clips of each, none empty. other_rows: those of all other words.
    noise: int16 recordings. level, noise_levels: RMS in steps of int16, at least 1; level is the median over keywords'
    clips.
    """

    clips: NDArray[np.int16]
    paths: tuple[str, ...]
    extents: tuple[tuple[int, int], ...]
    keywords: tuple[str, ...]
    rows_of_keyword: tuple[tuple[int, ...], ...]
    other_rows: tuple[int, ...]
    noise: tuple[NDArray[np.int16], ...]
    level: int
    noise_levels: tuple[int, ...]


def speech_of(words: Words, keywords: tuple[str, ...]) -> Speech:
    """Clips of digital silence are left out. Raises DataError where a keyword has no clip."""
    energies = _energies(words.x)
    heard = np.flatnonzero(energies.any(axis=1))
    names = [words.words[row] for row in heard]
    rows = tuple(tuple(place for place, name in enumerate(names) if name == word) for word in keywords)
    if missing := [word for word, places in zip(keywords, rows, strict=True) if not places]:
        raise DataError(
            f"a stream needs clips of every keyword in this part of the corpus: none of {', '.join(missing)}"
        )
    stretches = [_extent(energies[row]) for row in heard]
    levels = [
        _root_mean(int(energies[row, first:end].sum()), (end - first) * _STRETCH)
        for row, (first, end) in zip(heard, stretches, strict=True)
    ]
    spoken = sorted(levels[place] for places in rows for place in places)
    return Speech(
        clips=words.x[heard],
        paths=tuple(words.paths[row] for row in heard),
        extents=tuple((first * _STRETCH, end * _STRETCH) for first, end in stretches),
        keywords=keywords,
        rows_of_keyword=rows,
        other_rows=tuple(place for place, name in enumerate(names) if name not in keywords),
        noise=words.noise,
        level=spoken[len(spoken) // 2],
        noise_levels=tuple(
            _root_mean(int(np.square(samples.astype(np.int64)).sum()), len(samples)) for samples in words.noise
        ),
    )


def _energies(clips: NDArray[np.int16]) -> NDArray[np.int64]:
    """Sum of squares of each stretch: [N, stretches]. Below 2^38, so a clip's sum is below 2^45."""
    out = np.empty((len(clips), CLIP_SAMPLES // _STRETCH), np.int64)
    for row, clip in enumerate(clips):
        out[row] = np.square(clip.astype(np.int64)).reshape(-1, _STRETCH).sum(axis=1)
    return out


def _extent(energy: NDArray[np.int64]) -> tuple[int, int]:
    """First stretch of the word and the one behind its last."""
    loud = np.flatnonzero(energy * _QUIETEST >= energy.max())
    return int(loud[0]), int(loud[-1]) + 1


def _root_mean(total: int, n: int) -> int:
    return max(1, isqrt(total // n))
