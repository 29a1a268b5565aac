# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of the kernels against its definition in toolchain/graph/fixedpoint.py, on extreme numbers."""

import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from toolchain.assets import asset_folder
from toolchain.device.host import host_compiler
from toolchain.export.c.layout import paired_channel_table
from toolchain.graph.fixedpoint import multiply_rounding_twice, rounded_high_product, rounded_right_shift, wrap_int32
from toolchain.graph.requantisation import Requantisation

WRAPPERS = """
#include "sb_dsp.h"
#include "sb_mve.h"
#include "sb_scalar.h"
#define EACH(name, expression) \\
  void name(const int32_t *x, const int32_t *a, const int32_t *b, int32_t *y, int64_t n); \\
  void name(const int32_t *x, const int32_t *a, const int32_t *b, int32_t *y, int64_t n) \\
  { for (int64_t i = 0; i < n; i++) { y[i] = (expression); } }
EACH(scale, sb_scale(x[i], a[i], b[i]))
EACH(high_product, sb_high_product(x[i], a[i]))
EACH(shift_right, sb_rounding_shift_right(x[i], b[i]))
EACH(output_dsp, sb_output_dsp(x[i], a[i], -1 - b[i], 2 * (x[i] & 127) + 1))
EACH(output_doubled, sb_output_doubled(x[i], a[i], b[i], 2 * (x[i] & 127) + 1))
EACH(output_scalar, sb_output_scalar(x[i], a[i], -1 - b[i], 2 * (x[i] & 127) + 1))
EACH(product_long, sb_product_long(x[i], a[i]))
EACH(product_of_halves, sb_product_of_halves(x[i], a[i]))
EACH(smmlar, sb_smmlar(x[i], a[i], b[i]))
EACH(requantised, sb_requantised(sb_four(x[i], 0, 0, 0),
     &(sb_scaling){0, a[i], (2 * (x[i] & 127) + 1) * (1 << (-1 - b[i])), 24 + b[i]}).lane[0])
EACH(smlad, sb_smlad((uint32_t)x[i], (uint32_t)a[i], b[i]))
EACH(smlabb, sb_smlabb((uint32_t)x[i], (uint32_t)a[i], b[i]))
EACH(smlabt, sb_smlabt((uint32_t)x[i], (uint32_t)a[i], b[i]))
EACH(smlatb, sb_smlatb((uint32_t)x[i], (uint32_t)a[i], b[i]))
EACH(smlatt, sb_smlatt((uint32_t)x[i], (uint32_t)a[i], b[i]))
EACH(smmla, sb_smmla(x[i], a[i], b[i]))
EACH(sxtab16, (int32_t)sb_sxtab16((uint32_t)x[i], (uint32_t)a[i]))
EACH(larger_bytes, (int32_t)sb_larger_bytes((uint32_t)x[i], (uint32_t)a[i]))
EACH(smaller_bytes, (int32_t)sb_smaller_bytes((uint32_t)x[i], (uint32_t)a[i]))
EACH(ssat8_line, sb_ssat8_line(x[i]))
EACH(sxtb16, (int32_t)sb_sxtb16((uint32_t)x[i]))
EACH(sxtb16_ror8, (int32_t)sb_sxtb16_ror8((uint32_t)x[i]))
"""

