# SPDX-License-Identifier: Apache-2.0
"""The QDQ file: sound, runnable, and the very network that training simulated."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from tests.nets.networks import (
    flattening,
    lived_in,
    measured,
    random_features,
    small_mbc,
    tiny_ds_cnn,
    tiny_stream,
)
from toolchain.arch import ArchSpec, load_arch
from toolchain.graph.onnx_in import read_onnx
from toolchain.graph.ops import Reshape
from toolchain.graph.reference import run_batch
from toolchain.nets.onnx_out import OPSET, onnx_bytes
from toolchain.nets.quantised import QuantisedNetwork

ARCHS = [
    tiny_ds_cnn(),
    tiny_ds_cnn(frames=20, coefficients=7, classes=3),
    small_mbc(),
    load_arch("ds_cnn_s"),
    tiny_stream(),
    flattening(),
]
METADATA = {"labels": json.dumps(["yes", "no"]), "feature_spec": "{}"}


def _session(content: bytes, level: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _network(arch: ArchSpec) -> QuantisedNetwork:
    return measured(lived_in(arch))


@pytest.mark.parametrize("level", ["ORT_DISABLE_ALL", "ORT_ENABLE_ALL"])
@pytest.mark.parametrize("arch", ARCHS, ids=lambda arch: f"{arch.name}-{arch.frames}")
def test_onnx_runtime_computes_what_training_simulates(arch: ArchSpec, level: str) -> None:
    network = _network(arch)
    session = _session(onnx_bytes(network.integers(), METADATA), level)
    x = random_features(arch, 60, seed=7)
    with torch.no_grad():
        wanted = network(x).numpy()
    found = np.concatenate([session.run(None, {"input": x[i : i + 1].numpy()})[0] for i in range(len(x))])
    steps = np.rint((found - wanted) / float(network.grids["classifier"].scale)).astype(int)
    print(f"{arch.name} {level}: {np.count_nonzero(steps)} of {steps.size} differ, at most {np.abs(steps).max()} steps")
    # Both add float32 products in another order, so a sum that lies on the edge of two steps may fall to either side.
    assert np.abs(steps).max() <= 1
    assert np.count_nonzero(steps) <= steps.size * 0.05


@pytest.mark.parametrize("arch", [tiny_stream(), flattening()], ids=lambda arch: arch.name)
def test_a_dense_layer_over_a_map_is_one_operator_that_reads_memory_as_it_lies(arch: ArchSpec, tmp_path: Path) -> None:
    network = _network(arch)
    (tmp_path / "model.onnx").write_bytes(onnx_bytes(network.integers(), METADATA))
    graph = read_onnx(tmp_path / "model.onnx")
    assert [op.kind for op in graph.operators].count("FullyConnected") == 3 - (arch.name == "flattening")
    assert not any(isinstance(op, Reshape) for op in graph.operators)
    assert graph.tensor(graph.inputs[0]).shape == (1, arch.frames, arch.coefficients, 1)
    x = random_features(arch, 60, seed=7)
    with torch.no_grad():
        wanted = (network(x) / network.grids["classifier"].scale).numpy()
    (output,) = graph.outputs
    drawn = (x * 32).numpy().astype(np.int8).transpose(0, 2, 3, 1)
    found = run_batch(graph, {graph.inputs[0]: drawn[:, np.newaxis]})[output].reshape(60, -1)
    assert np.abs(np.rint(wanted) + graph.tensor(output).quantisation.zero_point - found).max() <= 1


def test_every_value_between_operators_has_one_pair() -> None:
    model = onnx.load_from_string(onnx_bytes(_network(small_mbc()).integers(), METADATA))
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", OPSET)]
    made_by = {output: node for node in model.graph.node for output in node.output}
    constants = {tensor.name for tensor in model.graph.initializer}
    computing = [n for n in model.graph.node if n.op_type not in ("QuantizeLinear", "DequantizeLinear")]
    for node in computing:
        if node.op_type in ("Relu", "Clip"):
            assert made_by[node.input[0]].op_type in ("Conv", "Add"), "an activation is part of its operator"
            continue
        for name in node.input:
            if name not in constants:
                assert made_by[name].op_type == "DequantizeLinear", (node.name, name)
    for pair in (n for n in model.graph.node if n.op_type == "QuantizeLinear"):
        readers = [n for n in model.graph.node if pair.output[0] in n.input]
        assert [n.op_type for n in readers] == ["DequantizeLinear"]
        assert list(readers[0].input[1:]) == list(pair.input[1:]), "one scale and zero point for both"
    assert made_by[model.graph.output[0].name].op_type == "DequantizeLinear"
    assert {n.op_type for n in computing} == {"Conv", "Clip", "Add", "ReduceMean", "Gemm"}
    assert all(n.name for n in model.graph.node)


def test_shapes_are_static_and_the_input_is_the_front_ends_grid() -> None:
    model = onnx.load_from_string(onnx_bytes(_network(tiny_ds_cnn()).integers(), METADATA))
    graph = model.graph
    assert [d.dim_value for d in graph.input[0].type.tensor_type.shape.dim] == [1, 1, 49, 10]
    assert [d.dim_value for d in graph.output[0].type.tensor_type.shape.dim] == [1, 12]
    for value in graph.value_info:
        assert all(d.dim_value > 0 for d in value.type.tensor_type.shape.dim), value.name
    first = graph.node[0]
    constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    assert first.op_type == "QuantizeLinear" and first.input[0] == "input"
    assert float(constants[first.input[1]]) == 1 / 32
    assert constants[first.input[2]].dtype == np.int8 and int(constants[first.input[2]]) == 0


def test_constants_are_integers_behind_per_channel_scales() -> None:
    network = _network(tiny_ds_cnn())
    model = onnx.load_from_string(onnx_bytes(network.integers(), METADATA))
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    scales = {"input": np.float32(1 / 32)} | {
        layer.layer.name: np.float32(layer.scale) for layer in network.integers().layers
    }
    for layer in network.integers().layers:
        if layer.weights is None:
            continue
        name, channels = layer.layer.name, layer.layer.output_shape.c
        assert constants[f"{name}_weights"].dtype == np.int8
        assert constants[f"{name}_bias"].dtype == np.int32
        assert constants[f"{name}_weights_scale"].shape == (channels,)
        product = scales[layer.layer.input] * constants[f"{name}_weights_scale"]
        assert np.array_equal(constants[f"{name}_bias_scale"], product)


def test_the_file_stands_alone_and_repeats_to_the_byte() -> None:
    integers = _network(tiny_ds_cnn()).integers()
    content = onnx_bytes(integers, METADATA)
    assert content == onnx_bytes(integers, METADATA)
    model = onnx.load_from_string(content)
    assert {p.key: p.value for p in model.metadata_props} == METADATA
    assert model.graph.name == "tiny" and model.producer_name == "subbyte"
    assert not any(t.data_location == onnx.TensorProto.EXTERNAL for t in model.graph.initializer)
