# SPDX-License-Identifier: Apache-2.0
"""A channel's way from its sum of products to its output byte as one straight line: two instructions a byte.

TFLite rounds twice, the second time away from zero, so its output is a staircase with two parts: steps of negative
outputs lie otherwise than those of positive ones. Where all outputs below the zero point are held at it (a ReLU), one
part is left, and

    output = (sum * 2^scaled * slope / 2^32 + start) / 2^19, each division rounded downwards     SMMLA, SSAT

has the same steps for a suitable slope and start; the bias is part of start. `staircase` finds where TFLite's steps
are, exactly, and `fit_lines` the integers that meet every one of them, or none: nothing is assumed of them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.graph.fixedpoint import multiply_rounding_twice
from toolchain.graph.requantisation import Requantisation

Int64 = NDArray[np.int64]

# Fraction bits of an output before the last shift, which is that of sb_ssat8_line in sb_dsp.h. More of them would place
# the steps more finely, fewer leave more room above int8: with these outputs reach 2^12 before they are held.
LINE_BITS = 19
# The same for sums of activations and weights as they are, which leave less room: SSAT in sb_three_pixels_relu_s8_dsp.
RAISED_LINE_BITS = 16
# The same for sums of signs: they are small, and their factors large. SSAT in sb_eight_pixels_planes_relu_s8_dsp.c.
PLANE_LINE_BITS = 14
# Activations are widened times 2^8, which costs nothing, and an int16 has room for weights of 7 bits times 2^8.
_LEAST_SCALED = 8
_INT16_BITS = 15
_MOST_RAISED = 20
_INT32 = 1 << 31


@dataclass(frozen=True, eq=False)
class Lines:
    """One line a channel: slopes and starts int32 [C], shifts int8 [C]: the weights are to be shifted left by them."""

    slopes: NDArray[np.int32]
    starts: NDArray[np.int32]
    shifts: NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Staircase:
    """The output of each of C channels as a function of its sum, which rises with it.

    lowest, highest: the sums that can be, int64 [C]; products alone, without bias.
    first, last: outputs at those, int64 [C]. steps: int64 [C, 256]: the least sum whose output is at least v - 128,
    for column v; taken only between first and last.
    """

    lowest: Int64
    highest: Int64
    first: Int64
    last: Int64
    steps: Int64

    def asked(self, channel: int, low: int, high: int) -> tuple[tuple[Int64, Int64], tuple[Int64, Int64]]:
        """What another way from sum to output has to meet to give these outputs, held within low .. high.

        (sums, values) that must not lie below, sum by sum; and such that must.
        """
        lowest, highest = int(self.lowest[channel]), int(self.highest[channel])
        first, last = int(self.first[channel]), int(self.last[channel])
        values = np.arange(first + 1, last + 1)
        steps = self.steps[channel, values + 128]
        not_below = (np.append(steps, lowest), np.append(values, first)) if first > low else (steps, values)
        below = (np.append(steps - 1, highest), np.append(values, last + 1)) if last < high else (steps - 1, values)
        return not_below, below


def staircase(
    rows: NDArray[np.int8], bias: Int64, requantisation: Requantisation, zero_point: int, low: int, high: int
) -> Staircase:
    """Where the steps are. rows: weights int8 [C, K]; bias: folded, int64 [C]; low, high: of the outputs."""

    def output(sums: Int64) -> Int64:
        by_channel = (slice(None),) + (None,) * (sums.ndim - 1)
        scaled = multiply_rounding_twice(
            sums + bias[by_channel], requantisation.multipliers[by_channel], requantisation.shifts[by_channel]
        )
        return np.asarray(np.clip(scaled + zero_point, low, high), np.int64)

    wide = rows.astype(np.int64)
    lowest = np.minimum(wide * 127, wide * -128).sum(axis=1)
    highest = np.maximum(wide * 127, wide * -128).sum(axis=1)
    values = np.arange(-128, 128)
    below = np.repeat(lowest[:, None], 256, axis=1)  # the least sum that may still be the step
    above = np.repeat(highest[:, None] + 1, 256, axis=1)  # a sum that reaches it
    while bool((below < above).any()):
        middle = (below + above) >> 1
        reached = output(middle) >= values
        above = np.where(reached, middle, above)
        below = np.where(reached | (below == above), below, middle + 1)
    return Staircase(lowest, highest, output(lowest), output(highest), above)


def fit_lines(
    rows: NDArray[np.int8], bias: Int64, requantisation: Requantisation, zero_point: int, low: int, high: int
) -> Lines | None:
    """Lines with the steps of TFLite's arithmetic for every sum that can be; None where a channel has none.

    Arguments as in `staircase`. A factor needs its sum times 2^scaled, such that its slope has 31 bits, and that must
    stay within an int32, as each weight within an int16: factors below 2^-4 for weights of 8 bits, below 1 for those of
    1 bit. A factor so small that its slope has few bits may have no line.
    """
    used = requantisation.multipliers != 0
    scaled = np.where(used, LINE_BITS + 1 + requantisation.shifts.astype(np.int64), 0).clip(min=_LEAST_SCALED)
    if bool((scaled - _LEAST_SCALED > _room(rows)).any()):
        return None
    stairs = staircase(rows, bias, requantisation, zero_point, low, high)
    if int((stairs.lowest + bias).min()) < -_INT32 or int((stairs.highest + bias).max()) >= _INT32:
        return None  # a sum that wraps has no steps
    lines = [_fit(stairs, c, int(scaled[c]), bias, requantisation, zero_point, low, high) for c in range(len(rows))]
    found = np.array([line for line in lines if line is not None], np.int64).reshape(-1, 2)
    if len(found) < len(lines):
        return None
    slopes, starts = found.T
    return Lines(slopes.astype(np.int32), starts.astype(np.int32), (scaled - _LEAST_SCALED).astype(np.int8))


def _room(rows: NDArray[np.int8]) -> Int64:
    """By how many bits each row can be shifted left within an int16: int64 [C]."""
    largest = np.where(rows < 0, ~rows, rows).max(axis=1)
    return np.asarray(_INT16_BITS - np.frexp(largest)[1], np.int64)


def fit_raised_lines(
    rows: NDArray[np.int8],
    bias: Int64,
    requantisation: Requantisation,
    zero_point: int,
    low: int,
    high: int,
    least: int = _LEAST_SCALED,
) -> tuple[NDArray[np.int32], int] | None:
    """Lines as `fit_lines` for sums as they are, all of them times one power of 2: (slope, start) int32 [C, 2], power.

    None where no power from `least` on fits all channels. Their outputs have RAISED_LINE_BITS fraction bits. Weights of
    a few bits have small sums and large factors, and both leave the same room: up to a factor of 2^4.
    """
    used = requantisation.multipliers != 0
    steepest = int(requantisation.shifts[used].max(initial=-31))
    if steepest > _MOST_RAISED - RAISED_LINE_BITS - 1:
        return None
    stairs = staircase(rows, bias, requantisation, zero_point, low, high)
    for raised in range(max(least, RAISED_LINE_BITS + 1 + steepest), _MOST_RAISED + 1):
        lines = []
        for c in range(len(rows)):
            line = _fit(stairs, c, raised, bias, requantisation, zero_point, low, high, bits=RAISED_LINE_BITS)
            if line is None:
                break
            lines.append(line)
        else:
            return np.array(lines, np.int64).astype(np.int32), raised
    return None


def fit_plane_lines(
    rows: NDArray[np.int8],
    unit: int,
    bias: Int64,
    requantisation: Requantisation,
    zero_point: int,
    low: int,
    high: int,
) -> NDArray[np.int32] | None:
    """Lines as `fit_lines` for sums that are `unit` (1 or 2) times those of the rows and fit an int16: (slope, start)
    int32 [C, 2]; None where a channel has none.

    SMLAWB divides by 2^16, as if a sum stood in the high half of its word. Outputs have PLANE_LINE_BITS fraction bits.
    """
    stairs = staircase(rows, bias, requantisation, zero_point, low, high)
    scaled = 16 + unit - 1
    lines = []
    for c in range(len(rows)):
        line = _fit(stairs, c, scaled, bias, requantisation, zero_point, low, high, bits=PLANE_LINE_BITS)
        if line is None:
            return None
        lines.append(line)
    return np.array(lines, np.int64).astype(np.int32)


def _fit(
    stairs: Staircase,
    channel: int,
    scaled: int,
    bias: Int64,
    requantisation: Requantisation,
    zero_point: int,
    low: int,
    high: int,
    bits: int = LINE_BITS,
) -> tuple[int, int] | None:
    """(slope, start) of one channel."""
    lowest, highest = int(stairs.lowest[channel]), int(stairs.highest[channel])
    if max(-lowest, highest) << scaled >= _INT32:
        return None
    not_below, below = stairs.asked(channel, low, high)
    multiplier, shift = int(requantisation.multipliers[channel]), int(requantisation.shifts[channel])
    unit = bits + 32  # an output of 1, in the units of sum * slope * 2^scaled
    slope = multiplier << (bits + 1) >> (scaled - shift)  # about what it must be
    half = (1 << unit - 1) + (1 << (unit - 1 + shift) if multiplier and shift < 0 else 0)  # of both roundings
    middle = ((slope * int(bias[channel]) << scaled) + half + (zero_point << unit)) >> 32
    for start in sorted(range(middle - 8, middle + 9), key=lambda value: abs(value - middle)):
        slopes = _slopes(not_below, below, start, scaled, unit)
        if slopes is None:
            continue
        best = min(max(slope, slopes[0]), slopes[1])
        ends = [((total << scaled) * best >> 32) + start for total in (lowest, highest)]
        if 0 <= best < _INT32 and all(-_INT32 <= x < _INT32 for x in (start, *ends)):
            return best, start
    return None


def _slopes(
    not_below: tuple[Int64, Int64], below: tuple[Int64, Int64], start: int, scaled: int, unit: int
) -> tuple[int, int] | None:
    """The least and the largest slope with sum * slope * 2^scaled + start * 2^32 >= value * 2^unit for each pair (sum,
    value) of `not_below`, and < for each of `below`; None where there is no such slope."""
    if abs(start) >= 1 << 30:
        return None  # what follows stays within an int64
    rooms = [(values << unit) - (start << 32) for _, values in (not_below, below)]
    return factors_between((not_below[0] << scaled, rooms[0]), (below[0] << scaled, rooms[1]))


def factors_between(least: tuple[Int64, Int64], most: tuple[Int64, Int64]) -> tuple[int, int] | None:
    """The least and the largest factor with sum * factor >= room for each pair (sum, room) of `least`, and < for each
    of `most`; None where there is no such factor within an int32."""
    sums = np.concatenate([least[0], -most[0]])  # sums * factor >= room
    room = np.concatenate([least[1], 1 - most[1]])
    up, down = sums > 0, sums < 0
    from_below = int((-(-room[up] // sums[up])).max(initial=-_INT32))
    from_above = int((-room[down] // -sums[down]).min(initial=_INT32))
    possible = from_below <= from_above and not bool((room[sums == 0] > 0).any())
    return (from_below, from_above) if possible else None
