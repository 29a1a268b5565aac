# SPDX-License-Identifier: Apache-2.0
"""Weights of every width in the QDQ file: the narrowest type, and the same integers, bits and grid when it is read."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.graph.onnx_in.onnx_nets import layer_differences
from tests.nets.networks import lived_in, measured, tiny_ds_cnn
from toolchain.arch.weights import WeightSpec
from toolchain.errors import ModelError
from toolchain.graph.onnx_in import read_onnx
from toolchain.graph.storage_note import METADATA_NAME
from toolchain.graph.tensor import Grid
from toolchain.nets.integers import IntegerLayer, IntegerNetwork, IntegerWeights
from toolchain.nets.onnx_out import onnx_bytes

INT2, INT4, INT8 = TensorProto.INT2, TensorProto.INT4, TensorProto.INT8
TYPES = {
    **{WeightSpec(bits, Grid.MID_TREAD): kind for bits, kind in ((2, INT2), (3, INT4), (4, INT4), (5, INT8))},
    **{WeightSpec(bits, Grid.MID_TREAD): INT8 for bits in (6, 7, 8)},
    **{WeightSpec(bits, Grid.MID_RISE): kind for bits, kind in ((1, INT2), (2, INT4), (3, INT4), (4, INT8))},
    **{WeightSpec(bits, Grid.MID_RISE): INT8 for bits in (5, 6, 7)},
}


@cache
def _eight_bits() -> IntegerNetwork:
    return measured(lived_in(tiny_ds_cnn())).integers()


def _narrow(spec: WeightSpec) -> IntegerNetwork:
    """The network with weights drawn on the grid of `spec`, about as large as before; biases stay what they are."""
    network, rng = _eight_bits(), np.random.default_rng(spec.bits)
    scales = {"input": network.input_scale} | {layer.layer.name: layer.scale for layer in network.layers}

    def drawn(layer: IntegerLayer) -> IntegerLayer:
        if layer.weights is None:
            return layer
        old = layer.weights
        limit = (1 << spec.bits) - 1 if spec.grid is Grid.MID_RISE else (1 << (spec.bits - 1)) - 1
        step = 2 if spec.grid is Grid.MID_RISE else 1
        weights = rng.choice(np.arange(-limit, limit + 1, step), old.weights.shape).astype(np.int8)
        new = (old.scales * np.float32(60 / limit)).astype(np.float32)
        bias_scales = (np.float32(scales[layer.layer.input]) * new).astype(np.float32)
        bias = np.rint(old.bias * (old.bias_scales / bias_scales)).astype(np.int32)
        return replace(layer, weights=IntegerWeights(weights, new, bias, bias_scales, spec))

    return replace(network, layers=tuple(drawn(layer) for layer in network.layers))


@pytest.mark.parametrize("spec", TYPES, ids=str)
def test_integers_bits_and_grid_survive_in_the_narrowest_type(spec: WeightSpec, tmp_path: Path) -> None:
    network = _narrow(spec)
    path = tmp_path / "net.onnx"
    path.write_bytes(onnx_bytes(network, {"labels": "[]"}))
    constants = {tensor.name: tensor for tensor in onnx.load(path).graph.initializer}
    graph = read_onnx(path)
    for layer in network.layers:
        if layer.weights is None:
            continue
        name, written = f"{layer.layer.name}_weights", layer.weights
        assert constants[name].data_type == constants[f"{name}_zero_point"].data_type == TYPES[spec]
        tensor = graph.tensor(name)
        assert (tensor.bits, tensor.grid) == (spec.bits, spec.grid)
        assert sorted(tensor.array.reshape(-1).tolist()) == sorted(written.weights.reshape(-1).tolist())
        assert tensor.quantisation.scales == tuple(float(scale) for scale in written.scales)
        if written.bias.any():  # a bias of zeros is none
            assert graph.tensor(f"{layer.layer.name}_bias").array.tolist() == written.bias.tolist()
    steps = layer_differences(path, samples=3)
    assert len(steps) >= 6 and max(steps.values()) <= 1  # ONNX Runtime runs the file, rounding in float


@pytest.mark.parametrize(
    ("spec", "opset"), [(WeightSpec(8), 21), (WeightSpec(4), 21), (WeightSpec(2, Grid.MID_TREAD), 25)], ids=str
)
def test_the_file_asks_for_no_newer_operators_than_it_needs(spec: WeightSpec, opset: int) -> None:
    model = onnx.load_from_string(onnx_bytes(_narrow(spec), {}))
    assert [each.version for each in model.opset_import] == [opset]
    assert {entry.key for entry in model.metadata_props} == ({METADATA_NAME} if spec.bits < 8 else set())


def test_widths_may_differ_from_layer_to_layer(tmp_path: Path) -> None:
    eight, one = _eight_bits(), _narrow(WeightSpec(1, Grid.MID_RISE))
    layers = tuple(b if index % 2 else a for index, (a, b) in enumerate(zip(eight.layers, one.layers, strict=True)))
    path = tmp_path / "net.onnx"
    path.write_bytes(onnx_bytes(replace(eight, layers=layers), {}))
    graph = read_onnx(path)
    found = [graph.tensor(f"{each.layer.name}_weights").bits for each in layers if each.weights is not None]
    assert found == [each.weights.spec.bits for each in layers if each.weights is not None] and set(found) == {1, 8}


@pytest.mark.parametrize(
    ("note", "message"),
    [
        ('{"stem_weights": [2, "mid-tread"]}', "initialiser stem_weights is said to be 2 bits mid-tread; its values"),
        ('{"stem_weights": [4, "mid-rise"]}', "initialiser stem_weights is said to be 4 bits mid-rise"),
        ('{"stem_bias": [4, "mid-rise"]}', "initialiser stem_bias is said to be"),
        ('{"stem_weights": 4}', r"metadata subbyte\.storage is damaged"),
        ("[[[[", r"metadata subbyte\.storage is damaged"),
    ],
)
def test_a_note_that_lies_is_one_clear_error(note: str, message: str, tmp_path: Path) -> None:
    model = onnx.load_from_string(onnx_bytes(_narrow(WeightSpec(4)), {}))
    (entry,) = model.metadata_props
    entry.value = note
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    with pytest.raises(ModelError, match=message):
        read_onnx(path)
