# SPDX-License-Identifier: Apache-2.0
"""What our training exports: the integers come through untouched, with everything the file says beside them."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.graph.onnx_in.onnx_nets import compared, layer_differences
from tests.nets.networks import small_mbc, tiny_ds_cnn
from toolchain.arch import ArchSpec, layers
from toolchain.arch.layer import Activation, Conv, Dense, Depthwise, Layer
from toolchain.graph.onnx_in import read_onnx_model
from toolchain.nets.integers import IntegerLayer, IntegerNetwork, IntegerWeights
from toolchain.nets.onnx_out import onnx_bytes

ARCHS = [tiny_ds_cnn(), tiny_ds_cnn(frames=20, coefficients=7, classes=3), small_mbc()]
METADATA = {"labels": json.dumps(["yes", "no"]), "feature_spec": '{"kind": "mfcc"}', "normalisation": "{}"}


def drawn(arch: ArchSpec) -> IntegerNetwork:
    """The architecture with integers out of a hat, scales such that activations fill their range; no training."""
    rng = np.random.default_rng(3)
    scales = {"input": np.float32(1 / 32)}

    def weights(layer: Layer) -> IntegerWeights | None:
        if not isinstance(layer, Conv | Depthwise | Dense):
            return None
        channels, inputs = layer.output_shape.c, 1 if isinstance(layer, Depthwise) else layer.input_shape.c
        kernel = () if isinstance(layer, Dense) else tuple(layer.kernel)
        integers = rng.integers(-127, 128, (channels, inputs, *kernel)).astype(np.int8)
        spread = rng.uniform(0.5, 2, channels) / (70 * np.sqrt(integers[0].size))
        each = spread.astype(np.float32)
        bias_scales = scales[layer.input] * each
        bias = np.rint(rng.normal(0, 0.3, channels) / bias_scales).astype(np.int32)
        return IntegerWeights(integers, each, bias, bias_scales)

    found = []
    for layer in layers(arch):
        zero_point = 0 if layer.activation is Activation.NONE else -128
        scale = np.float32(1 / 32 if zero_point == 0 else 6 / 255)
        found.append(IntegerLayer(layer, float(scale), zero_point, weights(layer)))
        scales[layer.name] = scale
    return IntegerNetwork(arch, 1 / 32, 0, tuple(found))


@pytest.mark.parametrize("arch", ARCHS, ids=lambda arch: f"{arch.name}-{arch.frames}")
def test_the_integers_of_training_are_the_integers_of_the_graph(arch: ArchSpec, tmp_path: Path) -> None:
    network = drawn(arch)
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_bytes(network, METADATA))
    model = read_onnx_model(path)
    graph = model.graph
    assert model.metadata == METADATA
    assert graph.name == "model"
    assert graph.tensor("input").shape == (1, arch.frames, arch.coefficients, 1)
    assert graph.tensor("input").quantisation.scales == (1 / 32,)
    assert [op.name for op in graph.operators] == [layer.layer.name for layer in network.layers], (
        "no operator but layers"
    )
    for op, layer in zip(graph.operators, network.layers, strict=True):
        grid = graph.tensor(op.writes[0]).quantisation
        assert (grid.scale, grid.zero_point) == (np.float32(layer.scale), layer.zero_point)
        if layer.weights is None:
            continue
        weights, bias = graph.tensor(op.weights), graph.tensor(op.bias)
        in_onnx = {"Conv2D": (0, 3, 1, 2), "DepthwiseConv2D": (3, 0, 1, 2), "FullyConnected": (0, 1)}[op.kind]
        assert np.array_equal(weights.array.transpose(in_onnx), layer.weights.weights)
        assert np.array_equal(bias.array, layer.weights.bias)
        assert np.array_equal(np.float32(weights.quantisation.scales), layer.weights.scales)
        assert np.array_equal(np.float32(bias.quantisation.scales), layer.weights.bias_scales)


@pytest.mark.parametrize("arch", ARCHS, ids=lambda arch: f"{arch.name}-{arch.frames}")
def test_onnx_runtime_is_within_a_step_of_every_layer(arch: ArchSpec, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_bytes(drawn(arch), METADATA))
    steps = layer_differences(path)
    print(compared(path), steps)
    assert len(steps) == len(read_onnx_model(path).graph.operators), "every layer is shown"
    assert max(steps.values()) <= 1
