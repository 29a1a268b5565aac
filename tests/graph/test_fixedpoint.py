# SPDX-License-Identifier: Apache-2.0
"""Fixed-point arithmetic against its definitions, written once more in plain Python integers and exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolchain.graph import fixedpoint
from toolchain.graph.fixedpoint import (
    INT32_MAX,
    INT32_MIN,
    exp_of_negative,
    multiply_rounding_once,
    multiply_rounding_twice,
    quantise_multiplier,
    reciprocal,
    rounded_high_product,
    rounded_right_shift,
    saturating_left_shift,
    wrap_int32,
)

int32 = st.integers(INT32_MIN, INT32_MAX) | st.sampled_from([INT32_MIN, INT32_MIN + 1, -1, 0, 1, INT32_MAX])
multipliers = st.integers(1 << 30, INT32_MAX)


def _high_product(a: int, b: int) -> int:
    """gemmlowp's words: add a nudge of the product's sign, divide by 2^31 towards zero, saturate."""
    if a == b == INT32_MIN:
        return INT32_MAX
    nudge = 1 << 30 if a * b >= 0 else 1 - (1 << 30)
    total = a * b + nudge
    return total // (1 << 31) if total >= 0 else -(-total // (1 << 31))


def _right_shift(x: int, bits: int) -> int:
    """gemmlowp's words: floor, plus one where the remainder is above the threshold."""
    remainder = x & ((1 << bits) - 1)
    threshold = (((1 << bits) - 1) >> 1) + (1 if x < 0 else 0)
    return (x >> bits) + (1 if remainder > threshold else 0)


@given(int32, int32)
def test_high_product_is_gemmlowps(a: int, b: int) -> None:
    assert int(rounded_high_product(a, b)) == _high_product(a, b)


@given(int32, st.integers(0, 31))
def test_right_shift_is_gemmlowps(x: int, bits: int) -> None:
    assert int(rounded_right_shift(x, bits)) == _right_shift(x, bits)


@given(int32, multipliers, st.integers(-31, 30))
def test_rounding_twice_is_the_high_product_and_then_the_shift(x: int, multiplier: int, shift: int) -> None:
    widened = (x << max(shift, 0)) + (1 << 31) & 0xFFFFFFFF
    expected = _right_shift(_high_product(widened - (1 << 31), multiplier), max(-shift, 0))
    assert int(multiply_rounding_twice(x, multiplier, shift)) == expected


@given(st.integers(-(1 << 24), 1 << 24), multipliers, st.integers(-31, 6))
def test_rounding_once_is_the_nearest_integer(x: int, multiplier: int, shift: int) -> None:
    exact = Fraction(x * multiplier, 1 << 31) * Fraction(2) ** shift
    assert int(multiply_rounding_once(x, multiplier, shift)) == math.floor(exact + Fraction(1, 2))


@given(st.integers(-(1 << 24), 1 << 24), multipliers, st.integers(-31, 6))
def test_rounding_twice_is_within_one_of_the_exact_product(x: int, multiplier: int, shift: int) -> None:
    exact = Fraction(x * multiplier, 1 << 31) * Fraction(2) ** shift
    assert abs(int(multiply_rounding_twice(x, multiplier, shift)) - exact) <= 1


def test_the_two_roundings_differ_somewhere() -> None:
    """1.25 rounds up to 1.5 first (in the last bit), and then to 2."""
    multiplier, shift = 1 << 30, -1
    assert int(multiply_rounding_once(5, multiplier, shift)) == 1
    assert int(multiply_rounding_twice(5, multiplier, shift)) == 2


def test_factors_broadcast_along_channels() -> None:
    acc = np.arange(-6, 6).reshape(2, 2, 3) * 1000
    multiplier, shift = np.array([1 << 30, INT32_MAX, 1 << 30]), np.array([-3, 0, 2])
    together = multiply_rounding_twice(acc, multiplier, shift)
    for channel in range(3):
        alone = multiply_rounding_twice(acc[..., channel], multiplier[channel], shift[channel])
        np.testing.assert_array_equal(together[..., channel], alone)


@given(st.floats(1e-9, 1e9))
def test_multiplier_has_31_bits(real: float) -> None:
    multiplier, shift = quantise_multiplier(real)
    assert 1 << 30 <= multiplier <= INT32_MAX
    assert abs(Fraction(multiplier, 1 << 31) * Fraction(2) ** shift / Fraction(real) - 1) <= Fraction(1, 1 << 31)


@pytest.mark.parametrize(
    ("real", "expected"),
    [
        (0.0, (0, 0)),
        (1.0, (1 << 30, 1)),
        (0.5, (1 << 30, 0)),
        (1 - 2**-40, (1 << 30, 1)),  # rounds up to 2^31, which is halved
        (2.0**-32, (1 << 30, -31)),
        (2.0**-33, (0, 0)),
        ((1 + 2**-31 * 1.5) / 2, ((1 << 30) + 1, 0)),  # half a step rounds away from zero
    ],
)
def test_multiplier_at_its_edges(real: float, expected: tuple[int, int]) -> None:
    assert quantise_multiplier(real) == expected


@pytest.mark.parametrize("real", [-0.1, math.nan, math.inf])
def test_a_factor_must_be_finite_and_not_negative(real: float) -> None:
    with pytest.raises(ValueError, match="is no factor"):
        quantise_multiplier(real)


def test_wrap_is_what_an_int32_keeps() -> None:
    values = np.array([INT32_MAX + 1, INT32_MIN - 1, 1 << 32, -(1 << 33) - 5, 7])
    assert wrap_int32(values).tolist() == values.astype(np.int32).tolist() == [INT32_MIN, INT32_MAX, 0, -5, 7]


def test_left_shift_saturates() -> None:
    assert saturating_left_shift([1 << 29, -(1 << 30), 3], 2).tolist() == [INT32_MAX, INT32_MIN, 12]


def test_constants_are_those_of_gemmlowp() -> None:
    """fixedpoint.h: exp_on_negative_values and one_over_one_plus_x_for_x_in_0_1."""
    assert fixedpoint.EXP_OF_MINUS_POWER == (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
    assert (fixedpoint._EXP_OF_MINUS_EIGHTH, fixedpoint._ONE_THIRD) == (1895147668, 715827883)
    assert (fixedpoint._48_OVER_17, fixedpoint._MINUS_32_OVER_17) == (1515870810, -1010580540)


def test_exponential_is_close_to_the_real_one() -> None:
    a = np.concatenate([np.arange(0, 1 << 26, 9973), np.arange(1 << 26, 31 << 26, 1 << 18)])
    error = np.abs(exp_of_negative(-a) / 2.0**31 - np.exp(-a / 2.0**26))
    assert error.max() < 2.5e-7
    assert int(exp_of_negative(0)) == INT32_MAX


def test_reciprocal_is_close_to_the_real_one() -> None:
    x = np.concatenate([np.arange(1, 1000), np.arange(1 << 19, INT32_MAX, 1 << 19)])
    scale, bits = reciprocal(x, integer_bits=12)
    real = (1 << 19) / x
    assert np.abs(scale / 2.0**31 / 2.0**bits / real - 1).max() < 1e-8
    assert scale.max() <= INT32_MAX
