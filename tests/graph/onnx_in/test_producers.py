# SPDX-License-Identifier: Apache-2.0
"""Files that other people's tools wrote (producers/README.md): read, and layer by layer one step from ONNX Runtime."""

from pathlib import Path

import pytest

from tests.graph.onnx_in.onnx_nets import compared, layer_differences
from tests.graphs import random_inputs
from toolchain.errors import ModelError
from toolchain.export.tflite import tflite_bytes
from toolchain.graph.onnx_in import read_onnx
from toolchain.verify.agreement import Standing, agreement
from toolchain.verify.judge import Subject
from toolchain.verify.judges.tflm import TfliteMicroJudge

FOLDER = Path(__file__).parent / "producers"

NETWORK = ["Conv2D", "DepthwiseConv2D", "Conv2D", "Add", "MaxPool2D"]
SMALL = ["Conv2D", "DepthwiseConv2D", "MaxPool2D", "FullyConnected"]
LAYERS = {
    "brevitas_w8a8_torchscript": SMALL,
    "brevitas_w4a4_torchscript": SMALL,
    "brevitas_w2a3_dynamo": SMALL,
    "pt2e_xnnpack_dynamo": [*NETWORK, "AveragePool2D", "Requantise", "FullyConnected"],
    # Not fused before quantisation: Relu on a grid of its own is a Requantise.
    "torch_fx_torchscript": [
        *("Conv2D", "Requantise", "DepthwiseConv2D", "Requantise", "Conv2D", "Add", "MaxPool2D"),
        *("AveragePool2D", "FullyConnected"),
    ],
    "keras_tf2onnx_preprocessed": [*NETWORK, "FullyConnected", "FullyConnected", "Softmax", "Requantise"],
    # Batch norm of the depthwise layer stands as Mul and Add with a quantisation each.
    "keras_tf2onnx_raw": None,
    "tensorflow_fake_quant_tf2onnx": ["Conv2D", "DepthwiseConv2D", "FullyConnected"],
}


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_within_one_step(name: str) -> None:
    """Outputs may be further apart: one step of a 3-bit activation is many steps of what follows it."""
    path = FOLDER / f"{name}.onnx"
    difference = compared(path)
    steps = layer_differences(path)
    print(steps)
    assert max(steps.values()) <= 1
    assert len(steps) >= len(difference.kinds) - 4, "the taps must show nearly all layers"
    assert difference.largest <= (8 if "w2a3" in name else 1)
    if LAYERS[name] is not None:
        assert difference.kinds == LAYERS[name]


@pytest.mark.parametrize("name", LAYERS)
def test_tflite_micro_gives_the_same_bytes(name: str) -> None:
    """From another tool's ONNX file to TFLite Micro without a converter, exact."""
    graph = read_onnx(FOLDER / f"{name}.onnx")
    judge = TfliteMicroJudge(Subject(graph, tflite_bytes(graph)))
    if judge.unavailable():
        pytest.skip(str(judge.unavailable()))
    report = agreement(graph, [judge], random_inputs(graph, 5))
    assert report.findings[1].standing is Standing.AGREES


@pytest.mark.parametrize(("name", "bits"), [("w8a8_torchscript", 8), ("w4a4_torchscript", 4)])
def test_brevitas_says_how_many_bits(name: str, bits: int) -> None:
    graph = read_onnx(FOLDER / f"brevitas_{name}.onnx")
    assert [t.bits for t in graph.constants() if t.name.endswith("weights")] == [bits] * 3


def test_a_float_output_is_refused() -> None:
    message = "between MatMul functional_1/dense_2/MatMul and Softmax .* is float"
    with pytest.raises(ModelError, match=message):
        read_onnx(FOLDER / "nncf_float_output.onnx")


def test_every_file_is_tried() -> None:
    assert {path.stem for path in FOLDER.glob("*.onnx")} == LAYERS.keys() | {"nncf_float_output"}
