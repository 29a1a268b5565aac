# SPDX-License-Identifier: Apache-2.0
"""Files that count axes otherwise than the Graph: Keras exports full of transpositions, Flatten in front of weights."""

from pathlib import Path

import numpy as np
import pytest

from tests.graph.onnx_in.onnx_nets import OnnxNet, compared
from toolchain.errors import ModelError
from toolchain.graph.onnx_in import read_onnx

TO_NCHW, TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]


def quantised_between_transposes(net: OnnxNet, x: str, channels: int, inputs: int) -> str:
    """tf2onnx's way: NHWC outside, Transpose, Conv, Transpose back, quantised on both sides."""
    y = net.conv(net.node("Transpose", x, perm=TO_NCHW), channels, inputs, (3, 3), pads=[1] * 4)
    return net.quantised(net.node("Transpose", net.node("Relu", y), perm=TO_NHWC), 0.02, -128)


def test_transpositions_around_convolutions_leave_no_trace(tmp_path: Path) -> None:
    net = OnnxNet(seed=1)
    x = net.quantised(net.input("input", ["unk__1", 9, 6, 2]), 0.05, 3)
    x = quantised_between_transposes(net, x, 5, 2)
    y = quantised_between_transposes(net, x, 5, 5)
    x = net.quantised(net.node("Add", x, y), 0.04, -128)
    pooled = net.node("MaxPool", net.node("Transpose", x, perm=TO_NCHW), kernel_shape=[2, 2], strides=[2, 2])
    x = net.quantised(net.node("Transpose", pooled, perm=TO_NHWC), 0.04, -128)
    x = net.node("Reshape", x, net.constant([-1, 60], "int64"))
    x = net.quantised(net.node("MatMul", x, net.weights([60, 4], axis=1)), 0.05, 0)
    difference = compared(net.saved(tmp_path, x))
    assert difference.kinds == ["Conv2D", "Conv2D", "Add", "MaxPool2D", "FullyConnected"]
    assert difference.graph.tensor("input").shape == (1, 9, 6, 2)
    assert difference.largest <= 2


@pytest.mark.parametrize("transposed_back", [False, True])
def test_flatten_permutes_the_dense_weights(transposed_back: bool, tmp_path: Path) -> None:
    """H and W above 1: PyTorch flattens channels first, Keras channels last; memory is the same."""
    net = OnnxNet(seed=1)
    x = net.quantised(net.input("input", [1, 2, 5, 4]), 0.05, 3)
    x = net.quantised(net.conv(x, 3, 2, (2, 2)), 0.04, 0)
    if transposed_back:
        x = net.node("Transpose", x, perm=TO_NHWC)
    x = net.node("Flatten", x)
    weights = np.arange(36).reshape(1, 36)
    y = net.quantised(net.node("Gemm", x, net.weights_of(weights, [0.01], 0), transB=1), 0.5, 0)
    difference = compared(net.saved(tmp_path, y), samples=16)
    assert difference.largest <= 1
    found = difference.graph.tensor(difference.graph.operators[-1].weights).array.reshape(-1)
    in_memory = weights if transposed_back else weights.reshape(3, 4, 3).transpose(1, 2, 0)
    assert found.tolist() == in_memory.reshape(-1).tolist()


def test_weights_are_transposed_behind_their_dequantise(tmp_path: Path) -> None:
    """tf2onnx leaves HWIO weights behind a Transpose, PyTorch and AIMET [out, in] ones in front of a MatMul."""
    net = OnnxNet(seed=1)
    x = net.quantised(net.input("input", [1, 2, 5, 4]), 0.05, 3)
    hwio = net.weights([3, 3, 2, 6], axis=3)
    y = net.node("Conv", x, net.node("Transpose", hwio, perm=[3, 2, 0, 1]), kernel_shape=[3, 3])
    y = net.node("Flatten", net.quantised(y, 0.05, 0))
    out_in = net.weights([4, 36], axis=0)
    y = net.node("MatMul", y, net.node("Transpose", out_in, perm=[1, 0]))
    difference = compared(net.saved(tmp_path, net.quantised(y, 0.05, 0)))
    assert difference.largest <= 1 and difference.kinds == ["Conv2D", "FullyConnected"]
    scales = [difference.graph.tensor(op.weights).quantisation for op in difference.graph.operators]
    assert [(len(s.scales), s.axis) for s in scales] == [(6, 0), (4, 0)]


