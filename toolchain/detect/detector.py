# SPDX-License-Identifier: Apache-2.0
"""The detector behind a network: smoothed posteriors, a threshold, a refractory time.

    score of keyword k at decision j = mean of its posteriors at the newest N decisions (fewer at the start)
    a detection of the keyword with the highest score, where that score reaches the threshold
    and the last detection, of any keyword, lies a refractory time back

Smoothing as in Chen, Parada, Heigold, "Small-footprint keyword spotting using deep neural networks", ICASSP 2014,
section 2.3, p' = mean of p over max(1, j - w + 1) .. j. Their confidence is a product over the parts of a phrase, each
at its highest within a window; our keywords are one label each, so the product has one factor and no window is needed.
The refractory time is the suppression of TensorFlow's speech_commands example (recognize_commands.cc).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import DataError


@dataclass(frozen=True)
class DetectorSpec:
    """hop_ms: between decisions. smooth_ms: N is as many hops, rounded, at least one.

    refractory_ms: at least so long after a detection comes the next. tolerance_ms: how long after a keyword's end a
    detection still is one of it. Raises DataError where a number cannot be.
    """

    hop_ms: int
    smooth_ms: int = 300
    refractory_ms: int = 1000
    tolerance_ms: int = 750

    def __post_init__(self) -> None:
        for name, lowest in (("hop_ms", 1), ("smooth_ms", 0), ("refractory_ms", 0), ("tolerance_ms", 0)):
            if not lowest <= getattr(self, name) <= 60_000:
                option = name.replace("_", "-")
                raise DataError(f"--{option} {getattr(self, name)} is outside {lowest}..60000")

    @property
    def n_smoothed(self) -> int:
        """Decisions that a score is the mean of."""
        return max(1, round(self.smooth_ms / self.hop_ms))

    @property
    def n_refractory(self) -> int:
        """Decisions from one detection to the next, at least one."""
        return max(1, -(-self.refractory_ms // self.hop_ms))


@dataclass(frozen=True, eq=False)
class Scores:
    """The best keyword at each decision. best: int64 [N], its index. score: float64 [N]."""

    best: NDArray[np.int64]
    score: NDArray[np.float64]


def smoothed(posteriors: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Mean of the newest `n` rows at each row, of fewer at the start. posteriors: float64 [N, K].

    >>> smoothed(np.array([[1.0], [0.0], [0.0], [0.5]]), 2).ravel().tolist()
    [1.0, 0.5, 0.0, 0.25]
    """
    total = np.zeros_like(posteriors)
    for back in range(min(n, len(posteriors))):
        total[back:] += posteriors[: len(posteriors) - back]
    return np.asarray(total / np.minimum(np.arange(len(posteriors)) + 1, n)[:, None])


def scores_of(posteriors: NDArray[np.float64], n_keywords: int, spec: DetectorSpec) -> Scores:
    """posteriors: float64 [N, classes], keywords first. Of equal scores the first keyword is the best."""
    means = smoothed(posteriors[:, :n_keywords], spec.n_smoothed)
    best = np.argmax(means, axis=1)
    return Scores(best, means[np.arange(len(means)), best])


def detections(score: NDArray[np.float64], threshold: float, n_refractory: int) -> NDArray[np.int64]:
    """Decisions at which the detector fires, ascending.

    >>> detections(np.array([0.9, 0.9, 0.1, 0.8, 0.9]), 0.8, 2).tolist()
    [0, 3]
    """
    above = np.flatnonzero(score >= threshold)
    following = np.searchsorted(above, above + n_refractory).tolist()
    fired, place = [], 0
    while place < len(above):
        fired.append(place)
        place = following[place]
    return above[fired] if fired else above
