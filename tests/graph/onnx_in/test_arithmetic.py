# SPDX-License-Identifier: Apache-2.0
"""Arithmetic between layers: constants folded or made layers, sums, joins, bounds, borders; against ONNX Runtime."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.graph.onnx_in.onnx_nets import OnnxNet, compared
from toolchain.errors import ModelError
from toolchain.graph.onnx_in import read_onnx
from toolchain.graph.ops import Clamp, Padding

Build = Callable[[OnnxNet], str]


def image(net: OnnxNet, channels: int = 3, height: int = 9, width: int = 7) -> str:
    """A quantised [1, C, H, W] input."""
    return net.quantised(net.input("input", [1, channels, height, width]), 0.05, 3)


def affine(op: str, values: object, *, behind_conv: bool, swapped: bool = False) -> Build:
    """`op` with a constant, behind a Conv without quantisation in between, or alone."""

    def build(net: OnnxNet) -> str:
        x = image(net)
        if behind_conv:
            x = net.conv(x, 3, 3, (3, 3))
        constant = net.constant(values, "float32")
        return net.quantised(net.node(op, *((constant, x) if swapped else (x, constant))), 0.05, -2)

    return build


COLUMN = np.array([0.5, -1.25, 2.0]).reshape(3, 1, 1)
AFFINE = {
    "add a channel's constant": affine("Add", COLUMN, behind_conv=True),
    "multiply a channel, one of them by less than 0": affine("Mul", COLUMN, behind_conv=True),
    "divide by one number": affine("Div", 4.0, behind_conv=True),
    "subtract from a constant": affine("Sub", COLUMN, behind_conv=True, swapped=True),
    "empty a channel": affine("Mul", COLUMN * [[[1]], [[0]], [[1]]], behind_conv=True),
    "lone add": affine("Add", COLUMN, behind_conv=False),
    "lone multiply": affine("Mul", COLUMN, behind_conv=False),
    "lone add along W": affine("Add", np.linspace(-1, 1, 7), behind_conv=False),
}


@pytest.mark.parametrize("case", AFFINE)
def test_arithmetic_with_constants(case: str, tmp_path: Path) -> None:
    net = OnnxNet(seed=len(case))
    difference = compared(net.saved(tmp_path, AFFINE[case](net)))
    assert difference.largest <= 1
    assert "Conv2D" in difference.kinds[-1]
    assert [kind for kind in difference.kinds if kind != "Reshape"][:-1] == []


def test_batch_norm_folds_into_the_convolution_and_leaves_its_integers(tmp_path: Path) -> None:
    net = OnnxNet(seed=5)
    y = net.conv(image(net), 4, 3, (3, 3))
    integers = net.rng  # the draw below must not disturb the weights above
    parameters = [
        integers.uniform(0.5, 2, 4),
        integers.normal(0, 1, 4),
        integers.normal(0, 1, 4),
        integers.uniform(0.5, 2, 4),
    ]
    parameters[0][1] *= -1
    y = net.node("BatchNormalization", y, *(net.constant(p, "float32") for p in parameters))
    path = net.saved(tmp_path, net.quantised(net.node("Relu", y), 0.03, -128))
    difference = compared(path)
    assert difference.largest <= 1 and difference.kinds == ["Conv2D"]
    weights = difference.graph.tensor(difference.graph.operators[0].weights)
    original = next(t for t in net.initialisers if list(t.dims) == [4, 3, 3, 3])
    expected = np.frombuffer(original.raw_data, np.int8).reshape(4, 3, 3, 3).transpose(0, 2, 3, 1).astype(int)
    expected[1] *= -1
    assert np.array_equal(weights.array, expected)


def test_lone_batch_norm_is_a_depthwise_convolution(tmp_path: Path) -> None:
    net = OnnxNet(seed=6)
    parameters = [[1.0, -0.5, 3.0], [0.1, 0.2, -3.0], [0.0, 1.0, 0.5], [1.0, 4.0, 0.25]]
    y = net.node("BatchNormalization", image(net), *(net.constant(p, "float32") for p in parameters))
    difference = compared(net.saved(tmp_path, net.quantised(y, 0.1, 5)))
    assert difference.largest <= 1 and difference.kinds == ["DepthwiseConv2D"]


def two(op: str, first: float, second: float, output: float, **attributes: object) -> Build:
    """`op` of two branches of an input, on grids of the given scales."""

    def build(net: OnnxNet) -> str:
        x = image(net)
        left = net.quantised(net.conv(x, 4, 3, (3, 3), pads=[1] * 4), first, 2)
        right = net.quantised(net.conv(x, 4, 3, (1, 1)), second, -5)
        return net.quantised(net.node(op, left, right, **attributes), output, -1)

    return build


def test_add_of_two_activations(tmp_path: Path) -> None:
    net = OnnxNet(seed=2)
    assert (difference := compared(net.saved(tmp_path, two("Add", 0.04, 0.02, 0.05)(net)))).largest <= 2
    assert difference.kinds == ["Conv2D", "Conv2D", "Add"]


@pytest.mark.parametrize("axis", [1, 2, 3, -1])
def test_concat_along_any_axis(axis: int, tmp_path: Path) -> None:
    net = OnnxNet(seed=axis + 9)
    difference = compared(net.saved(tmp_path, two("Concat", 0.04, 0.03, 0.05, axis=axis)(net)))
    assert difference.largest <= 2
    kinds = [kind for kind in difference.kinds if kind != "Reshape"]
    join = "JoinRows" if axis == 2 else "Concatenation"
    assert kinds == ["Conv2D", "Conv2D", "Requantise", "Requantise", join]
    assert ("Reshape" in difference.kinds) == (axis in (3, -1))


def test_clip_and_relu_become_the_clamp_in_front(tmp_path: Path) -> None:
    net = OnnxNet(seed=2)
    y = net.node(
        "Clip", net.conv(image(net), 4, 3, (3, 3)), net.constant(-0.5, "float32"), net.constant(1.0, "float32")
    )
    difference = compared(net.saved(tmp_path, net.quantised(y, 0.05, 10)))
    assert difference.largest <= 1 and difference.kinds == ["Conv2D"]
    assert difference.graph.operators[0].activation == Clamp(0, 30)


def test_min_and_max_with_a_number_are_bounds(tmp_path: Path) -> None:
    net = OnnxNet(seed=2)
    y = net.node("Max", net.conv(image(net), 4, 3, (3, 3)), net.constant(0.0, "float32"))
    y = net.node("Min", net.constant(6.0, "float32"), y)
    difference = compared(net.saved(tmp_path, net.quantised(y, 0.05, -128)))
    assert difference.largest <= 1 and difference.kinds == ["Conv2D"]
    assert difference.graph.operators[0].activation == Clamp(-128, -8)


def test_lone_relu6_is_one_requantise(tmp_path: Path) -> None:
    net = OnnxNet()
    y = net.node("Clip", image(net), net.constant(0.0, "float32"), net.constant(6.0, "float32"))
    difference = compared(net.saved(tmp_path, net.quantised(y, 6 / 255, -128)))
    assert difference.largest <= 1 and difference.kinds == ["Requantise"]


def test_relu_between_two_quantisations_of_one_grid_fuses(tmp_path: Path) -> None:
    """ONNX Runtime's symmetric activations keep Relu behind a quantisation of its own."""
    net = OnnxNet(seed=3)
    y = net.quantised(net.conv(image(net), 4, 3, (3, 3)), 0.02, 0)
    difference = compared(net.saved(tmp_path, net.quantised(net.node("Relu", y), 0.02, 0)))
    assert difference.largest <= 1 and difference.kinds == ["Conv2D"]
    assert difference.graph.operators[0].activation == Clamp(0, 127)