def test_depthwise_weights_are_reshaped_behind_their_dequantise(tmp_path: Path) -> None:
    """tf2onnx: HWCM weights, transposed to MCHW and reshaped to [C * M, 1, KH, KW]."""
    net = OnnxNet(seed=1)
    x = net.quantised(net.input("input", [1, 3, 5, 4]), 0.05, 3)
    hwcm = net.weights([3, 3, 3, 1], axis=2)
    weights = net.node("Reshape", net.node("Transpose", hwcm, perm=[2, 3, 0, 1]), net.constant([3, 1, 3, 3], "int64"))
    y = net.quantised(net.node("Conv", x, weights, group=3, kernel_shape=[3, 3]), 0.05, 0)
    difference = compared(net.saved(tmp_path, y))
    assert difference.largest <= 1 and difference.kinds == ["DepthwiseConv2D"]


def test_one_dimensional_convolution_through_an_unsqueezed_image(tmp_path: Path) -> None:
    """Keras Conv1D: [N, T, C] -> Unsqueeze -> Transpose -> Conv with a unit axis -> Squeeze -> Transpose."""
    net = OnnxNet(opset=13, seed=1)
    x = net.quantised(net.input("input", [None, 12, 3]), 0.05, 3)
    y = net.node("Transpose", net.node("Unsqueeze", x, net.constant([1], "int64")), perm=TO_NCHW)
    y = net.node("Squeeze", net.conv(y, 4, 3, (1, 5), strides=[1, 2]), net.constant([2], "int64"))
    y = net.quantised(net.node("Transpose", y, perm=[0, 2, 1]), 0.05, 0)
    y = net.quantised(net.node("ReduceMean", y, axes=[1], keepdims=0), 0.03, 0)
    difference = compared(net.saved(tmp_path, y))
    assert difference.largest <= 2 and difference.kinds == ["Conv2D", "Mean"]
    assert difference.graph.tensor("input").shape == (1, 1, 12, 3)


def test_a_raw_feature_input_becomes_an_image(tmp_path: Path) -> None:
    """[1, T, F] -> Unsqueeze -> Conv: the Graph's input is [1, T, F, 1], without a Reshape."""
    net = OnnxNet(opset=11, seed=1)
    x = net.node("Unsqueeze", net.input("input", ["N", 20, 10]), axes=[1])
    y = net.node("Conv", net.quantised(x, 1 / 32, 0), net.weights([4, 1, 5, 3], axis=None))
    difference = compared(net.saved(tmp_path, net.quantised(y, 0.05, 0)))
    assert difference.largest <= 1 and difference.kinds == ["Conv2D"]
    assert difference.graph.tensor("input").shape == (1, 20, 10, 1)


def test_shapes_computed_at_export_time_are_folded(tmp_path: Path) -> None:
    """x.view(x.size(0), -1) with a dynamic batch: Shape, Gather, Unsqueeze, Concat, Reshape."""
    net = OnnxNet(opset=13, seed=1)
    x = net.quantised(net.input("input", ["batch", 2, 5, 4]), 0.05, 3)
    x = net.quantised(net.conv(x, 3, 2, (2, 2)), 0.04, 0)
    batch = net.node("Gather", net.node("Shape", x), net.constant(0, "int64"), axis=0)
    rest = net.constant([-1], "int64")
    shape = net.node("Concat", net.node("Unsqueeze", batch, net.constant([0], "int64")), rest, axis=0)
    flat = net.node("Reshape", x, shape)
    y = net.quantised(net.node("Gemm", flat, net.weights([4, 36]), transB=1), 0.05, 0)
    difference = compared(net.saved(tmp_path, y))
    assert difference.largest <= 1 and difference.kinds == ["Conv2D", "FullyConnected"]


def test_a_transposition_at_run_time_is_refused(tmp_path: Path) -> None:
    net = OnnxNet(seed=1)
    x = net.quantised(net.input("input", [1, 2, 5, 4]), 0.05, 3)
    x = net.quantised(net.conv(x, 3, 2, (2, 2)), 0.04, 0)
    y = net.node("Conv", net.node("Transpose", x, perm=[0, 1, 3, 2]), net.weights([2, 3, 2, 2]), name="sideways")
    with pytest.raises(ModelError, match="Conv sideways: its input would have to be transposed while the network runs"):
        read_onnx(net.saved(tmp_path, net.quantised(y, 0.05, 0)))


def test_a_channel_shuffle_is_refused_by_name(tmp_path: Path) -> None:
    net = OnnxNet(seed=1)
    x = net.quantised(net.input("input", [1, 4, 5, 4]), 0.05, 3)
    x = net.node("Reshape", x, net.constant([1, 2, 2, 5, 4], "int64"))
    x = net.node("Transpose", x, perm=[0, 2, 1, 3, 4])
    x = net.node("Reshape", x, net.constant([1, 4, 5, 4], "int64"))
    y = net.node("Conv", x, net.weights([2, 4, 2, 2]), name="shuffled")
    with pytest.raises(ModelError, match="Conv shuffled: its input would have to be transposed"):
        read_onnx(net.saved(tmp_path, net.quantised(y, 0.05, 0)))
