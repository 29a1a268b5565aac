# SPDX-License-Identifier: Apache-2.0
"""round_weights: real weights on the grid of a WeightSpec, by the scale of each channel that is nearest in the squares.

Dividing by the largest weight spends a narrow grid on outliers; what a layer loses is about the squared error, so that
is made least. The search is exact. Of one channel, let the scale fall from infinity: the integer of a weight w rises by
one level each time the scale passes |w| / threshold, and between two such passages all integers q stand still.

    scale      large ───────────────────────────────────────────> small
    integers   0 0 0    1 0 0     1 1 0     2 1 0     2 1 1 ...

For fixed integers the best scale is <w, q> / <q, q>, and of |w|^2 it leaves |w|^2 - <w, q>^2 / <q, q>. The least of
these over all rows of integers is the least over all scales: the best scale's own row is among them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.arch.weights import WeightSpec
from toolchain.graph.tensor import Grid

# Scales stay normal float32 numbers, also when two are multiplied.
_SMALLEST_SCALE = 2.0**-40
# Passages that are sorted at once, so that the widest layers do not take gigabytes.
_PASSAGES = 1 << 22


@dataclass(frozen=True, eq=False)
class RoundedWeights:
    """Weights of one layer on a grid. integers: int8 [C', ...], a channel a row. scales: float32 [C']."""

    spec: WeightSpec
    integers: NDArray[np.int8]
    scales: NDArray[np.float32]

    @property
    def reals(self) -> NDArray[np.float32]:
        """What the integers stand for, float32 [C', ...]."""
        return self.integers.astype(np.float32) * per_channel(self.scales, self.integers)


def round_weights(weight: NDArray[np.float32], spec: WeightSpec, least_scales: NDArray[np.float64]) -> RoundedWeights:
    """weight: float32 [C', ...] -> its nearest neighbour on the grid, channel by channel.

    least_scales: float [C'], below which no scale may fall (a bias has to fit int32 on a grid that follows from it).

    >>> rounded = round_weights(np.array([[0.9, -1.1, 1.0]], np.float32), WeightSpec.of(1), np.zeros(1, np.float32))
    >>> rounded.integers.tolist(), rounded.scales.tolist()
    ([[1, -1, 1]], [1.0])
    """
    rows = weight.reshape(len(weight), -1).astype(np.float64)
    scales = np.maximum(np.maximum(_nearest_scales(np.abs(rows), spec), least_scales), _SMALLEST_SCALE)
    narrowed = scales.astype(np.float32)
    integers = nearest_integers(weight.astype(np.float64) / per_channel(narrowed, weight), spec)
    return RoundedWeights(spec, integers, narrowed)


def nearest_integers(steps: NDArray[np.float64], spec: WeightSpec) -> NDArray[np.int8]:
    """Of values in units of the scale, the nearest integers of the grid."""
    nearest = 2 * np.floor(steps / 2) + 1 if spec.grid is Grid.MID_RISE else np.rint(steps)
    integers: NDArray[np.int8] = np.clip(nearest, -spec.limit, spec.limit).astype(np.int8)
    return integers


def per_channel(scales: NDArray[np.float32], weight: NDArray[np.generic]) -> NDArray[np.float32]:
    """scales [C'] as [C', 1, ...], to be multiplied with weights [C', ...]."""
    return scales.reshape(-1, *(1,) * (weight.ndim - 1))


def _nearest_scales(magnitudes: NDArray[np.float64], spec: WeightSpec) -> NDArray[np.float64]:
    """magnitudes: [C', n], not negative -> for each channel the scale of least squared error; 0 where all are 0."""
    channels, n = magnitudes.shape
    if spec.grid is Grid.MID_RISE:  # levels 1, 3, 5 ...: |q| goes from 2k - 1 to 2k + 1 at 2k
        levels = np.arange(1.0, (spec.limit + 1) // 2)
        thresholds, step, squares = 2 * levels, 2.0, 8 * levels
    else:  # levels 0, 1, 2 ...: |q| goes from k - 1 to k at k - 1/2
        levels = np.arange(1.0, spec.limit + 1)
        thresholds, step, squares = levels - 0.5, 1.0, 2 * levels - 1
    found = np.zeros(channels)
    together = max(1, _PASSAGES // max(1, n * len(levels)))
    for first in range(0, channels, together):
        rows = magnitudes[first : first + together]
        found[first : first + together] = _least(rows, thresholds, step, squares, spec.grid is Grid.MID_RISE)
    return found


def _least(
    rows: NDArray[np.float64], thresholds: NDArray[np.float64], step: float, squares: NDArray[np.float64], no_zero: bool
) -> NDArray[np.float64]:
    """_nearest_scales of some channels. no_zero: all integers begin at ±1 instead of 0."""
    channels, n = rows.shape
    passages = (rows[:, :, None] / thresholds).reshape(channels, -1)
    order = np.argsort(-passages, axis=1, kind="stable")
    dots = np.take_along_axis(np.repeat(rows * step, len(thresholds), axis=1), order, axis=1)
    norms = np.tile(squares, n)[order]
    start_dot = rows.sum(axis=1, keepdims=True) if no_zero else np.zeros((channels, 1))
    start_norm = np.full((channels, 1), float(n) if no_zero else 0.0)
    dots = np.cumsum(np.concatenate([start_dot, dots], axis=1), axis=1)
    norms = np.cumsum(np.concatenate([start_norm, norms], axis=1), axis=1)
    gains = np.divide(dots**2, norms, out=np.zeros_like(dots), where=norms > 0)
    best = np.argmax(gains, axis=1)
    at = np.arange(channels)
    dot, norm = dots[at, best], norms[at, best]
    return np.asarray(np.divide(dot, norm, out=np.zeros(channels), where=norm > 0), np.float64)
