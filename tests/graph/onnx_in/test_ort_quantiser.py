# SPDX-License-Identifier: Apache-2.0
"""Files of onnxruntime.quantization.quantize_static, in each of its styles."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from tests.graph.onnx_in.onnx_nets import compared, layer_differences
from toolchain.graph.ops import Clamp

U8, S8 = QuantType.QUInt8, QuantType.QInt8

STYLES: dict[str, dict[str, Any]] = {
    "uint8 activations": dict(activation_type=U8, weight_type=S8),
    "int8, per channel": dict(activation_type=S8, weight_type=S8, per_channel=True),
    "symmetric": dict(
        activation_type=S8, weight_type=S8, per_channel=True, extra_options={"ActivationSymmetric": True}
    ),
    "uint8 weights, symmetric": dict(activation_type=U8, weight_type=U8, extra_options={"WeightSymmetric": True}),
    "reduced range": dict(activation_type=U8, weight_type=S8, per_channel=True, reduce_range=True),
    "float weights behind pairs, float biases": dict(
        activation_type=S8,
        weight_type=S8,
        per_channel=True,
        extra_options={"AddQDQPairToWeight": True, "QuantizeBias": False},
    ),
    "a pair for each reader": dict(activation_type=S8, weight_type=S8, extra_options={"DedicatedQDQPair": True}),
    "4-bit weights": dict(
        activation_type=S8, weight_type=QuantType.QInt4, extra_options={"ForceQuantizeNoInputCheck": True}
    ),
    "operator form": dict(activation_type=U8, weight_type=S8, quant_format=QuantFormat.QOperator),
    "operator form, per channel": dict(
        activation_type=U8, weight_type=S8, per_channel=True, quant_format=QuantFormat.QOperator
    ),
}


class Noise(CalibrationDataReader):
    """Eight batches of noise."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.batches = iter([{"input": rng.normal(size=(1, 2, 12, 9)).astype(np.float32)} for _ in range(8)])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.batches, None)


def float_net(path: Path) -> Path:
    """Convolutions with a residual, pools, Concat, Flatten with H and W above 1, Gemm, Softmax."""
    rng = np.random.default_rng(7)
    weights: list[onnx.TensorProto] = []
    nodes: list[onnx.NodeProto] = []

    def constant(*shape: int, spread: float = 0.4) -> str:
        weights.append(numpy_helper.from_array(rng.normal(0, spread, shape).astype(np.float32), f"w{len(weights)}"))
        return weights[-1].name

    def node(op: str, *inputs: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(op, list(inputs), [f"{op}{len(nodes)}"], name=f"n{len(nodes)}", **attributes))
        return nodes[-1].output[0]

    x = node("Relu", node("Conv", "input", constant(6, 2, 5, 3), constant(6), strides=[2, 1], pads=[2, 1, 2, 1]))
    y = node("Relu", node("Conv", x, constant(6, 1, 3, 3), constant(6), group=6, pads=[1, 1, 1, 1]))
    x = node("Relu", node("Add", node("Conv", y, constant(6, 6, 1, 1), constant(6)), x))
    z = node("AveragePool", x, kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])
    x = node("MaxPool", node("Concat", x, z, axis=1), kernel_shape=[2, 2], strides=[2, 2])
    logits = node("Gemm", node("Flatten", x), constant(5, 12 * 3 * 4), constant(5), transB=1)
    other = node("Flatten", node("GlobalAveragePool", x))
    logits = node("Add", logits, node("Gemm", other, constant(12, 5), constant(5)))
    output = node("Softmax", logits, axis=1)
    graph = helper.make_graph(
        nodes,
        "float",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 2, 12, 9])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", 5])],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("style", STYLES)
def test_every_style_of_the_quantiser_is_read(style: str, tmp_path: Path) -> None:
    logging.disable(logging.WARNING)  # it advises to preprocess
    try:
        options = {"quant_format": QuantFormat.QDQ} | STYLES[style]
        quantize_static(float_net(tmp_path / "float.onnx"), tmp_path / "net.onnx", Noise(), **options)
    finally:
        logging.disable(logging.NOTSET)
    difference = compared(tmp_path / "net.onnx")
    steps = layer_differences(tmp_path / "net.onnx")
    print(style, steps)
    assert max(steps.values()) <= 1 and len(steps) >= 8
    # Ten layers deep the steps add up, and Softmax magnifies those of its logits.
    assert difference.largest <= 12
    kinds = [kind for kind in difference.kinds if kind not in ("Requantise", "Reshape")]
    assert kinds[:4] == ["Conv2D", "DepthwiseConv2D", "Conv2D", "Add"]
    assert kinds[4:7] == ["AveragePool2D", "Concatenation", "MaxPool2D"]
    assert kinds[10:] == ["Add", "Softmax"]
    assert sorted(kinds[7:10]) in (
        ["AveragePool2D", "FullyConnected", "FullyConnected"],
        ["FullyConnected", "FullyConnected", "Mean"],
    )
    if style == "symmetric":
        assert difference.graph.operators[0].activation == Clamp(0, 127), (
            "Relu is fused though it has a pair of its own"
        )
    if style == "4-bit weights":
        bits = {t.bits for t in difference.graph.constants() if t.name.endswith("weights")}
        assert bits <= {4, 5, 6, 7, 8} and 4 in bits
