# SPDX-License-Identifier: Apache-2.0
"""Straight lines from a sum to an output byte: the same bytes as TFLite's two roundings, for every sum that can be."""

import numpy as np
import pytest

from toolchain.export.c.line import (
    LINE_BITS,
    PLANE_LINE_BITS,
    RAISED_LINE_BITS,
    Lines,
    fit_lines,
    fit_plane_lines,
    fit_raised_lines,
)
from toolchain.graph.fixedpoint import multiply_rounding_twice
from toolchain.graph.requantisation import Requantisation


def _of_lines(lines: Lines, channel: int, sums: np.ndarray) -> np.ndarray:
    """What the kernel computes: SMMLA, ASR, SSAT."""
    scaled = sums << (8 + int(lines.shifts[channel]))
    assert int(np.abs(scaled).max()) < 1 << 31
    x = (scaled * int(lines.slopes[channel]) >> 32) + int(lines.starts[channel])
    assert int(np.abs(x).max()) < 1 << 31
    return np.clip(x >> LINE_BITS, -128, 127)


def _sums(rows: np.ndarray) -> list[np.ndarray]:
    """All sums of each channel, for any int8 inputs."""
    ends = [np.multiply.outer(row.astype(np.int64), [-128, 127]) for row in rows]
    return [np.arange(end.min(axis=1).sum(), end.max(axis=1).sum() + 1) for end in ends]


@pytest.mark.parametrize("zero_point", [-128, -60, 0, 100])
@pytest.mark.parametrize("shift", [-5, -7, -9, -12])
def test_line_gives_the_byte_of_two_roundings_for_every_sum(zero_point: int, shift: int) -> None:
    rng = np.random.default_rng([7, zero_point + 128, -shift])
    channels = 6
    widest = min(127, 1 << (3 - shift) >> 1)  # such that few sums are far beyond int8
    rows = rng.integers(-widest, widest + 1, (channels, 3)).astype(np.int8)
    bias = rng.integers(-(1 << (6 - shift)), 1 << (6 - shift), channels).astype(np.int64)
    requantisation = Requantisation(rng.integers(1 << 30, 1 << 31, channels), np.full(channels, shift))
    lines = fit_lines(rows, bias, requantisation, zero_point, zero_point, 127)
    assert lines is not None
    for channel, sums in enumerate(_sums(rows)):
        scaled = multiply_rounding_twice(
            sums + bias[channel], requantisation.multipliers[channel], requantisation.shifts[channel]
        )
        expected = np.clip(scaled + zero_point, zero_point, 127)
        assert np.array_equal(np.maximum(_of_lines(lines, channel, sums), zero_point), expected)


@pytest.mark.parametrize("zero_point", [-128, -60, 100])
@pytest.mark.parametrize("shift", [-5, -7, -9, -12])
def test_raised_line_gives_the_byte_of_two_roundings_for_every_sum(zero_point: int, shift: int) -> None:
    rng = np.random.default_rng([8, zero_point + 128, -shift])
    channels = 6
    widest = min(127, 1 << (3 - shift) >> 1)
    rows = rng.integers(-widest, widest + 1, (channels, 3)).astype(np.int8)
    bias = rng.integers(-(1 << (6 - shift)), 1 << (6 - shift), channels).astype(np.int64)
    requantisation = Requantisation(rng.integers(1 << 30, 1 << 31, channels), np.full(channels, shift))
    found = fit_raised_lines(rows, bias, requantisation, zero_point, zero_point, 127)
    assert found is not None
    lines, raised = found
    assert raised >= 8
    for channel, sums in enumerate(_sums(rows)):
        assert int(np.abs(sums << raised).max()) < 1 << 31
        x = ((sums << raised) * int(lines[channel, 0]) >> 32) + int(lines[channel, 1])
        assert int(np.abs(x).max()) < 1 << 31
        scaled = multiply_rounding_twice(
            sums + bias[channel], requantisation.multipliers[channel], requantisation.shifts[channel]
        )
        expected = np.clip(scaled + zero_point, zero_point, 127)
        assert np.array_equal(np.clip(x >> RAISED_LINE_BITS, zero_point, 127), expected)


@pytest.mark.parametrize("unit", [1, 2])
@pytest.mark.parametrize("shift", [1, 0, -1, -2, -5, -7])
def test_line_of_signs_gives_the_byte_of_two_roundings_for_every_sum(unit: int, shift: int) -> None:
    """Up to a factor of 2, where a shift to the left, or none, rounds once."""
    rng = np.random.default_rng([9, unit, 8 - shift])
    rows = rng.choice([-1, 1], (5, 40)).astype(np.int8)
    bias = rng.integers(-900, 900, 5).astype(np.int64)
    requantisation = Requantisation(rng.integers(1 << 30, (1 << 31) - (1 << 28), 5), np.full(5, shift))
    lines = fit_plane_lines(rows, unit, bias, requantisation, -100, -100, 127)
    assert lines is not None
    for channel, sums in enumerate(_sums(rows)):
        x = (unit * sums * int(lines[channel, 0]) >> 16) + int(lines[channel, 1])
        assert int(np.abs(x).max()) < 1 << 31
        scaled = multiply_rounding_twice(
            sums + bias[channel], requantisation.multipliers[channel], requantisation.shifts[channel]
        )
        assert np.array_equal(np.clip(x >> PLANE_LINE_BITS, -100, 127), np.clip(scaled - 100, -100, 127))


