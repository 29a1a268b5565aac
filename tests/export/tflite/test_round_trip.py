# SPDX-License-Identifier: Apache-2.0
"""A Graph written as TFLite and read again is the Graph: operators, tensors, integers, widths."""

from dataclasses import replace

import numpy as np
import pytest

from tests.graphs import GraphBuilder, random_graph, random_inputs
from tests.ops.cases import CASES
from toolchain.errors import ModelError
from toolchain.export.tflite import tflite_bytes
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D, DepthwiseConv2D, MaxPool2D, Operator, Pad, Requantise
from toolchain.graph.reference import run_batch
from toolchain.graph.tensor import Grid, Tensor
from toolchain.graph.tflite_in import parse_tflite
from toolchain.graph.tflite_in.container import unpack

EVERY_CASE = [(kind, name) for kind, cases in CASES.items() for name in cases]


def _described(tensor: Tensor) -> tuple[object, ...]:
    q = tensor.quantisation
    axis = q.axis if len(q.scales) > 1 else None  # one scale along an axis of one and one scale for all are one thing
    data = None if tensor.data is None else tensor.data.tobytes()
    return tensor.name, tensor.shape, tensor.dtype, q.scales, q.zero_point, axis, tensor.bits, tensor.grid, data


def _nameless(op: Operator) -> Operator:
    return replace(op, name="")


def assert_same(graph: Graph, again: Graph) -> None:
    assert [_nameless(op) for op in again.operators] == [_nameless(op) for op in graph.operators]
    assert sorted(map(_described, again.tensors)) == sorted(map(_described, graph.tensors))
    assert (again.name, again.inputs, again.outputs) == (graph.name, graph.inputs, graph.outputs)


@pytest.mark.parametrize(("kind", "name"), EVERY_CASE)
def test_every_case_comes_back(kind: str, name: str) -> None:
    graph = CASES[kind][name]()
    assert_same(graph, parse_tflite(tflite_bytes(graph), "unused"))


def _foldable(graph: Graph) -> bool:
    """Whether the reader says it in fewer operators: a Pad before a convolution, a lone clamp behind its producer."""
    for op in graph.operators:
        takers = graph.consumers(op.writes[0])
        if isinstance(op, Pad) and takers and all(isinstance(t, Conv2D | DepthwiseConv2D | MaxPool2D) for t in takers):
            return True
        if isinstance(op, Requantise) and graph.tensor(op.input).quantisation == graph.tensor(op.output).quantisation:
            return True
    return False


@pytest.mark.parametrize("seed", range(80))
def test_random_networks_come_back(seed: int) -> None:
    graph = random_graph(seed, bits=2 + seed % 7)
    try:
        again = parse_tflite(tflite_bytes(graph), "unused")
    except ModelError as error:
        assert "TFLite cannot say an average" in str(error)
        return
    if not _foldable(graph):
        assert_same(graph, again)
    inputs = random_inputs(graph, 3, seed)
    for name, value in run_batch(graph, inputs).items():
        np.testing.assert_array_equal(run_batch(again, inputs)[name], value)


@pytest.mark.parametrize("bits", [1, 2, 4, 7])
def test_widths_and_the_mid_rise_grid_survive_in_int8_containers(bits: int) -> None:
    graph = random_graph(12, bits=bits, grid=Grid.MID_RISE)
    again = parse_tflite(tflite_bytes(graph), "unused")
    weights = [t for t in again.constants() if t.grid is Grid.MID_RISE]
    assert weights and {tensor.bits for tensor in weights} == {bits}
    assert_same(graph, again)


def test_plain_8_bit_files_carry_no_note() -> None:
    assert unpack(tflite_bytes(random_graph(3))).metadata == {}


def test_the_same_graph_gives_the_same_bytes() -> None:
    assert tflite_bytes(random_graph(4)) == tflite_bytes(random_graph(4))
    assert tflite_bytes(random_graph(4)) != tflite_bytes(random_graph(5))


def test_texts_travel_with_the_network() -> None:
    written = tflite_bytes(random_graph(3), {"labels": '["yes", "né"]'})
    assert unpack(written).metadata == {"labels": '["yes", "né"]'.encode()}


def test_constants_are_aligned_in_the_file() -> None:
    """A file in flash at a multiple of 16 is read where it lies: int32 biases on words, at least."""
    graph = GraphBuilder("net", (1, 3, 3, 1)).conv2d(5, (3, 3)).conv2d(3).graph()
    written = tflite_bytes(graph)
    for tensor in graph.constants():
        place = written.find(tensor.array.tobytes())
        assert place >= 0 and place % 16 == 0


def test_both_fields_of_an_operator_code_are_filled() -> None:
    """Readers from before schema 3a, tflite-micro's compression tool among them, look at the first one only."""
    from ai_edge_litert import schema_py_generated as schema

    graph = GraphBuilder("net", (1, 4, 4, 2)).conv2d(3).requantise(scale=0.5).graph()
    model = schema.Model.GetRootAsModel(tflite_bytes(graph), 0)
    codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
    assert [(code.DeprecatedBuiltinCode(), code.BuiltinCode()) for code in codes] == [(3, 3), (114, 114)]
    assert model.Description() == b"Written by Subbyte"
