# SPDX-License-Identifier: Apache-2.0
"""The sum of two int8 on one scale as a linear function of both: two multiplications an element.

TFLite scales each input, rounding twice, adds, and scales the sum, rounding twice again: six roundings. There are only
65,536 pairs of inputs. `fit_sum` looks for integers with

    output = (x * slope + y * other_slope + start) / 2^shift, rounded downwards, held within low .. high

that give TFLite's byte for each pair, and has seen all of them: nothing is assumed of the roundings.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_VALUES = np.arange(-128, 128)
_INT32 = 1 << 31
# Slopes are tried up to so far from their nearest integers. Of random scales one in twenty needs 1, none more.
_RADIUS = 3


@dataclass(frozen=True)
class LinearSum:
    """See above. Every part of the sum stays within an int32."""

    slope: int
    other_slope: int
    start: int
    shift: int


def fit_sum(outputs: NDArray[np.int64], low: int, high: int, factors: tuple[float, float]) -> LinearSum | None:
    """What gives output[x + 128, y + 128] for all int8 x and y; None where nothing near the factors does.

    outputs: [256, 256], within low .. high and reaching neither but where it is clamped to it. factors: of x and y to
    the output's scale.
    """
    shift = min(30, math.floor(math.log2(_INT32 / 128 / sum(factors))))
    # The largest shift leaves `start` some room or none; the ones below it leave more, and less precise slopes.
    for smaller in range(max(shift, 0), max(shift - 4, -1), -1):
        found = _fit_at(outputs, low, high, factors, smaller)
        if found is not None:
            return found
    return None


def _fit_at(
    outputs: NDArray[np.int64], low: int, high: int, factors: tuple[float, float], shift: int
) -> LinearSum | None:
    nearest = [round(factor * (1 << shift)) for factor in factors]
    offsets = itertools.product(range(-_RADIUS, _RADIUS + 1), repeat=2)
    for offset in sorted(offsets, key=lambda pair: max(abs(pair[0]), abs(pair[1]))):
        slope, other_slope = nearest[0] + offset[0], nearest[1] + offset[1]
        products = (slope * _VALUES)[:, None] + (other_slope * _VALUES)[None, :]
        least = ((outputs << shift) - products)[outputs > low].max(initial=-_INT32)
        largest = (((outputs + 1) << shift) - 1 - products)[outputs < high].min(initial=_INT32 - 1)
        start = int(least + largest) // 2
        reach = 128 * (abs(slope) + abs(other_slope)) + abs(start)
        if least <= largest and reach < _INT32:
            return LinearSum(slope, other_slope, start, shift)
        if reach >= _INT32 and offset == (0, 0):
            return None
    return None
