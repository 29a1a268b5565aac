# SPDX-License-Identifier: Apache-2.0
"""QuantizeLinear and DequantizeLinear in all their forms: types, Clip in between, several readers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.graph.onnx_in.onnx_nets import INT8, UINT8, OnnxNet, compared
from toolchain.graph.ops import Clamp

Build = Callable[[OnnxNet], str]


def image(net: OnnxNet, channels: int = 3, height: int = 9, width: int = 7) -> str:
    """A quantised [1, C, H, W] input."""
    return net.quantised(net.input("input", [1, channels, height, width]), 0.05, 3)


def test_a_missing_zero_point_means_uint8_and_0(tmp_path: Path) -> None:
    net = OnnxNet(seed=2)
    scale = net.constant(0.05, "float32")
    y = net.node("DequantizeLinear", net.node("QuantizeLinear", net.node("Relu", image(net)), scale), scale)
    difference = compared(net.saved(tmp_path, y))
    assert difference.largest <= 1
    assert difference.graph.tensor(difference.graph.outputs[0]).quantisation.zero_point == -128


def test_the_integer_type_may_be_an_attribute(tmp_path: Path) -> None:
    net = OnnxNet(opset=21, seed=2)
    scale = net.constant(0.05, "float32")
    q = net.node("QuantizeLinear", net.node("Relu", image(net)), scale, output_dtype=INT8)
    difference = compared(net.saved(tmp_path, net.node("DequantizeLinear", q, scale)))
    assert difference.largest <= 1
    assert difference.graph.tensor(difference.graph.outputs[0]).quantisation.zero_point == 0


@pytest.mark.parametrize(("kind", "dtype"), [(INT8, "int8"), (UINT8, "uint8")])
def test_an_input_may_be_integers_already(kind: int, dtype: str, tmp_path: Path) -> None:
    net = OnnxNet(seed=1)
    x = net.dequantised(net.input("input", ["batch", 3, 6, 6], kind), 0.05, 7, dtype)
    difference = compared(net.saved(tmp_path, net.quantised(net.conv(x, 4, 3, (3, 3)), 0.05, 0)))
    assert difference.largest <= 1
    assert difference.graph.tensor("input").quantisation.zero_point == (7 if dtype == "int8" else 7 - 128)


def test_an_output_may_be_integers(tmp_path: Path) -> None:
    net = OnnxNet(seed=1)
    difference = compared(net.saved(tmp_path, net.quantise(net.conv(image(net), 4, 3, (3, 3)), 0.05, 0)))
    assert difference.largest <= 1


def test_uint8_activations_are_shifted(tmp_path: Path) -> None:
    net = OnnxNet(seed=1)
    x = net.quantised(net.input("input", [1, 3, 6, 6]), 0.05, 131, "uint8")
    y = net.quantised(net.node("Relu", net.conv(x, 4, 3, (3, 3))), 0.03, 0, "uint8")
    difference = compared(net.saved(tmp_path, net.quantised(net.conv(y, 4, 4, (3, 3)), 0.05, 100, "uint8")))
    assert difference.largest <= 1
    zero_points = [t.quantisation.zero_point for t in difference.graph.activations()]
    assert sorted(zero_points) == [-128, -28, 3]


def test_max_pool_and_transpose_between_quantise_and_dequantise(tmp_path: Path) -> None:
    net = OnnxNet(seed=1)
    q = net.quantise(net.conv(image(net), 4, 3, (3, 3), pads=[1] * 4), 0.05, 100, "uint8")
    q = net.node("MaxPool", q, kernel_shape=[2, 2], strides=[2, 2])
    q = net.node("Transpose", q, perm=[0, 2, 3, 1])
    x = net.dequantised(q, 0.05, 100, "uint8")
    y = net.node("Transpose", x, perm=[0, 3, 1, 2])
    difference = compared(net.saved(tmp_path, net.quantised(net.conv(y, 4, 4, (3, 3)), 0.05, 0)))
    assert difference.largest <= 1 and difference.kinds == ["Conv2D", "MaxPool2D", "Conv2D"]


@pytest.mark.parametrize("bits", [2, 4, 6])
def test_fewer_bits_from_a_clip_between_quantise_and_dequantise(bits: int, tmp_path: Path) -> None:
    """Brevitas' QCDQ: weights of `bits` bits, activations of 4."""
    net = OnnxNet(seed=bits)
    limit = (1 << (bits - 1)) - 1
    real = net.constant(net.rng.normal(0, 0.3, [4, 3, 3, 3]), "float32")
    weights = net.quantised(real, 0.3 / limit, 0, low=-limit, high=limit)
    bias = net.node(
        "DequantizeLinear", net.constant([3, -2, 0, 9], "int32"), net.constant(0.05 * (0.3 / limit), "float32")
    )
    y = net.node("Relu", net.node("Conv", image(net), weights, bias, kernel_shape=[3, 3]))
    difference = compared(net.saved(tmp_path, net.quantised(y, 0.2, 0, "uint8", low=0, high=15)))
    assert difference.largest <= 1 and difference.kinds == ["Conv2D"]
    conv = difference.graph.operators[0]
    assert conv.activation == Clamp(-128, -113)
    assert difference.graph.tensor(conv.weights).bits == bits
    assert difference.graph.tensor(conv.bias).array.tolist() == [3, -2, 0, 9]


def test_a_factor_in_front_of_the_quantisation_belongs_to_the_input(tmp_path: Path) -> None:
    net = OnnxNet(seed=1)
    x = net.node("Div", net.input("input", [1, 3, 6, 6]), net.constant(255.0, "float32"))
    y = net.conv(net.quantised(x, 1 / 255, -128), 4, 3, (3, 3))
    difference = compared(net.saved(tmp_path, net.quantised(y, 0.01, 0)))
    assert difference.largest <= 1


def test_one_value_on_two_grids_is_computed_for_each(tmp_path: Path) -> None:
    """Exact to the file; a Requantise from one to the other would round twice."""
    net = OnnxNet(seed=1)
    y = net.conv(image(net), 4, 3, (3, 3))
    one, other = net.quantised(y, 0.05, 0), net.quantised(y, 0.02, 7)
    difference = compared(net.saved(tmp_path, one, other))
    assert difference.largest <= 1 and difference.kinds == ["Conv2D", "Conv2D"]


def test_one_value_on_one_grid_twice_is_computed_once(tmp_path: Path) -> None:
    net = OnnxNet(seed=1)
    y = net.conv(image(net), 4, 3, (3, 3), pads=[1] * 4)
    one, other = net.quantised(y, 0.05, 0), net.quantised(y, 0.05, 0)
    difference = compared(net.saved(tmp_path, net.quantised(net.node("Add", one, other), 0.1, 0)))
    assert difference.largest <= 1 and difference.kinds == ["Conv2D", "Add"]
