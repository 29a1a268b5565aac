# SPDX-License-Identifier: Apache-2.0
"""Weights: factors behind a layer never change its integers, biases find a grid or are refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain.errors import ModelError
from toolchain.graph.onnx_in.grid_recovery import recovered
from toolchain.graph.onnx_in.weights import BIAS_TOLERANCE, INT32_MAX, Weights
from toolchain.graph.tensor import Grid


def weights(integers: object, scale: float = 0.01, bits: int = 8, bias: object = None) -> Weights:
    """[Co, Ci] with one scale."""
    array = np.array(integers, np.int64)
    real = None if bias is None else np.array(bias, np.float64)
    return Weights(array, 0, np.full(len(array), scale), bits, real)


@given(st.lists(st.floats(-8, 8), min_size=3, max_size=3), st.lists(st.floats(-8, 8), min_size=3, max_size=3))
@settings(deadline=None)
def test_an_affine_map_is_exact(gain: list[float], shift: list[float]) -> None:
    layer = weights([[1, -5, 127], [0, 3, -127], [9, 9, 9]], bias=[0.5, -2, 0])
    mapped = layer.with_affine(np.array(gain), np.array(shift))
    before = (layer.integers * layer.scales[:, None]) @ [1.0, 2.0, 4.0] + layer.bias
    bias = np.zeros(3) if mapped.bias is None else mapped.bias
    after = (mapped.integers * mapped.scales[:, None]) @ [1.0, 2.0, 4.0] + bias
    assert np.allclose(after, np.array(gain) * before + shift, rtol=1e-12, atol=1e-12)
    assert np.array_equal(np.abs(mapped.integers), np.abs(layer.integers) * (np.array(gain) != 0)[:, None])


def test_an_int32_bias_on_its_own_grid_comes_through_as_it_is() -> None:
    integers = np.array([123456, -7, INT32_MAX // 3])
    scale = float(np.float32(np.float32(0.05) * np.float32(0.013)))
    layer = weights([[127], [1], [-3]], scale=float(np.float32(0.013)), bias=integers * scale)
    _, bias = layer.on_grid(float(np.float32(0.05)), 0.1)
    assert bias is not None and bias.tolist() == integers.tolist()


def test_a_float_bias_beside_narrow_weights_gets_a_finer_grid() -> None:
    """Brevitas without a quantised bias: ±1 weights whose grid is 20 steps of the output wide."""
    layer = weights([[1, -1, 0, 1]], scale=0.5, bits=2, bias=[0.3])
    refined, bias = layer.on_grid(0.4, 0.01)
    assert bias is not None
    factor = refined.integers[0, 0]
    assert factor in (2, 4, 8, 16, 32, 64) and refined.integers.tolist() == [[factor, -factor, 0, factor]]
    assert refined.scales[0] * factor == 0.5
    assert refined.bits == int(factor).bit_length() + 1
    assert abs(bias[0] * refined.bias_scales(0.4)[0] - 0.3) <= BIAS_TOLERANCE * 0.01


def test_narrow_weights_stay_narrow_where_the_bias_fits() -> None:
    refined, _ = weights([[1, -1, 0, 1]], scale=0.5, bits=2, bias=[0.4]).on_grid(0.4, 0.01)
    assert refined.bits == 2


def test_a_sign_stays_on_the_mid_rise_grid_and_a_zero_leaves_it() -> None:
    layer = Weights(np.array([[3, -1], [1, -3]]), 0, np.full(2, 0.1), 2, grid=Grid.MID_RISE)
    flipped = layer.with_affine(np.array([-1.0, 1.0]), np.zeros(2))
    assert (flipped.integers.tolist(), flipped.bits, flipped.grid) == ([[-3, 1], [1, -3]], 2, Grid.MID_RISE)
    emptied = layer.with_affine(np.array([0.0, 1.0]), np.zeros(2))
    assert (emptied.integers.tolist(), emptied.bits, emptied.grid) == ([[0, 0], [1, -3]], 3, Grid.MID_TREAD)


def test_dead_weights_do_not_lose_their_bias() -> None:
    layer = weights([[5, -3], [100, 100]], bias=[0.7, 0.1])
    layer = Weights(layer.integers, 0, np.array([1e-20, 0.01]), 8, layer.bias)
    raised, bias = layer.on_grid(0.05, 0.02)
    assert bias is not None and raised.integers.tolist() == [[0, 0], [100, 100]]
    assert np.allclose(bias * raised.bias_scales(0.05), [0.7, 0.1], atol=1e-4)


def test_an_accumulator_beyond_32_bits_is_refused() -> None:
    with pytest.raises(ModelError, match=r"output channel 1: .* does not fit a 32-bit accumulator"):
        weights([[1], [127]], bias=[0, 1e7]).on_grid(0.01, 0.01)


def test_scales_that_vanish_are_refused() -> None:
    with pytest.raises(ModelError, match="no grid"):
        weights([[1]], scale=1e-30, bias=[1e-60]).on_grid(1e-30, 1.0)


def test_a_grid_is_found_again_in_folded_weights() -> None:
    rng = np.random.default_rng(0)
    integers = rng.integers(-127, 128, (6, 3, 3, 4))
    scales = rng.uniform(1e-4, 1, 6).astype(np.float32)
    folded = (integers.astype(np.float32) * scales[:, None, None, None]).astype(np.float64)
    found = recovered(folded, 0)
    assert found is not None
    assert np.array_equal(found[0], integers)
    assert np.allclose(found[1][:, 0, 0, 0], scales, rtol=2**-22, atol=0)


def test_float_weights_have_no_grid() -> None:
    assert recovered(np.random.default_rng(0).normal(0, 1, (4, 9)), 0) is None


def test_empty_channels_have_any_grid() -> None:
    found = recovered(np.zeros((2, 3)), 0)
    assert found is not None and not found[0].any() and (found[1] == 1).all()
