# SPDX-License-Identifier: Apache-2.0
"""What Keras writes for layers over time, for other axes and for an open batch; tflite-micro judges the file itself."""

from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.graphs import GraphBuilder, random_inputs
from toolchain.errors import ModelError
from toolchain.export.tflite import tflite_bytes
from toolchain.graph.graph import Graph
from toolchain.graph.reference import run_batch
from toolchain.graph.tflite_in import parse_tflite
from toolchain.verify.judge import Subject
from toolchain.verify.judges.tflm import TfliteMicroJudge


def edited(graph: Graph, edit: Callable[[Any], None]) -> bytes:
    """The Graph's file after `edit` has changed its object form."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(tflite_bytes(graph), 0))
    edit(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _integers(model: Any, index: int, values: np.ndarray[Any, Any]) -> None:
    tensor = model.subgraphs[0].tensors[index]
    tensor.shape = list(values.shape)
    model.buffers[tensor.buffer].data = np.frombuffer(values.astype("<i4").tobytes(), np.uint8)


def equals_tflite_micro(content: bytes, kinds: list[str]) -> None:
    graph = parse_tflite(content, "net")
    assert [op.kind for op in graph.operators] == kinds
    inputs = random_inputs(graph, 5, seed=3)
    expected = run_batch(graph, inputs)
    for output, value in TfliteMicroJudge(Subject(graph, content)).run(inputs).items():
        np.testing.assert_array_equal(value, expected[output])


@pytest.mark.parametrize(("keep", "kinds"), [(False, ["Reshape", "Mean"]), (True, ["Reshape", "Mean", "Reshape"])])
def test_the_mean_of_a_series(keep: bool, kinds: list[str]) -> None:
    def over_time(model: Any) -> None:
        tensors, (op,) = model.subgraphs[0].tensors, model.subgraphs[0].operators
        tensors[op.inputs[0]].shape = [1, 7, 5]
        _integers(model, op.inputs[1], np.array([1]))
        if keep:
            tensors[op.outputs[0]].shape = [1, 1, 5]

    graph = GraphBuilder("net", (1, 1, 7, 5), zero_point=4).mean(keep=keep).graph()
    equals_tflite_micro(edited(graph, over_time), kinds)


def test_the_border_of_a_series() -> None:
    def over_time(model: Any) -> None:
        tensors, (op,) = model.subgraphs[0].tensors, model.subgraphs[0].operators
        tensors[op.inputs[0]].shape, tensors[op.outputs[0]].shape = [1, 7, 5], [1, 10, 5]
        _integers(model, op.inputs[1], np.array([[0, 0], [2, 1], [0, 0]]))

    graph = GraphBuilder("net", (1, 1, 7, 5), zero_point=4).pad((0, 0, 2, 1)).graph()
    equals_tflite_micro(edited(graph, over_time), ["Reshape", "Pad", "Reshape"])


def _two_images() -> Graph:
    net = GraphBuilder("net", (1, 2, 3, 4))
    other = net.input("other", (1, 2, 3, 4))
    return net.back_to("input").concatenation(other).graph()


def _along(axis: int, shape: list[int]) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        (op,) = model.subgraphs[0].operators
        op.builtinOptions.axis = axis
        model.subgraphs[0].tensors[op.outputs[0]].shape = shape

    return edit


@pytest.mark.parametrize("axis", [1, -3])
def test_images_joined_along_their_rows(axis: int) -> None:
    content = edited(_two_images(), _along(axis, [1, 4, 3, 4]))
    equals_tflite_micro(content, ["JoinRows"])


@pytest.mark.parametrize(("axis", "shape"), [(2, [1, 2, 6, 4]), (9, [1, 2, 3, 8]), (1, [1, 2, 6, 4])])
def test_another_join_is_refused(axis: int, shape: list[int]) -> None:
    with pytest.raises(ModelError, match=rf"\(CONCATENATION\): shapes .* along axis {axis} are not supported"):
        parse_tflite(edited(_two_images(), _along(axis, shape)), "net")


def _computes_its_shape(model: Any) -> None:
    """RESHAPE takes its shape from SHAPE and CONCATENATION, as Keras writes it for a batch of any size."""
    graph = model.subgraphs[0]
    (op,) = graph.operators
    for name, size in (("of_input", 4), ("of_output", 6)):
        graph.tensors.append(schema.TensorT([size], schema.TensorType.INT32, 0, name, None))
    of_input, of_output = len(graph.tensors) - 2, len(graph.tensors) - 1
    model.operatorCodes += [schema.OperatorCodeT(77, None, 1, 77), schema.OperatorCodeT(2, None, 1, 2)]
    sizes = op.inputs[1]
    shape = schema.OperatorT(1, [op.inputs[0]], [of_input])
    joined = schema.OperatorT(2, [of_input, sizes], [of_output])
    graph.operators = [shape, joined, op]
    op.inputs = [op.inputs[0], of_output]


def test_operators_that_compute_a_shape_are_left_out() -> None:
    graph = GraphBuilder("net", (1, 2, 2, 2)).reshape((1, 8)).graph()
    again = parse_tflite(edited(graph, _computes_its_shape), "net")
    assert [op.kind for op in again.operators] == ["Reshape"]
    assert again.tensor(again.outputs[0]).shape == (1, 8)


def test_a_shape_that_the_file_leaves_open_is_refused_with_advice() -> None:
    def leave_open(model: Any) -> None:
        _computes_its_shape(model)
        model.subgraphs[0].tensors[model.subgraphs[0].outputs[0]].shape = [1, 1]

    graph = GraphBuilder("net", (1, 2, 2, 2)).reshape((1, 8)).graph()
    with pytest.raises(ModelError, match=r"operator 2 \(RESHAPE\): 8 elements cannot become \[1, 1\]; .* batch of 1"):
        parse_tflite(edited(graph, leave_open), "net")


def test_a_grouped_convolution_is_refused_with_advice() -> None:
    def four_inputs(model: Any) -> None:
        model.subgraphs[0].tensors[0].shape = [1, 5, 4, 4]

    graph = GraphBuilder("net", (1, 5, 4, 2)).conv2d(4, (3, 3)).graph()
    with pytest.raises(ModelError, match=r"operator 0 \(CONV_2D\): 2 groups of 2 input channels: grouped"):
        parse_tflite(edited(graph, four_inputs), "net")
