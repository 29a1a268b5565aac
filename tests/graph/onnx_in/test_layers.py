# SPDX-License-Identifier: Apache-2.0
"""Each operator that is read, alone between quantisations: the Graph against ONNX Runtime, at most one step apart.

One step, because TFLite's kernels round twice in integers (halves away from zero) where the file rounds once in
float32 (halves to even); operators that only choose among integers must agree exactly.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.graph.onnx_in.onnx_nets import INT8, UINT8, OnnxNet, compared
from toolchain.graph.onnx_in import read_onnx
from toolchain.graph.ops import Clamp, Padding

Build = Callable[[OnnxNet], str]


def image(net: OnnxNet, channels: int = 3, height: int = 9, width: int = 7) -> str:
    """A quantised [1, C, H, W] input."""
    return net.quantised(net.input("input", [1, channels, height, width]), 0.05, 3)


def layer(
    kind: str, *, kernel: tuple[int, ...] = (3, 3), shape: tuple[int, ...] = (9, 7), **attributes: object
) -> Build:
    """A Conv, depthwise (with multiplier 2) or not, of an input of 4 channels."""

    def build(net: OnnxNet) -> str:
        x = net.quantised(net.input("input", [1, 4, *shape]), 0.05, 3)
        if kind == "conv":
            y = net.conv(x, 5, 4, kernel, **attributes)
        else:
            y = net.conv(x, 8, 4, kernel, group=4, **attributes)
        return net.quantised(y, 0.04, -7)

    return build


CONVOLUTIONS = {
    "plain": layer("conv"),
    "strides and lopsided pads": layer("conv", strides=[2, 1], pads=[1, 0, 2, 1]),
    "dilated": layer("conv", dilations=[2, 3], pads=[2, 3, 2, 3]),
    "same upper": layer("conv", auto_pad="SAME_UPPER", strides=[2, 2], kernel=(4, 3)),
    "same lower": layer("conv", auto_pad="SAME_LOWER", strides=[2, 2], kernel=(4, 3)),
    "valid": layer("conv", auto_pad="VALID"),
    "no bias": layer("conv", bias=False),
    "1x1": layer("conv", kernel=(1, 1)),
    "one dimension": layer("conv", kernel=(5,), shape=(20,), strides=[2], pads=[1, 3]),
    "one dimension, depthwise": layer("depthwise", kernel=(5,), shape=(20,), dilations=[2]),
    "depthwise with multiplier": layer("depthwise", strides=[1, 2], pads=[1, 1, 0, 1]),
}


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution(case: str, tmp_path: Path) -> None:
    net = OnnxNet(seed=len(case))
    difference = compared(net.saved(tmp_path, CONVOLUTIONS[case](net)))
    assert difference.largest <= 1
    assert difference.kinds == ["DepthwiseConv2D" if "depthwise" in case else "Conv2D"]


def test_depthwise_channels_keep_their_order(tmp_path: Path) -> None:
    net = OnnxNet()
    x = net.quantised(net.input("input", [1, 2, 3, 3]), 1.0, 0)
    weights = net.weights_of(np.array([1, 2, 3, 4]).reshape(4, 1, 1, 1), [1.0] * 4, 0)
    y = net.quantised(net.node("Conv", x, weights, group=2, kernel_shape=[1, 1]), 4.0, 0)
    graph = read_onnx(net.saved(tmp_path, y))
    weights = graph.tensor(graph.operators[0].weights)
    assert weights.array.reshape(-1).tolist() == [1, 2, 3, 4]
    assert compared(net.saved(tmp_path, y)).largest <= 1


def gemm(**attributes: float) -> Build:
    """A Gemm of 6 inputs and 4 outputs."""

    def build(net: OnnxNet) -> str:
        transposed = attributes.get("transA", 0)
        x = net.quantised(net.input("input", [6, 1] if transposed else [1, 6]), 0.05, 3)
        shape, axis = ([4, 6], 0) if attributes.get("transB", 0) else ([6, 4], 1)
        bias = net.constant(net.rng.normal(0, 1, [1, 4]), "float32")
        return net.quantised(net.node("Gemm", x, net.weights(shape, axis=axis), bias, **attributes), 0.05, -4)

    return build


def matmul(net: OnnxNet) -> str:
    x = net.quantised(net.input("input", [1, 6]), 0.05, 3)
    return net.quantised(net.node("MatMul", x, net.weights([6, 4], axis=1)), 0.05, -4)


def matmul_and_bias(net: OnnxNet) -> str:
    x = net.quantised(net.input("input", [1, 6]), 0.05, 3)
    product = net.node("MatMul", x, net.weights([6, 4], axis=1))
    return net.quantised(net.node("Add", net.constant([0.5, -1, 2, 0.1], "float32"), product), 0.05, -4)


def matmul_of_every_frame(net: OnnxNet) -> str:
    x = net.quantised(net.input("input", [1, 5, 6]), 0.05, 3)
    product = net.node("MatMul", x, net.weights([6, 4], axis=None))
    return net.quantised(net.node("Relu", product), 0.05, -128)


DENSE = {
    "gemm": gemm(),
    "transB": gemm(transB=1),
    "transA": gemm(transA=1),
    "alpha and beta": gemm(alpha=0.5, beta=-2.0, transB=1),
    "negative alpha": gemm(alpha=-1.5),
    "matmul": matmul,
    "matmul and bias": matmul_and_bias,
    "matmul of every frame": matmul_of_every_frame,
}


@pytest.mark.parametrize("case", DENSE)
def test_dense(case: str, tmp_path: Path) -> None:
    net = OnnxNet(seed=len(case))
    difference = compared(net.saved(tmp_path, DENSE[case](net)))
    assert difference.largest <= 1
    assert [kind for kind in difference.kinds if kind != "Reshape"] == ["FullyConnected"]


def pool(op: str, *, scale: float = 0.05, zero_point: int = 3, **attributes: object) -> Build:
    """A pool of an image with scale 0.05, zero point 3."""
    return lambda net: net.quantised(net.node(op, image(net), **attributes), scale, zero_point)


def mean(axes: list[int], opset_axes: bool = False, scale: float = 0.02, **attributes: object) -> Build:
    def build(net: OnnxNet) -> str:
        x = image(net)
        if opset_axes:
            net.opset = 18
            return net.quantised(net.node("ReduceMean", x, net.constant(axes, "int64"), **attributes), scale, 1)
        return net.quantised(net.node("ReduceMean", x, axes=axes, **attributes), scale, 1)

    return build


POOLS: dict[str, tuple[Build, list[str], int]] = {
    "max": (pool("MaxPool", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1]), ["MaxPool2D"], 0),
    "max to another grid": (pool("MaxPool", kernel_shape=[2, 2], scale=0.03), ["MaxPool2D", "Requantise"], 1),
    "max with ceiling": (pool("MaxPool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1), ["MaxPool2D"], 0),
    "max with ceiling, window behind the input": (
        pool("MaxPool", kernel_shape=[2, 2], strides=[3, 3], pads=[1, 1, 1, 1], ceil_mode=1),
        ["MaxPool2D"],
        0,
    ),
    "global max": (pool("GlobalMaxPool"), ["MaxPool2D"], 0),
    "average": (pool("AveragePool", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1]), ["AveragePool2D"], 1),
    "average to another grid": (
        pool("AveragePool", kernel_shape=[2, 2], strides=[2, 2], scale=0.03),
        ["AveragePool2D", "Requantise"],
        1,
    ),
    "average with counted padding": (
        pool("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
        ["Pad", "AveragePool2D"],
        1,
    ),
    "average with ceiling": (
        pool("AveragePool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
        ["AveragePool2D"],
        1,
    ),
    "average over everything": (pool("AveragePool", kernel_shape=[9, 7], scale=0.01), ["Mean"], 1),
    "global average": (pool("GlobalAveragePool"), ["AveragePool2D"], 1),
    "global average to another grid": (pool("GlobalAveragePool", scale=0.01, zero_point=-9), ["Mean"], 1),
    "mean over H and W": (mean([2, 3]), ["Mean"], 1),
    "mean over H and W, axes as input": (mean([-1, -2], opset_axes=True, keepdims=0), ["Mean"], 1),
    "mean over H": (mean([2]), ["Mean"], 1),
    # The average is rounded on the input's grid first, half a step of 0.05, and then to steps of 0.02.
    "mean over W": (mean([3]), ["AveragePool2D", "Requantise"], 2),
}


@pytest.mark.parametrize("case", POOLS)
def test_pool(case: str, tmp_path: Path) -> None:
    build, kinds, steps = POOLS[case]
    net = OnnxNet(seed=len(case))
    difference = compared(net.saved(tmp_path, build(net)))
    assert difference.largest <= steps
    assert difference.kinds == kinds


def test_mean_of_two_frames_rounds_once(tmp_path: Path) -> None:
    """A mean over the outer axis of a [1, T, F] input: no image at all in the file."""
    net = OnnxNet()
    x = net.quantised(net.input("input", [1, 6, 4]), 0.05, 3)
    difference = compared(net.saved(tmp_path, net.quantised(net.node("ReduceMean", x, axes=[1], keepdims=0), 0.02, 0)))
    assert difference.largest <= 1 and difference.kinds == ["Mean"]
    assert difference.graph.tensor(difference.graph.outputs[0]).shape == (1, 4)


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
    assert kinds == ["Conv2D", "Conv2D", "Requantise", "Requantise", "Concatenation"]
    assert ("Reshape" in difference.kinds) == (axis != 1)


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
