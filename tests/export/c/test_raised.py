# SPDX-License-Identifier: Apache-2.0
"""Raised sums of channels with factors of 1/2 and more: TFLite's byte for every sum that can be."""

import numpy as np
import pytest

from toolchain.export.c.raised import Raised, even_multipliers, raise_steep
from toolchain.graph.fixedpoint import multiply_rounding_twice, rounded_high_product, wrap_int32
from toolchain.graph.requantisation import Requantisation

CHANNELS = 8


def _bytes(sums: np.ndarray, of: Requantisation, channel: int, zero_point: int, low: int, high: int) -> np.ndarray:
    scaled = multiply_rounding_twice(sums, of.multipliers[channel], of.shifts[channel])
    return np.clip(scaled + zero_point, low, high)


def _check(rows: np.ndarray, bias: np.ndarray, of: Requantisation, found: Raised, limit: int, *output: int) -> None:
    for channel, row in enumerate(rows.astype(np.int64)):
        ends = np.multiply.outer(row, [-128, 127])
        sums = np.arange(ends.min(axis=1).sum(), ends.max(axis=1).sum() + 1)
        raised = (sums << (found.bits if found.which[channel] else 0)) + int(found.bias[channel])
        assert int(np.abs(raised).max()) < limit
        expected = _bytes(wrap_int32(sums + int(bias[channel])), of, channel, *output)
        assert np.array_equal(_bytes(raised, found.requantisation, channel, *output), expected), channel


@pytest.mark.parametrize(("zero_point", "low"), [(-128, -128), (0, -128), (-60, -60), (100, -128), (127, -90)])
@pytest.mark.parametrize("largest", [1, 3, 7, 15])
@pytest.mark.parametrize(("size", "limit"), [(9, 1 << 23), (25, 1 << 29)])
def test_every_sum_gives_the_byte_of_tflite(zero_point: int, low: int, largest: int, size: int, limit: int) -> None:
    rng = np.random.default_rng([zero_point + 128, largest, size])
    rows = rng.choice([-largest, largest], (CHANNELS, size)).astype(np.int8)
    bias = rng.integers(-300, 300, CHANNELS).astype(np.int32)
    multipliers = rng.integers(1 << 30, 1 << 31, CHANNELS)
    multipliers[:2] = 1 << 30, (1 << 31) - 1
    shifts = np.resize([0, 1, -1, 0, -3, 2], CHANNELS)
    of = Requantisation(multipliers, shifts)
    found = raise_steep(rows, bias, of, zero_point, low, 127, sum_limit=limit, weight_limit=limit >> 8)
    assert found is not None
    assert np.array_equal(found.which, shifts > -1)
    assert np.array_equal(found.shifts < 0, shifts < 0)
    assert int(found.requantisation.shifts.max()) < 0
    assert int(np.abs(found.raised_rows(rows)).max()) < limit >> 8
    _check(rows, bias, of, found, limit, zero_point, low, 127)


def test_nothing_is_raised_without_need() -> None:
    bias = np.array([5, -7], np.int32)
    of = Requantisation(np.array([1 << 30, 0]), np.array([-1, 0]))
    found = raise_steep(np.full((2, 9), 127, np.int8), bias, of, 0, -128, 127, sum_limit=1 << 23)
    assert found is not None
    assert (found.bits, found.which.tolist(), found.bias.tolist()) == (0, [False, False], [5, -7])
    assert found.shifts.tolist() == [-1, -1]


def test_sums_without_room_are_not_raised() -> None:
    of = Requantisation(np.array([1500000001]), np.array([0]))
    bias = np.zeros(1, np.int32)
    for weight, room in ((1, True), (127, False)):
        rows = np.full((1, 9), weight, np.int8)
        assert (raise_steep(rows, bias, of, 0, -128, 127, sum_limit=1 << 18) is not None) == room
    large = np.array([1 << 30], np.int32)  # its left shift wraps
    twice = Requantisation(np.array([1500000001]), np.array([1]))
    assert raise_steep(np.ones((1, 9), np.int8), large, twice, 0, -128, 127, sum_limit=1 << 31) is None


@pytest.mark.parametrize("zero_point", [-128, 0, 127])
def test_even_multipliers_round_once_to_the_same_bytes(zero_point: int) -> None:
    rng = np.random.default_rng(zero_point + 128)
    rows = rng.choice([-64, -32, 32, 64], (CHANNELS, 9)).astype(np.int8)
    bias = rng.integers(-3000, 3000, CHANNELS).astype(np.int32)
    of = Requantisation(rng.integers(1 << 30, 1 << 31, CHANNELS) | 1, np.resize([0, 0, 0, -2], CHANNELS))
    found = even_multipliers(rows, bias, of, zero_point, -128, 127)
    single = of.shifts == 0
    assert np.array_equal(found.multipliers % 2 == 0, single)
    for channel in np.flatnonzero(single):
        ends = np.multiply.outer(rows[channel].astype(np.int64), [-128, 127])
        sums = np.arange(ends.min(axis=1).sum(), ends.max(axis=1).sum() + 1) + int(bias[channel])
        # What the vector computes: sums lifted by 2^30, and half the multiplier taken off.
        multiplier = int(found.multipliers[channel])
        lifted = np.clip(rounded_high_product(sums + (1 << 30), multiplier) + zero_point - (multiplier >> 1), -128, 127)
        assert np.array_equal(lifted, _bytes(sums, of, channel, zero_point, -128, 127))
    assert found.multipliers[~single].tolist() == of.multipliers[~single].tolist()


def test_a_sum_so_large_that_the_last_bit_counts_keeps_the_odd_multiplier() -> None:
    """Of sums near 2^30 the last bit of a multiplier is half an output."""
    of = Requantisation(np.array([(3 << 29) + 1]), np.array([0]))
    rows, bias = np.ones((1, 1), np.int8), np.array([(1 << 30) - 256], np.int32)
    found = even_multipliers(rows, bias, of, -(3 << 28), -128, 127)
    assert found.multipliers.tolist() == of.multipliers.tolist()