Function = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def c(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Function]:
    """The C function of that name over arrays of x, a, b."""
    compiler = host_compiler()
    assert compiler is not None
    folder = tmp_path_factory.mktemp("fixedpoint")
    (folder / "wrappers.c").write_text(WRAPPERS)
    kernels = asset_folder("firmware_templates") / "kernels"
    flags = ["-std=c11", "-O2", "-fPIC", "-shared", "-fsanitize=undefined", "-fno-sanitize-recover=all", f"-I{kernels}"]
    library = Path(folder / "wrappers.so")
    subprocess.run([compiler.path, *flags, str(folder / "wrappers.c"), "-o", str(library)], check=True)
    loaded = ctypes.CDLL(str(library))

    def function(name: str) -> Function:
        def call(x: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
            arrays = [np.ascontiguousarray(v, np.int32) for v in (x, a, b)]
            y = np.empty(len(x), np.int32)
            loaded[name](*(ctypes.c_void_p(v.ctypes.data) for v in (*arrays, y)), ctypes.c_int64(len(x)))
            return y

        return call

    return function


N = 200_000


def _int32(rng: np.random.Generator) -> np.ndarray:
    """Numbers of every magnitude, with the extremes."""
    values = rng.integers(-(1 << 31), 1 << 31, N) >> rng.integers(0, 31, N)
    values[:6] = [-(1 << 31), (1 << 31) - 1, 0, -1, 1, -(1 << 30)]
    return values


def _multipliers(rng: np.random.Generator) -> np.ndarray:
    values = rng.integers(1 << 30, 1 << 31, N)
    values[::50], values[1::50], values[2::50] = 1 << 30, (1 << 31) - 1, 0
    return values


def test_scale_rounds_twice_at_every_shift(c: Callable[[str], Function]) -> None:
    rng = np.random.default_rng(1)
    x, multiplier, shift = _int32(rng), _multipliers(rng), rng.integers(-31, 32, N)
    assert np.array_equal(c("scale")(x, multiplier, shift), multiply_rounding_twice(x, multiplier, shift))


def test_both_halves_of_scale_are_the_definitions(c: Callable[[str], Function]) -> None:
    rng = np.random.default_rng(2)
    x, a, bits = _int32(rng), _multipliers(rng), rng.integers(0, 32, N)
    assert np.array_equal(c("high_product")(x, a, bits), rounded_high_product(x, a))
    assert np.array_equal(c("shift_right")(x, a, bits), rounded_right_shift(x, bits))


def test_ties_of_the_shift_go_away_from_zero(c: Callable[[str], Function]) -> None:
    x = np.array([1, -1, 3, -3, 5, -5, 6, -6, 2, -2])
    bits = np.array([1, 1, 1, 1, 1, 1, 2, 2, 2, 2])
    assert c("shift_right")(x, x, bits).tolist() == [1, -1, 2, -2, 3, -3, 2, -2, 1, -1]


@pytest.mark.parametrize(("name", "bits"), [("product_long", 30), ("product_of_halves", 29)])
def test_products_of_cores_without_simd_are_the_definition(c: Callable[[str], Function], name: str, bits: int) -> None:
    rng = np.random.default_rng(8)
    x = np.clip(_int32(rng), -(1 << bits) + 1, (1 << bits) - 1)
    multiplier = _multipliers(rng)
    assert np.array_equal(c(name)(x, multiplier, x), rounded_high_product(x, multiplier))


@pytest.mark.parametrize(("name", "bits"), [("output_dsp", 30), ("output_scalar", 29)])
def test_few_instructions_give_the_same_output_byte(c: Callable[[str], Function], name: str, bits: int) -> None:
    """sb_output_dsp and sb_output_scalar within their terms: |sum| below 2^bits, shift to the right by 1 to 31."""
    rng = np.random.default_rng(3)
    x = np.clip(_int32(rng), -(1 << bits) + 1, (1 << bits) - 1)
    multiplier, shift = _multipliers(rng), rng.integers(-31, 0, N)
    expected = np.clip(multiply_rounding_twice(x, multiplier, shift) + (x & 127), -128, 127)
    assert np.array_equal(c(name)(x, multiplier, shift), expected)


def _doubled(multiplier: np.ndarray) -> np.ndarray:
    return wrap_int32(2 * multiplier)


def test_five_instructions_give_the_same_output_byte_for_any_sum(c: Callable[[str], Function]) -> None:
    """sb_output_doubled within its terms: a multiplier that is not 0, shift to the right by 1 to 31."""
    rng = np.random.default_rng(5)
    x, shift = _int32(rng), rng.integers(-31, 0, N)
    x[0] = -(1 << 31) + 1
    multiplier = np.maximum(_multipliers(rng), 1 << 30)
    expected = np.clip(multiply_rounding_twice(x, multiplier, shift) + (x & 127), -128, 127)
    above = rng.integers(0, 1 << 23, N) * 256  # the shift is a low byte
    assert np.array_equal(c("output_doubled")(x, _doubled(multiplier), above + (-1 - shift)), expected)


def test_five_instructions_round_all_ties_as_the_definition(c: Callable[[str], Function]) -> None:
    """Every sum around every tie between two outputs, for the multipliers where ties are hit, at each shift."""
    for shift in range(-22, 0):
        steps = np.arange(-300, 301, dtype=np.int64)
        for multiplier in (1 << 30, (1 << 30) + 1, 3 << 29, (1 << 31) - 1):
            ties = ((2 * steps + 1) << (30 - shift)) // multiplier
            x = np.unique(np.clip((ties[:, None] + np.arange(-3, 4)).ravel(), 1 - (1 << 31), (1 << 31) - 1))
            shifts = np.full(len(x), shift)
            expected = np.clip(multiply_rounding_twice(x, multiplier, shifts) + (x & 127), -128, 127)
            found = c("output_doubled")(x, _doubled(np.full(len(x), multiplier)), -1 - shifts)
            assert np.array_equal(found, expected), (shift, multiplier)


def test_paired_channels_hold_what_the_plain_table_says(c: Callable[[str], Function]) -> None:
    """Also for a factor of 0."""
    requantisation = Requantisation(np.array([0, 1 << 30, (1 << 31) - 1]), np.array([0, -1, -31]))
    table = paired_channel_table(np.array([-(1 << 23), (1 << 23) - 1, -5]), requantisation)
    assert (table[:, 1] >> 8).tolist() == [-(1 << 23), (1 << 23) - 1, -5, 0]
    x = np.array([-(1 << 30), -12345, -1, 0, 1, 12345, 1 << 30])
    for row, multiplier, shift in zip(table, requantisation.multipliers, requantisation.shifts, strict=False):
        expected = np.clip(multiply_rounding_twice(x, multiplier, shift) + (x & 127), -128, 127)
        assert np.array_equal(c("output_doubled")(x, *(np.full(len(x), part) for part in row)), expected)


def test_helium_gives_the_same_output_byte(c: Callable[[str], Function]) -> None:
    """sb_requantised within its terms: any sum, shift to the right by 1 to 23."""
    rng = np.random.default_rng(5)
    x, multiplier, shift = _int32(rng), _multipliers(rng), rng.integers(-23, 0, N)
    x[6:40_000] = np.resize(np.arange(-3000, 3000), 40_000 - 6)  # all around 0, and many ties
    expected = np.clip(multiply_rounding_twice(x, multiplier, shift) + (x & 127), -128, 127)
    assert np.array_equal(c("requantised")(x, multiplier, shift), expected)


def test_written_out_instructions_do_what_the_manual_says(c: Callable[[str], Function]) -> None:
    rng = np.random.default_rng(4)
    x, a, b = _int32(rng), _int32(rng), _int32(rng)
    halves = [(v.astype(np.int32).view(np.uint32) & 0xFFFF).astype(np.int16).astype(np.int64) for v in (x, a)]
    tops = [v.astype(np.int64) >> 16 for v in (x, a)]
    bottom, top = halves[0] * halves[1], tops[0] * tops[1]
    assert np.array_equal(c("smmlar")(x, a, b), wrap_int32(b + ((x * a + (1 << 31)) >> 32)))
    assert np.array_equal(c("smlad")(x, a, b), wrap_int32(bottom + top + b))
    assert np.array_equal(c("smlabb")(x, a, b), wrap_int32(bottom + b))
    assert np.array_equal(c("smlatt")(x, a, b), wrap_int32(top + b))
    assert np.array_equal(c("smlabt")(x, a, b), wrap_int32(halves[0] * tops[1] + b))
    assert np.array_equal(c("smlatb")(x, a, b), wrap_int32(tops[0] * halves[1] + b))
    assert np.array_equal(c("smmla")(x, a, b), wrap_int32(b + (x * a >> 32)))
    assert np.array_equal(c("ssat8_line")(x, a, b), np.clip(x >> 19, -128, 127))
    lanes = [v.astype(np.int32).view(np.int8) for v in (x, a)]
    for name, choose in (("larger_bytes", np.maximum), ("smaller_bytes", np.minimum)):
        assert np.array_equal(c(name)(x, a, b), choose(*lanes).view(np.int32)), name
    added = x.astype(np.int32).view(np.int16) + a.astype(np.int32).view(np.int8).reshape(-1, 4)[:, ::2].ravel()
    assert np.array_equal(c("sxtab16")(x, a, b), added.astype(np.int16).view(np.int32))
    pair = x.astype(np.int32).view(np.int8).reshape(-1, 4).astype(np.int16)
    assert np.array_equal(c("sxtb16")(x, a, b), np.ascontiguousarray(pair[:, ::2]).view(np.int32).ravel())
    assert np.array_equal(c("sxtb16_ror8")(x, a, b), np.ascontiguousarray(pair[:, 1::2]).view(np.int32).ravel())
