# SPDX-License-Identifier: Apache-2.0
"""Factors of 1/2 and more by the arithmetic of those below: the sum is raised, then shifted to the right with rounding.

TFLite shifts a sum to the left where its factor is that large, and then rounds once. The quick kernels always shift to
the right, which rounds twice:

    output = (raised sum * multiplier / 2^31, rounded) / 2^n, rounded            raised sum = sum * 2^bits + bias

With enough bits the first rounding matters little, and what it shifts can be given back in the bias. `raise_steep`
looks for a bias and a multiplier with TFLite's byte for every sum that can be, or finds none: nothing is assumed of
the roundings. Weights of few bits bring such factors, and have the room for the bits.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.export.c.layout import Rows, sum_bounds
from toolchain.export.c.line import Int64, Staircase, factors_between, staircase
from toolchain.graph.requantisation import Requantisation

_MOST_BITS = 14
_INT32 = 1 << 31
_LIFT = 1 << 30  # SB_LIFT in sb_mve.h
# The bias is looked for so far around the raised one; both roundings together shift it by less than 2.
_RADIUS = 4


@dataclass(frozen=True, eq=False)
class Raised:
    """C channels whose sums are all shifted to the right.

    bits: by which the weights of the channels `which`, bool [C], are to be shifted left. bias: int32 [C], folded, of
    sums that are raised already. requantisation: shifts below 0 but where a multiplier is 0.
    """

    bits: int
    which: NDArray[np.bool_]
    bias: NDArray[np.int32]
    requantisation: Requantisation

    @property
    def shifts(self) -> NDArray[np.int8]:
        """int8 [C] as sb_turned_conv_layer has them: below 0 the shift, else of a raised channel the one to the right,
        less one."""
        shifts = np.where(self.requantisation.multipliers == 0, -1, self.requantisation.shifts)
        return np.where(self.which, -1 - shifts, shifts).astype(np.int8)

    def raised_rows(self, rows: Rows) -> Int64:
        """Rows of weights [C, K] as the sums want them, int64."""
        return rows.astype(np.int64) << np.where(self.which, self.bits, 0)[:, None]


def raise_steep(
    rows: Rows,
    bias: NDArray[np.int32],
    requantisation: Requantisation,
    zero_point: int,
    low: int,
    high: int,
    *,
    sum_limit: int,
    weight_limit: int = _INT32,
) -> Raised | None:
    """The channels with those of a factor of 1/2 or more raised; None where one of these has no such numbers.

    rows: weights int8 [C, K]; bias: folded, int32 [C]; low, high: of the outputs. Raised sums stay below sum_limit in
    magnitude, raised weights below weight_limit.
    """
    steep = (requantisation.multipliers != 0) & (requantisation.shifts > -1)
    if not steep.any():
        return Raised(0, steep, bias, requantisation)
    bounds = sum_bounds(rows, bias)[steep] + _RADIUS
    largest = np.abs(rows[steep].astype(np.int64)).max()
    bits = min(_MOST_BITS, _doublings(int(bounds.max()), sum_limit), _doublings(int(largest), weight_limit))
    own = Requantisation(requantisation.multipliers[steep], requantisation.shifts[steep])
    if int(own.shifts.max()) >= bits or bool((bounds << own.shifts.astype(np.int64) >= _INT32).any()):
        return None
    wide = bias[steep].astype(np.int64)
    stairs = staircase(rows[steep], wide, own, zero_point, low, high)
    fitted = [_fit(stairs, c, bits, wide, own, zero_point, low, high) for c in range(len(wide))]
    found = np.array([pair for pair in fitted if pair is not None], np.int64).reshape(-1, 2)
    if len(found) < len(fitted):
        return None
    new_bias, multipliers, shifts = (
        np.array(values, np.int32) for values in (bias, requantisation.multipliers, requantisation.shifts)
    )
    new_bias[steep], multipliers[steep] = found.T
    shifts[steep] -= bits
    return Raised(bits, steep, new_bias, Requantisation(multipliers, shifts))


def _doublings(value: int, limit: int) -> int:
    """How often `value` can be doubled below the limit."""
    return ((limit - 1) // max(value, 1)).bit_length() - 1


def _fit(
    stairs: Staircase,
    channel: int,
    bits: int,
    bias: Int64,
    requantisation: Requantisation,
    zero_point: int,
    low: int,
    high: int,
) -> tuple[int, int] | None:
    """(bias, multiplier) of one channel."""
    multiplier, right = int(requantisation.multipliers[channel]), bits - int(requantisation.shifts[channel])
    not_below, below = stairs.asked(channel, low, high)

    def least_product(values: Int64) -> Int64:
        """The least raised sum * multiplier that gives at least these outputs: ties of the second rounding go away from
        zero, those of the first upwards."""
        outputs = values - zero_point
        rounded = (outputs << right) - (1 << right - 1) + (outputs <= 0)
        return np.asarray((rounded << 31) - (1 << 30), np.int64)

    products = least_product(not_below[1]), least_product(below[1])
    middle = int(bias[channel]) << bits
    for start in sorted(range(middle - _RADIUS, middle + _RADIUS + 1), key=lambda value: abs(value - middle)):
        raised = [(sums << bits) + start for sums, _ in (not_below, below)]
        factors = factors_between((raised[0], products[0]), (raised[1], products[1]))
        if factors is not None:
            best = min(max(multiplier, factors[0]), factors[1])
            if 0 <= best < _INT32:
                return start, best
    return None


def even_multipliers(
    rows: Rows, bias: NDArray[np.int32], requantisation: Requantisation, zero_point: int, low: int, high: int
) -> Requantisation:
    """The same factors with even multipliers where shifts are 0, which round once: see sb_scaling_of in sb_mve.h.

    Those that have none with TFLite's byte for every sum, and those whose sums reach 2^30, keep what they have.
    Parameters as for raise_steep.
    """
    single = (requantisation.shifts == 0) & (requantisation.multipliers % 2 == 1) & (sum_bounds(rows, bias) < _LIFT)
    if not single.any():
        return requantisation
    own = Requantisation(requantisation.multipliers[single], requantisation.shifts[single])
    wide = bias[single].astype(np.int64)
    stairs = staircase(rows[single], wide, own, zero_point, low, high)
    multipliers = requantisation.multipliers.copy()
    multipliers[single] = [
        _even(stairs, c, int(wide[c]), int(own.multipliers[c]), zero_point, low, high) for c in range(len(wide))
    ]
    return Requantisation(multipliers, requantisation.shifts)


def _even(stairs: Staircase, channel: int, bias: int, multiplier: int, zero_point: int, low: int, high: int) -> int:
    asked = [
        (sums + bias, (values - zero_point << 31) - (1 << 30)) for sums, values in stairs.asked(channel, low, high)
    ]
    factors = factors_between(*asked)
    assert factors is not None  # the multiplier is one
    near = (multiplier - 1, multiplier + 1)
    return next((even for even in near if factors[0] <= even <= factors[1] and even < _INT32), multiplier)
