# SPDX-License-Identifier: Apache-2.0
"""Weights below 8 bits in the file: int4 and look-up tables, as TFLite Micro computes them, to the byte."""

import numpy as np
import pytest

from tests.export.tflite.test_round_trip import assert_same
from tests.graphs import GraphBuilder, random_graph, random_inputs
from toolchain.export.tflite import Form, Forms, compressed_tflite_bytes, form_bytes, tflite_bytes, weight_forms
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D
from toolchain.graph.reference import run_batch
from toolchain.graph.tensor import Grid
from toolchain.graph.tflite_in import parse_tflite
from toolchain.graph.tflite_in.container import unpack
from toolchain.graph.tflite_in.schema import TensorType
from toolchain.verify.judge import Subject
from toolchain.verify.judges.litert import LiteRtJudge
from toolchain.verify.judges.tflm import CompressedTfliteMicroJudge, TfliteMicroJudge

WIDTHS = [(bits, Grid.MID_TREAD) for bits in range(2, 9)] + [(bits, Grid.MID_RISE) for bits in range(1, 8)]
every_width = pytest.mark.parametrize(("bits", "grid"), WIDTHS)


def every_layer(bits: int, grid: Grid) -> Graph:
    """Each layer with weights, with odd sizes, one scale or many, with and without bias; large enough for tables."""
    net = GraphBuilder("net", (1, 7, 5, 3), seed=bits)
    w = {"bits": bits, "grid": grid}
    net.conv2d(33, (3, 3), **w).depthwise_conv2d((5, 5), stride=(2, 2), **w).conv2d(33, per_channel=False, **w)
    net.depthwise_conv2d((2, 3), multiplier=2, bias=False, per_channel=False, **w).conv2d(61, bias=False, **w)
    return net.mean().fully_connected(101, **w).fully_connected(13, per_channel=False, bias=False, **w).graph()


@every_width
def test_tflite_micro_gives_the_reference_s_bytes(bits: int, grid: Grid) -> None:
    graph = every_layer(bits, grid)
    subject, compressed = Subject(graph, tflite_bytes(graph)), compressed_tflite_bytes(graph)
    inputs = random_inputs(graph, 4)
    expected = run_batch(graph, inputs)
    judges = [TfliteMicroJudge(subject)]
    assert (compressed is None) == (bits == 8)
    if compressed is not None:
        judges.append(CompressedTfliteMicroJudge(subject, compressed))
    for judge in judges:
        np.testing.assert_array_equal(judge.run(inputs)[graph.outputs[0]], expected[graph.outputs[0]], judge.name)
        shown = judge.layers({name: value[-1:] for name, value in inputs.items()})
        assert graph.outputs[0] in shown and len(shown) == len(list(graph.activations()))


@every_width
def test_the_graph_comes_back_from_every_form(bits: int, grid: Grid) -> None:
    graph = every_layer(bits, grid)
    for forms in (Forms(int4=()), Forms(), Forms(tables=True), Forms(int4=(Conv2D,), tables=True)):
        assert_same(graph, parse_tflite(tflite_bytes(graph, forms=forms), "unused"))


@pytest.mark.parametrize(
    ("bits", "grid", "form"),
    [
        (4, Grid.MID_TREAD, Form.INT4),
        (5, Grid.MID_TREAD, Form.INT8),
        (1, Grid.MID_RISE, Form.INT4),
        (3, Grid.MID_RISE, Form.INT4),
        (4, Grid.MID_RISE, Form.INT8),
    ],
)
def test_int4_is_where_the_integers_fit(bits: int, grid: Grid, form: Form) -> None:
    graph = GraphBuilder("net", (1, 4, 4, 8)).conv2d(8, bits=bits, grid=grid).graph()
    assert weight_forms(graph, Forms()) == {"layer_0_weights": form}
    (tensor,) = [tensor for tensor in unpack(tflite_bytes(graph)).tensors if tensor.name == "layer_0_weights"]
    assert tensor.type == (TensorType.INT4 if form is Form.INT4 else TensorType.INT8)


def test_8_bit_weights_stay_int8_whatever_their_values() -> None:
    graph = GraphBuilder("net", (1, 2, 2, 2)).conv2d(2, weights=[1, -2, 3, 0]).graph()
    assert weight_forms(graph, Forms()) == {"layer_0_weights": Form.INT8}
    assert_same(graph, parse_tflite(tflite_bytes(graph), "unused"))


def test_fully_connected_is_int4_with_one_scale_only() -> None:
    """TFLite Micro has no kernel for int4 with a scale a channel."""
    for per_channel, form in ((True, Form.INT8), (False, Form.INT4)):
        graph = GraphBuilder("net", (1, 30)).fully_connected(9, bits=4, per_channel=per_channel).graph()
        assert weight_forms(graph, Forms()) == {"layer_0_weights": form}


def test_the_earlier_of_two_int4_weights_is_in_the_low_bits() -> None:
    weights = [1, -2, 7, -8, 3]
    graph = GraphBuilder("net", (1, 1, 1, 5)).conv2d(1, weights=weights, bits=4).graph()
    assert bytes([0xE1, 0x87, 0x03]) in tflite_bytes(graph)


def test_no_file_grows_by_its_look_up_tables() -> None:
    """And where one is chosen, the file gets smaller by less than the estimate leaves away."""
    chosen = 0
    for seed in range(40):
        graph = random_graph(seed, bits=1 + seed % 3, grid=Grid.MID_RISE)
        forms = weight_forms(graph, Forms(tables=True))
        if any(op.kind == "AveragePool2D" for op in graph.operators):
            continue
        plain, compressed = tflite_bytes(graph), tflite_bytes(graph, forms=Forms(tables=True))
        tables = [name for name, form in forms.items() if form is Form.TABLE]
        chosen += len(tables)
        assert len(compressed) < len(plain) if tables else compressed == plain
        assert (compressed_tflite_bytes(graph) is None) == (not tables)
    assert chosen >= 5


def test_bytes_of_a_form_are_those_of_its_constants() -> None:
    tensor = every_layer(1, Grid.MID_RISE).tensor("layer_2_weights")  # 33 * 33 of two values
    assert [form_bytes(tensor, form) for form in Form] == [1089, 545, (1089 + 7) // 8 + 16 + 2]


def test_litert_computes_int4_convolutions_and_says_what_it_cannot() -> None:
    graph = GraphBuilder("net", (1, 5, 5, 3)).conv2d(7, (3, 3), bits=4).conv2d(5, bits=3, per_channel=False).graph()
    inputs = random_inputs(graph, 3)
    judge = LiteRtJudge(Subject(graph, tflite_bytes(graph)))
    assert judge.unavailable() is None
    np.testing.assert_array_equal(judge.run(inputs)[graph.outputs[0]], run_batch(graph, inputs)[graph.outputs[0]])
    deep = GraphBuilder("net", (1, 5, 5, 3)).depthwise_conv2d((3, 3), bits=4).graph()
    judge = LiteRtJudge(Subject(deep, tflite_bytes(deep)))
    assert judge.unavailable() == "it has no reference kernel for int4 weights of a depthwise convolution"