def test_raised_lines_are_of_all_channels_or_none() -> None:
    rows = np.full((2, 9), 64, np.int8)
    bias = np.zeros(2, np.int64)
    requantisation = Requantisation(np.array([1500000001, 1 << 30]), np.array([-8, 4]))
    assert fit_raised_lines(rows, bias, requantisation, 0, 0, 127) is None
    flat = Requantisation(np.array([1500000001, 0]), np.array([-8, 0]))
    assert fit_raised_lines(rows, bias, flat, 0, 0, 127) is not None
    assert fit_raised_lines(rows, bias, flat, 0, -128, 127) is None


@pytest.mark.parametrize("shift", range(-3, 4))
def test_few_bits_leave_room_for_large_factors(shift: int) -> None:
    """Every sum of nine weights of 1 bit; beyond a factor of 2^4 there is no line."""
    rows = np.array([[1, -1, 1, 1, -1, 1, -1, -1, 1]], np.int8)
    bias = np.array([-37])
    requantisation = Requantisation(np.array([1500000001]), np.array([shift]))
    found = fit_raised_lines(rows, bias, requantisation, -128, -128, 127)
    assert found is not None
    ((slope, start),), raised = found
    sums = np.arange(-9 * 128, 9 * 128 + 1)
    x = ((sums << raised) * int(slope) >> 32) + int(start)
    scaled = multiply_rounding_twice(sums + bias, requantisation.multipliers, requantisation.shifts) - 128
    assert np.array_equal(np.clip(x >> RAISED_LINE_BITS, -128, 127), np.clip(scaled, -128, 127))
    steep = Requantisation(np.array([1500000001]), np.array([4]))
    assert fit_raised_lines(rows, bias, steep, -128, -128, 127) is None


def test_negative_outputs_have_no_line() -> None:
    """Their steps lie one sum lower: ties of the second rounding go away from zero."""
    rows = np.full((1, 9), 64, np.int8)
    requantisation = Requantisation(np.array([1500000001]), np.array([-8]))
    assert fit_lines(rows, np.zeros(1, np.int64), requantisation, 0, -128, 127) is None
    assert fit_lines(rows, np.zeros(1, np.int64), requantisation, 0, 0, 127) is not None


def test_a_sum_that_leaves_no_room_has_no_line() -> None:
    rows = np.full((1, 9), 127, np.int8)
    steep = Requantisation(np.array([1 << 30]), np.array([-4]))
    assert fit_lines(rows, np.zeros(1, np.int64), steep, -128, -128, 127) is None
    one = np.full((1, 1), 127, np.int8)
    assert fit_lines(one, np.zeros(1, np.int64), steep, -128, -128, 127) is not None
    steeper = Requantisation(np.array([1 << 30]), np.array([-3]))
    assert fit_lines(one, np.zeros(1, np.int64), steeper, -128, -128, 127) is None  # nor has the weight


@pytest.mark.parametrize(("largest", "steepest"), [(1, 0), (3, -1), (7, -2), (15, -4), (31, -5), (63, -6)])
def test_small_weights_leave_room_for_large_factors(largest: int, steepest: int) -> None:
    """Nine of the largest weights of 1 to 7 bits; the sums of one factor more leave an int32."""
    rng = np.random.default_rng(largest)
    rows = rng.choice([-largest, largest], (8, 9)).astype(np.int8)
    bias = rng.integers(-200 * largest, 200 * largest, 8)
    for shift in range(steepest - 3, steepest + 2):
        requantisation = Requantisation(rng.integers(1 << 30, 1 << 31, 8), np.full(8, shift))
        lines = fit_lines(rows, bias, requantisation, -128, -128, 127)
        if shift > steepest:
            assert lines is None
            continue
        assert lines is not None
        assert int((np.abs(rows.astype(int)).max(axis=1) << lines.shifts).max()) < 1 << 15
        for channel, sums in enumerate(_sums(rows)):
            scaled = multiply_rounding_twice(
                sums + bias[channel], requantisation.multipliers[channel], requantisation.shifts[channel]
            )
            assert np.array_equal(_of_lines(lines, channel, sums), np.clip(scaled - 128, -128, 127))


def test_a_factor_of_zero_is_a_flat_line() -> None:
    none = Requantisation(np.array([0]), np.array([0]))
    lines = fit_lines(np.ones((1, 9), np.int8), np.full(1, 1000), none, -128, -128, 127)
    assert lines is not None
    assert lines.slopes.tolist() == [0]
    assert np.array_equal(_of_lines(lines, 0, np.arange(-1000, 1000)), np.full(2000, -128))
