# SPDX-License-Identifier: Apache-2.0
"""Raw features to the network's int8: thirty-two steps a standard deviation."""

import json
from fractions import Fraction

import numpy as np
import pytest

from toolchain.errors import SubbyteError
from toolchain.frontend import Frontend, Normalisation, hello_edge


def test_mean_becomes_zero_and_a_deviation_thirty_two() -> None:
    mean, std = np.array([-5000.0, 0.0, 123.0]), np.array([3700.0, 40.0, 11.0])
    normalisation = Normalisation.from_statistics(mean, std)
    raw = np.stack([mean, mean + std, mean - std, mean + 4 * std]).astype(np.int16)
    assert normalisation.apply(raw).tolist() == [[0, 0, 0], [32, 32, 32], [-32, -32, -32], [127, 127, 127]]


@pytest.mark.parametrize("std", [0.3, 1.0, 31.9, 32.0, 257.3, 14_000.0, 32_767.0])
def test_factor_is_within_one_part_in_ten_thousand(std: float) -> None:
    normalisation = Normalisation.from_statistics([0.0], [std])
    factor = Fraction(normalisation.multiplier[0], 1 << normalisation.shift[0])
    assert abs(float(factor) * std / 32 - 1) < 1e-4


def test_product_never_leaves_int32() -> None:
    """The widest allowed numbers, so the C code's int32 holds them."""
    extremes = Normalisation((-32768, 32767), (16384, 16384), (30, 30))
    raw = np.array([[32767, -32768]], np.int16)
    product = (raw.astype(object) - np.array(extremes.offset, object)) * 16384 + (1 << 29)
    assert all(-(2**31) <= p < 2**31 for p in product.ravel())
    assert extremes.apply(raw).tolist() == [[1, -1]]


def test_halves_round_up() -> None:
    assert Normalisation((0,), (1,), (1,)).apply(np.array([[-3], [-1], [1], [3]], np.int16)).ravel().tolist() == [
        -1,
        0,
        1,
        2,
    ]


def test_normalisation_survives_json() -> None:
    normalisation = Normalisation.from_statistics([1.5, -2000.0], [3.0, 900.0])
    assert Normalisation.from_dict(json.loads(json.dumps(normalisation.to_dict()))) == normalisation


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ([0.0, 0.0], [1.0, 0.0], "feature 1 never changes over the training audio"),
        ([0.0], [-1.0], "feature 0 never changes"),
        ([float("nan")], [1.0], "is not finite"),
        ([0.0, 1.0], [1.0], r"mean \(2,\) and std \(1,\)"),
        ([], [], "not one number a feature"),
    ],
)
def test_useless_statistics_are_refused(mean: list[float], std: list[float], message: str) -> None:
    with pytest.raises(SubbyteError, match=message):
        Normalisation.from_statistics(mean, std)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"offset": [0], "multiplier": [1]}, "exactly offset, multiplier and shift"),
        ({"offset": [0], "multiplier": [0], "shift": [0]}, r"multiplier\[0\] 0 is no whole number in 1..16384"),
        ({"offset": [0], "multiplier": [1], "shift": [31]}, r"shift\[0\] 31 is no whole number in 0..30"),
        ({"offset": [40000], "multiplier": [1], "shift": [0]}, r"offset\[0\] 40000"),
        ({"offset": [0.5], "multiplier": [1], "shift": [0]}, r"offset\[0\] 0.5 is no whole number"),
        ({"offset": [0, 0], "multiplier": [1], "shift": [0]}, "1 x multiplier for 2 x offset"),
        ({"offset": [], "multiplier": [], "shift": []}, "0 x offset"),
        ({"offset": "0", "multiplier": [1], "shift": [0]}, "offset is no list"),
        (None, "a table of exactly"),
    ],
)
def test_broken_tables_are_refused(fields: dict[str, list[int]], message: str) -> None:
    with pytest.raises(SubbyteError, match=message):
        Normalisation.from_dict(fields)


def test_normalisation_of_another_front_end_is_refused() -> None:
    with pytest.raises(SubbyteError, match="normalisation of 12 features for a front end of 10"):
        Frontend(hello_edge(), Normalisation.identity(12))


def test_int8_without_normalisation_is_refused() -> None:
    with pytest.raises(SubbyteError, match="no normalisation yet"):
        Frontend(hello_edge()).features(np.zeros((1, 16_000), np.int16))
