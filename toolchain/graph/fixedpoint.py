# SPDX-License-Identifier: Apache-2.0
"""Fixed-point arithmetic of TFLite's 8-bit kernels, exact, vectorised. The only home of it in Python.

A real factor is held as two integers, (multiplier, shift), and means multiplier / 2^31 * 2^shift with
2^30 <= multiplier < 2^31. The sign rule stands here only: **shift > 0 is to the left, shift < 0 to the right**.

A product with such a factor can round twice (first the high half of the product, then the right shift) or once.
Which one an operator takes is part of that operator's definition: see reference/<op>.py.

Sources of the definitions: tflite-micro, tensorflow/lite/kernels/internal/{common,quantization_util}.cc and
common.h; gemmlowp, fixedpoint/fixedpoint.h (the exponential and the reciprocal that Softmax is made of).
Where C++ leaves the overflow of an int32 undefined, the value here is the one of two's complement, which is what
the compiled kernels do: `wrap_int32`.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Int64 = NDArray[np.int64]

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1


def wrap_int32(x: ArrayLike) -> Int64:
    """The low 32 bits of `x` as a signed number: what an int32 holds after an overflow.

    >>> int(wrap_int32(2**31))
    -2147483648
    """
    return ((np.asarray(x, np.int64) + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


def quantise_multiplier(real: float) -> tuple[int, int]:
    """The pair (multiplier, shift) nearest to `real` >= 0; (0, 0) for 0 and for anything below 2^-32.

    Source: QuantizeMultiplier, quantization_util.cc: frexp, the mantissa rounded half away from zero to 31 bits.

    >>> quantise_multiplier(0.75), quantise_multiplier(1.0), quantise_multiplier(1e-12)
    ((1610612736, 0), (1073741824, 1), (0, 0))
    """
    if not (math.isfinite(real) and real >= 0):
        raise ValueError(f"{real} is no factor for an integer")
    mantissa, shift = math.frexp(real)
    multiplier = math.floor(mantissa * (1 << 31) + 0.5)  # both steps are exact in a double
    if multiplier == 1 << 31:
        multiplier, shift = 1 << 30, shift + 1
    return (multiplier, shift) if multiplier and shift >= -31 else (0, 0)


def rounded_high_product(a: ArrayLike, b: ArrayLike) -> Int64:
    """a * b / 2^31 rounded to nearest, ties upwards; -2^31 * -2^31 saturates. `a`, `b`: int32 values.

    Source: SaturatingRoundingDoublingHighMul, gemmlowp. Its nudge depends on the sign and it then divides towards
    zero; both together are one addition and one arithmetic shift.
    """
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    return np.asarray(np.minimum((product + (1 << 30)) >> 31, INT32_MAX))


def rounded_right_shift(x: ArrayLike, bits: ArrayLike) -> Int64:
    """x / 2^bits rounded to nearest, ties away from zero. `x`: int32 values, `bits`: 0..31.

    Source: RoundingDivideByPOT, gemmlowp.

    >>> rounded_right_shift([3, -3, 2, -2], 1).tolist()
    [2, -2, 1, -1]
    """
    wide = np.asarray(x, np.int64)
    half = (np.int64(1) << np.asarray(bits, np.int64)) >> 1
    nudge = np.where(wide < 0, np.maximum(half - 1, 0), half)
    return np.asarray((wide + nudge) >> np.asarray(bits, np.int64), np.int64)


def saturating_left_shift(x: ArrayLike, bits: int) -> Int64:
    """x * 2^bits, held within int32. Source: SaturatingRoundingMultiplyByPOT, gemmlowp."""
    return np.asarray(np.clip(np.asarray(x, np.int64) << bits, INT32_MIN, INT32_MAX), np.int64)


def multiply_rounding_twice(x: ArrayLike, multiplier: ArrayLike, shift: ArrayLike) -> Int64:
    """x * multiplier / 2^31 * 2^shift, rounded after the product and again after the right shift.

    `x`: int32 values; `multiplier`, `shift`: scalars or arrays that broadcast against `x`; shift -31..31.
    A left shift is applied to `x` first and wraps as an int32 does.
    Source: MultiplyByQuantizedMultiplier, common.cc, without TFLITE_SINGLE_ROUNDING.

    >>> multiply_rounding_twice([100, -100], *quantise_multiplier(0.25)).tolist()
    [25, -25]
    """
    shift = np.asarray(shift, np.int64)
    widened = wrap_int32(np.asarray(x, np.int64) << np.maximum(shift, 0))
    return rounded_right_shift(rounded_high_product(widened, multiplier), np.maximum(-shift, 0))


def multiply_rounding_once(x: ArrayLike, multiplier: ArrayLike, shift: ArrayLike) -> Int64:
    """x * multiplier / 2^31 * 2^shift, rounded to nearest once, ties upwards. shift -31..30.

    Source: MultiplyByQuantizedMultiplier, common.cc, with TFLITE_SINGLE_ROUNDING. No operator of this Graph takes
    it: it says what LiteRT's fully connected kernel does, where the two differ.
    """
    total = 31 - np.asarray(shift, np.int64)
    product = np.asarray(x, np.int64) * np.asarray(multiplier, np.int64)
    return (product + (np.int64(1) << (total - 1))) >> total


# exp(-2^k) in Q0.31 for k = -2..4: factors of the exponential, one for each bit of the argument from 1/4 to 16.
EXP_OF_MINUS_POWER = tuple(round(math.exp(-(2.0**k)) * (1 << 31)) for k in range(-2, 5))
_EXP_OF_MINUS_EIGHTH = round(math.exp(-0.125) * (1 << 31))
_ONE_THIRD = round((1 << 31) / 3)


def exp_of_negative(a: ArrayLike) -> Int64:
    """exp(a) in Q0.31 for a <= 0 in Q5.26 (a > -32); exactly 0 gives 2^31 - 1.

    Source: exp_on_negative_values, gemmlowp. a is split into -(r) + f with r a multiple of 1/4 and f in [-1/4, 0):
    exp(f) is a Taylor polynomial of degree 4 around -1/8, and each bit of r multiplies by a constant.
    """
    a = np.asarray(a, np.int64)
    quarter = 1 << 24
    fraction = (a & (quarter - 1)) - quarter
    x = (fraction << 5) + (1 << 28)  # Q0.31, around -1/8
    x2 = rounded_high_product(x, x)
    x3 = rounded_high_product(x2, x)
    quarter_x4 = rounded_right_shift(rounded_high_product(x2, x2), 2)
    tail = rounded_right_shift(rounded_high_product(quarter_x4 + x3, _ONE_THIRD) + x2, 1)
    result = _EXP_OF_MINUS_EIGHTH + rounded_high_product(_EXP_OF_MINUS_EIGHTH, x + tail)
    remainder = fraction - a
    for bit, factor in enumerate(EXP_OF_MINUS_POWER, start=24):
        result = np.where(remainder & (1 << bit), rounded_high_product(result, factor), result)
    return np.where(a == 0, INT32_MAX, result)


_48_OVER_17 = round(48 / 17 * (1 << 29))  # Q2.29
_MINUS_32_OVER_17 = round(-32 / 17 * (1 << 29))


def reciprocal(x: ArrayLike, integer_bits: int) -> tuple[Int64, Int64]:
    """(scale, bits) with scale / 2^31 / 2^bits close to 1 / x, for x > 0 with `integer_bits` integer bits of 31.

    Source: GetReciprocal, common.h, and one_over_one_plus_x_for_x_in_0_1, gemmlowp: x is normalised to 1 + f with
    f in [0, 1), and three Newton steps, from 48/17 - 32/17 * d, divide.
    """
    x = np.asarray(x, np.int64)
    leading_zeros = 32 - np.frexp(x.astype(np.float64))[1].astype(np.int64)
    fraction = (x << leading_zeros) - (1 << 31)
    half_denominator = (fraction + INT32_MAX + 1) // 2
    estimate = _48_OVER_17 + rounded_high_product(half_denominator, _MINUS_32_OVER_17)
    for _ in range(3):
        residue = (1 << 29) - rounded_high_product(half_denominator, estimate)
        estimate = estimate + saturating_left_shift(rounded_high_product(estimate, residue), 2)
    return saturating_left_shift(estimate, 1), integer_bits - leading_zeros
