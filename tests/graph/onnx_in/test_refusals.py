# SPDX-License-Identifier: Apache-2.0
"""What cannot be read is refused in one sentence: the file, the node, what is wrong, what to do."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from tests.graph.onnx_in.onnx_nets import INT8, UINT8, OnnxNet
from toolchain.errors import ModelError
from toolchain.graph.onnx_in import read_onnx


def image(net: OnnxNet) -> str:
    return net.quantised(net.input("input", [1, 3, 6, 6]), 0.05, 3)


def float_between(net: OnnxNet) -> str:
    y = net.node("Relu", net.conv(image(net), 4, 3, (3, 3), name="first"))
    return net.quantised(net.conv(y, 4, 4, (3, 3), name="second"), 0.05, 0)


def float_residual(net: OnnxNet) -> str:
    x = image(net)
    y = net.conv(x, 3, 3, (3, 3), pads=[1] * 4, name="branch")
    return net.quantised(net.node("Add", x, y, name="sum"), 0.05, 0)


def float_output(net: OnnxNet) -> str:
    return net.conv(image(net), 4, 3, (3, 3), name="last")


def float_input(net: OnnxNet) -> str:
    return net.quantised(net.conv(net.input("input", [1, 3, 6, 6]), 4, 3, (3, 3), name="first"), 0.05, 0)


def integer_input(net: OnnxNet) -> str:
    x = net.input("input", [1, 3, 6, 6], INT8)
    return net.quantised(net.conv(x, 4, 3, (3, 3), name="first"), 0.05, 0)


def float_weights(net: OnnxNet) -> str:
    weights = net.constant(net.rng.normal(0, 1, [4, 3, 3, 3]), "float32", name="w")
    return net.quantised(net.node("Conv", image(net), weights, name="first"), 0.05, 0)


def float_network(net: OnnxNet) -> str:
    weights = net.constant(net.rng.normal(0, 1, [4, 3, 3, 3]), "float32")
    return net.node("Conv", net.input("input", [1, 3, 6, 6]), weights)


def asymmetric_weights(net: OnnxNet) -> str:
    weights = net.weights_of(net.rng.integers(0, 256, [4, 3, 3, 3]), [0.1] * 4, 0, "uint8", 20)
    return net.quantised(net.node("Conv", image(net), weights, name="first"), 0.05, 0)


def scales_within_a_channel(net: OnnxNet) -> str:
    weights = net.weights_of(net.rng.integers(-9, 9, [4, 3, 3, 3]), [0.1, 0.2, 0.3], 1)
    return net.quantised(net.node("Conv", image(net), weights, name="first"), 0.05, 0)


def grouped(net: OnnxNet) -> str:
    x = net.quantised(net.input("input", [1, 4, 6, 6]), 0.05, 3)
    return net.quantised(net.conv(x, 6, 4, (3, 3), group=2, name="grouped"), 0.05, 0)


def per_channel_activation(net: OnnxNet) -> str:
    scales, zeros = net.constant([0.1, 0.2, 0.3], "float32"), net.constant([0, 0, 0], "int8")
    return net.node("QuantizeLinear", net.node("Relu", image(net)), scales, zeros, axis=1, name="q")


def int16_activation(net: OnnxNet) -> str:
    net.opset = 21
    return net.quantised(net.node("Relu", image(net)), 0.001, 0, "int16")


def mismatched_pair(net: OnnxNet) -> str:
    return net.dequantised(net.quantise(net.node("Relu", image(net)), 0.05, 0), 0.04, 0)


def two_grids_for_an_input(net: OnnxNet) -> str:
    x = net.input("input", [1, 3, 6, 6])
    return net.quantised(net.node("Add", net.quantised(x, 0.05, 0), net.quantised(x, 0.04, 0)), 0.1, 0)


def fixed_batch(net: OnnxNet) -> str:
    x = net.quantised(net.input("input", [8, 3, 6, 6]), 0.05, 3)
    return net.quantised(net.conv(x, 4, 3, (3, 3)), 0.05, 0)


def dynamic_width(net: OnnxNet) -> str:
    x = net.quantised(net.input("input", [1, 3, 6, "frames"]), 0.05, 3)
    return net.quantised(net.conv(x, 4, 3, (3, 3)), 0.05, 0)


def difference_of_activations(net: OnnxNet) -> str:
    x = image(net)
    return net.quantised(net.node("Sub", x, net.quantised(net.node("Relu", x), 0.05, 3), name="minus"), 0.05, 0)


def broadcast_sum(net: OnnxNet) -> str:
    x = image(net)
    pooled = net.quantised(net.node("GlobalAveragePool", x), 0.05, 3)
    return net.quantised(net.node("Add", x, pooled, name="sum"), 0.05, 0)


def product_of_activations(net: OnnxNet) -> str:
    x = image(net)
    return net.quantised(net.node("Mul", x, x, name="gate"), 0.05, 0)


def cropping(net: OnnxNet) -> str:
    y = net.node("Pad", image(net), net.constant([0, 0, -1, 0, 0, 0, 0, 0], "int64"), name="crop")
    return net.quantised(y, 0.05, 3)


def border_of_ones(net: OnnxNet) -> str:
    y = net.node(
        "Pad", image(net), net.constant([0, 0, 1, 0, 0, 0, 0, 0], "int64"), net.constant(1.0, "float32"), name="p"
    )
    return net.quantised(y, 0.05, 3)


def channel_padding(net: OnnxNet) -> str:
    x = net.quantised(net.conv(image(net), 4, 3, (3, 3)), 0.05, 3)
    y = net.node("Pad", x, net.constant([0, 1, 0, 0, 0, 0, 0, 0], "int64"), name="p")
    return net.quantised(y, 0.05, 3)


def reflection(net: OnnxNet) -> str:
    y = net.node("Pad", image(net), net.constant([0, 0, 1, 0, 0, 0, 0, 0], "int64"), mode="reflect", name="p")
    return net.quantised(y, 0.05, 3)


def too_large_a_kernel(net: OnnxNet) -> str:
    return net.quantised(net.conv(image(net), 4, 3, (9, 9), name="wide"), 0.05, 0)


def wrong_weights(net: OnnxNet) -> str:
    return net.quantised(net.node("Conv", image(net), net.weights([4, 5, 3, 3]), name="first"), 0.05, 0)


def wrong_bias(net: OnnxNet) -> str:
    bias = net.constant([1.0, 2.0], "float32")
    return net.quantised(net.node("Conv", image(net), net.weights([4, 3, 3, 3]), bias, name="first"), 0.05, 0)


def mean_over_channels(net: OnnxNet) -> str:
    x = net.quantised(net.conv(image(net), 4, 3, (3, 3)), 0.05, 3)
    return net.quantised(net.node("ReduceMean", x, axes=[1], name="m"), 0.05, 0)


def dilated_pool(net: OnnxNet) -> str:
    return net.quantised(net.node("MaxPool", image(net), kernel_shape=[2, 2], dilations=[2, 2], name="p"), 0.05, 3)


def pool_indices(net: OnnxNet) -> str:
    pooled = net.node("MaxPool", image(net), kernel_shape=[2, 2], outputs=2, name="p")
    net.node("Cast", "p_result1", to=FLOAT)
    return net.quantised(pooled, 0.05, 3)


def unsupported(op: str, **attributes: object) -> Callable[[OnnxNet], str]:
    return lambda net: net.quantised(net.node(op, image(net), name="it", **attributes), 0.05, 0)


def training_batch_norm(net: OnnxNet) -> str:
    parameters = [net.constant([1.0] * 3, "float32") for _ in range(4)]
    return net.quantised(net.node("BatchNormalization", image(net), *parameters, training_mode=1, name="bn"), 0.1, 0)


def bias_beyond_the_accumulator(net: OnnxNet) -> str:
    bias = net.constant([1e9, 0, 0, 0], "float32")
    return net.quantised(net.node("Conv", image(net), net.weights([4, 3, 3, 3]), bias, name="first"), 0.05, 0)


def flipped_minus_128(net: OnnxNet) -> str:
    weights = net.weights_of(np.full([2, 3, 1, 1], -128), [0.1, 0.1], 0)
    y = net.node("Mul", net.node("Conv", image(net), weights), net.constant(-1.0, "float32"), name="minus")
    return net.quantised(y, 0.05, 0)


def only_an_input(net: OnnxNet) -> str:
    return image(net)


def dynamic_quantisation(net: OnnxNet) -> str:
    x = net.input("input", [1, 6])
    net.node("DynamicQuantizeLinear", x, outputs=3, name="dynamic")
    return net.node("Relu", x)


def cast_input(net: OnnxNet) -> str:
    x = net.node("Cast", net.input("pixels", [1, 3, 6, 6], UINT8), to=TensorProto.FLOAT, name="cast")
    return net.quantised(net.node("Relu", net.quantised(x, 1.0, 0)), 1.0, 0)


FLOAT = TensorProto.FLOAT
REFUSALS: dict[str, tuple[Callable[[OnnxNet], str], str]] = {
    "float between": (
        float_between,
        r"activation relu_\d+_result between Conv first and Conv second is float: "
        "a QuantizeLinear/DequantizeLinear pair is missing there",
    ),
    "float residual": (float_residual, "activation branch_result between Conv branch and Add sum is float"),
    "float output": (float_output, "output last_result is float: Conv last has no QuantizeLinear behind it"),
    "float input": (float_input, "input input reaches Conv first as float"),
    "integer input": (integer_input, "input input reaches Conv first as float"),
    "float weights": (float_weights, "Conv first: its weights w are float"),
    "float network": (float_network, "is a float network: it has no QuantizeLinear. Quantise it first"),
    "asymmetric weights": (
        asymmetric_weights,
        r"Conv first: its weights are asymmetric: .* -1\d\.\.2\d\d, outside int8",
    ),
    "scales within a channel": (
        scales_within_a_channel,
        "Conv first: its weights have several scales within one output",
    ),
    "grouped": (
        grouped,
        "Conv grouped: 2 groups of 2 input channels: grouped convolutions are supported only with one",
    ),
    "per channel": (per_channel_activation, "QuantizeLinear q: quantises an activation per channel"),
    "int16": (int16_activation, "quantises an activation to int16; supported are int8, uint8"),
    "mismatch": (mismatched_pair, "int8 with scale 0.04 and zero point 0; it was quantised with int8 with scale 0.05"),
    "two grids": (two_grids_for_an_input, "quantises input input on a second grid"),
    "fixed batch": (fixed_batch, "its input has a batch of 8; the batch must be 1"),
    "dynamic width": (dynamic_width, r"input input: the size of axis 3 \(frames\) is not fixed; only the batch"),
    "difference": (difference_of_activations, "Sub minus: the difference of two activations is not supported"),
    "broadcast": (broadcast_sum, r"Add sum: activations of shapes \[1, 3, 6, 6\] and \[1, 3, 1, 1\]"),
    "product": (product_of_activations, "Mul gate: Mul of two activations is not supported"),
    "cropping": (cropping, "Pad crop: .*cropping"),
    "border of ones": (border_of_ones, "Pad p: a border of 1; supported is 0"),
    "channel padding": (channel_padding, "Pad p: its input would have to be transposed"),
    "reflection": (reflection, "Pad p: mode reflect is not supported"),
    "kernel": (too_large_a_kernel, "Conv wide: a 9x9 window does not fit an input of 6x6"),
    "weights": (wrong_weights, r"Conv first: weights \[4, 5, 3, 3\] in 1 groups do not fit an input of 3 channels"),
    "bias": (wrong_bias, r"Conv first: a bias of shape \[2\] does not fit 4 output channels"),
    "mean over channels": (mean_over_channels, "ReduceMean m: a mean over the channels"),
    "dilated pool": (dilated_pool, "MaxPool p: pools with dilations are not supported"),
    "pool indices": (pool_indices, "reads p_result1, an output that is not supported"),
    "sigmoid": (unsupported("Sigmoid"), "Sigmoid it: the operator is not supported; use Relu or Clip"),
    "argmax": (unsupported("ArgMax"), "ArgMax it: .*end the network at the scores"),
    "unknown": (unsupported("DepthToSpace", blocksize=1), "DepthToSpace it: .*supported are Add, AveragePool"),
    "qonnx": (
        unsupported("Quant", domain="qonnx.custom_op.general"),
        "Quant it: the operator of domain qonnx.custom_op.general is not supported; this is QONNX; export QCDQ instead",
    ),
    "training": (training_batch_norm, "BatchNormalization bn: is in training mode"),
    "accumulator": (bias_beyond_the_accumulator, "output channel 0: bias 1e.09 .* does not fit a 32-bit accumulator"),
    "flip": (flipped_minus_128, "Mul minus: a negative factor behind weights that use -128"),
    "nothing": (only_an_input, "is an input, with nothing computed in between"),
    "cast input": (cast_input, "Cast cast: casts the uint8 input pixels to float; use DequantizeLinear"),
    "dynamic quantisation": (
        dynamic_quantisation,
        "DynamicQuantizeLinear dynamic: .*quantise to the QDQ format instead",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_names_the_file_the_node_and_the_reason(case: str, tmp_path: Path) -> None:
    build, message = REFUSALS[case]
    net = OnnxNet(seed=1)
    path = net.saved(tmp_path, build(net))
    with pytest.raises(ModelError, match=message) as refusal:
        read_onnx(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert "\n" not in str(refusal.value)