def test_relu_to_another_grid_stays_a_requantise(tmp_path: Path) -> None:
    net = OnnxNet(seed=3)
    y = net.quantised(net.conv(image(net), 4, 3, (3, 3)), 0.02, 0)
    difference = compared(net.saved(tmp_path, net.quantised(net.node("Relu", y), 0.01, -128)))
    assert difference.largest <= 2 and difference.kinds == ["Conv2D", "Requantise"]


def test_quantisation_moves_up_through_a_float_max_pool(tmp_path: Path) -> None:
    """Conv -> Relu -> MaxPool -> Pad -> QuantizeLinear, as TensorRT's tools write it: quantising commutes."""
    net = OnnxNet(seed=4)
    y = net.node("Relu", net.conv(image(net), 4, 3, (3, 3)))
    y = net.node("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = net.node("Pad", y, net.constant([0, 0, 1, 0, 0, 0, 0, 1], "int64"))
    difference = compared(net.saved(tmp_path, net.quantised(y, 0.02, -128)))
    assert difference.largest <= 1 and difference.kinds == ["Conv2D", "MaxPool2D", "Pad"]


def test_operators_that_choose_need_no_quantisation_behind_them(tmp_path: Path) -> None:
    net = OnnxNet(seed=4)
    y = net.node("MaxPool", net.node("Relu", image(net)), kernel_shape=[2, 2], strides=[2, 2])
    difference = compared(net.saved(tmp_path, net.quantised(net.conv(y, 4, 3, (3, 3)), 0.03, 0)))
    assert difference.largest <= 1 and difference.kinds == ["Requantise", "MaxPool2D", "Conv2D"]


def test_pad_fuses_into_the_convolution(tmp_path: Path) -> None:
    net = OnnxNet(seed=4)
    y = net.node("Pad", image(net), net.constant([0, 0, 1, 2, 0, 0, 0, 1], "int64"))
    y = net.conv(net.quantised(y, 0.05, 3), 4, 3, (3, 3), pads=[1, 0, 0, 0])
    difference = compared(net.saved(tmp_path, net.quantised(y, 0.05, 0)))
    assert difference.largest <= 1 and difference.kinds == ["Conv2D"]
    assert difference.graph.operators[0].padding == Padding(2, 0, 2, 1)


def test_pad_of_named_axes(tmp_path: Path) -> None:
    net = OnnxNet(opset=19, seed=4)
    axes, pads = net.constant([-1], "int64"), net.constant([1, 2], "int64")
    y = net.node("Pad", image(net), pads, net.constant(0.0, "float32"), axes)
    difference = compared(net.saved(tmp_path, net.quantised(y, 0.05, 3)))
    assert difference.largest == 0 and difference.kinds == ["Pad"]
    assert difference.graph.operators[0].padding == Padding(0, 0, 1, 2)


def test_softmax_needs_no_quantisation_behind_it(tmp_path: Path) -> None:
    net = OnnxNet()
    x = net.quantised(net.input("input", [1, 9]), 0.05, 3)
    difference = compared(net.saved(tmp_path, net.node("Softmax", x)))
    assert difference.largest <= 1 and difference.kinds == ["Softmax"]


def test_softmax_on_another_grid_is_requantised(tmp_path: Path) -> None:
    net = OnnxNet()
    x = net.quantised(net.input("input", [1, 9]), 0.05, 3)
    difference = compared(net.saved(tmp_path, net.quantised(net.node("Softmax", x), 1 / 200, -128)))
    assert difference.largest <= 1 and difference.kinds == ["Softmax", "Requantise"]


def test_softmax_before_opset_13_runs_over_all_that_follows_its_axis(tmp_path: Path) -> None:
    net = OnnxNet(opset=12)
    x = net.quantised(net.input("input", [1, 3, 2, 2]), 0.05, 3)
    difference = compared(net.saved(tmp_path, net.node("Softmax", x, axis=1)))
    assert difference.largest <= 1
    assert difference.graph.tensor(difference.graph.operators[-1].reads[0]).n_elements == 12


@pytest.mark.parametrize(
    ("starts", "ends", "axes"), [([2], [6], [2]), ([-7, 0], [99, 7], [2, 3]), ([0, 0, 1], [1, 3, 9], None)]
)
def test_slice_takes_rows(starts: list[int], ends: list[int], axes: list[int] | None, tmp_path: Path) -> None:
    net = OnnxNet(seed=4)
    bounds = [net.constant(starts, "int64"), net.constant(ends, "int64")]
    bounds += [] if axes is None else [net.constant(axes, "int64"), net.constant([1] * len(axes), "int64")]
    difference = compared(net.saved(tmp_path, net.quantised(net.node("Slice", image(net), *bounds), 0.05, 3)))
    assert difference.largest == 0
    assert difference.kinds == ["TakeRows"]


@pytest.mark.parametrize(
    ("starts", "ends", "axes", "steps", "error"),
    [
        ([1], [5], [3], [1], "takes a part of axes .* outermost in memory, which is axis 2"),
        ([1, 1], [5, 3], [2, 1], [1, 1], "takes a part of axes"),
        ([1], [5], [2], [2], "not a slice with step 1"),
        ([5], [5], [2], [1], "takes nothing of axis 2"),
        ([1], [5], [4], [1], "axes .* do not fit"),
        ([1, 2], [5], [2], [1], "not a slice with step 1"),
    ],
)
def test_other_slices_are_refused(
    starts: list[int], ends: list[int], axes: list[int], steps: list[int], error: str, tmp_path: Path
) -> None:
    net = OnnxNet(seed=4)
    bounds = [net.constant(values, "int64") for values in (starts, ends, axes, steps)]
    path = net.saved(tmp_path, net.quantised(net.node("Slice", image(net), *bounds), 0.05, 3))
    with pytest.raises(ModelError, match=error):
        read_onnx(path)
