# SPDX-License-Identifier: Apache-2.0
"""Detections against what was said: hits, misses and false detections at each threshold, by scene and keyword.

    said       ....[ yes ]~~~~.........................[ no ]~~~~.....     ~ tolerance
    detected        yes ^   ^ yes           no ^           ^ yes
                    hit     false, a repeat    false       false, and "no" is missed

A detection is a hit where its keyword began before it and ended no more than the tolerance before it, each keyword
once; where two of a kind are that near, it belongs to the one that began last. Everything else is a false detection, a
repeat as well. A miss belongs to the scene in which the word is said, a false detection to the one in which it is made.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.data.layout import SAMPLE_RATE_HZ
from toolchain.data.streams.scene import Spoken
from toolchain.detect.detector import DetectorSpec, Scores, detections

# Thresholds that are tried: at most so many where somebody says a keyword, and where nobody does.
_AT_KEYWORDS, _ELSEWHERE = 150, 150


@dataclass(frozen=True, eq=False)
class Counts:
    """Of one listener. M thresholds, S scenes, K keywords.

    thresholds: float64 [M], falling, the first infinite: nothing is detected. missed, false: int32 [M, S, K]; false
    counts the keyword that was detected. said: int32 [S, K]. hours: length of the stream.
    """

    thresholds: NDArray[np.float64]
    missed: NDArray[np.int32]
    false: NDArray[np.int32]
    said: NDArray[np.int32]
    hours: float


def count(
    scores: Scores,
    times: NDArray[np.int64],
    said: Sequence[Spoken],
    spec: DetectorSpec,
    *,
    n_keywords: int,
    n_scenes: int,
    scene_samples: int,
) -> Counts:
    """Run the detector at every threshold. times: int64 [N], samples heard at each decision; said: in order of time."""
    belongs = _belongs(scores.best, times, said, spec)
    near = _near(times, said, spec)
    thresholds = _thresholds(scores.score, near, spec.n_refractory)
    of_said = np.array([[word.start // scene_samples, word.label] for word in said], np.int64).reshape(-1, 2)
    spoken = np.zeros((n_scenes, n_keywords), np.int32)
    np.add.at(spoken, (of_said[:, 0], of_said[:, 1]), 1)
    missed = np.empty((len(thresholds), n_scenes, n_keywords), np.int32)
    false = np.zeros_like(missed)
    scene_of = np.minimum((times - 1) // scene_samples, n_scenes - 1)
    for row, threshold in enumerate(thresholds):
        fired = detections(scores.score, threshold, spec.n_refractory)
        words = belongs[fired]
        hit, first = np.unique(words, return_index=True)
        hit, first = hit[hit >= 0], first[hit >= 0]
        wrong = np.delete(fired, first)
        missed[row] = spoken
        np.subtract.at(missed[row], (of_said[hit, 0], of_said[hit, 1]), 1)
        np.add.at(false[row], (scene_of[wrong], scores.best[wrong]), 1)
    return Counts(thresholds, missed, false, spoken, n_scenes * scene_samples / SAMPLE_RATE_HZ / 3600)


def _belongs(
    best: NDArray[np.int64], times: NDArray[np.int64], said: Sequence[Spoken], spec: DetectorSpec
) -> NDArray[np.int64]:
    """Which word a detection at each decision would be of, int64 [N]; -1 for none."""
    belongs = np.full(len(times), -1, np.int64)
    for place, word in enumerate(said):
        rows = _rows(times, word, spec)
        within = belongs[rows]
        within[best[rows] == word.label] = place
    return belongs


def _near(times: NDArray[np.int64], said: Sequence[Spoken], spec: DetectorSpec) -> NDArray[np.bool_]:
    """Whether a detection of the right keyword would be a hit, at each decision."""
    near = np.zeros(len(times), np.bool_)
    for word in said:
        near[_rows(times, word, spec)] = True
    return near


def _rows(times: NDArray[np.int64], word: Spoken, spec: DetectorSpec) -> slice:
    """The decisions at which a detection would be one of `word`."""
    end = word.end + spec.tolerance_ms * SAMPLE_RATE_HZ // 1000
    return slice(int(np.searchsorted(times, word.start, side="right")), int(np.searchsorted(times, end, side="right")))


def _thresholds(score: NDArray[np.float64], near: NDArray[np.bool_], n_refractory: int) -> NDArray[np.float64]:
    """Where counts change: the highest scores of stretches one refractory time long, thinned out.

    Where nobody says a keyword, by rank from the top in equal ratios, since false detections are drawn on a logarithmic
    axis; where somebody does, by rank in equal steps.
    """
    n = -(-len(score) // n_refractory)
    padding = (0, n * n_refractory - len(score))
    peaks = np.pad(score, padding, constant_values=-1.0).reshape(n, n_refractory).max(axis=1)
    at_keyword = np.pad(near, padding).reshape(n, n_refractory).any(axis=1)
    elsewhere, there = np.sort(peaks[~at_keyword])[::-1], np.sort(peaks[at_keyword])
    ranks = np.unique(np.geomspace(1, max(1, len(elsewhere)), _ELSEWHERE).astype(np.int64)) - 1
    steps = np.unique(np.linspace(0, max(0, len(there) - 1), _AT_KEYWORDS).astype(np.int64))
    tried = np.concatenate([elsewhere[ranks[ranks < len(elsewhere)]], there[steps[steps < len(there)]]])
    return np.concatenate([[np.inf], np.unique(tried)[::-1]])
