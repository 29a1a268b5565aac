# SPDX-License-Identifier: Apache-2.0
"""Convolutions, dense layers and pools, each alone between quantisations: the Graph against ONNX Runtime.

At most one step apart: TFLite's kernels round twice in integers (halves away from zero) where the file rounds once in
float32 (halves to even); operators that only choose among integers must agree exactly.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.graph.onnx_in.onnx_nets import OnnxNet, compared
from toolchain.graph.onnx_in import read_onnx

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
