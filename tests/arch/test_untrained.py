# SPDX-License-Identifier: Apache-2.0
"""Architectures as Graphs that nobody trained: the layers' counts, lively activations, exact for tflite-micro."""

import numpy as np
import pytest

from tests.graphs import random_inputs
from toolchain.arch import load_arch
from toolchain.arch.build import Builder
from toolchain.arch.counting import count_arch
from toolchain.arch.layer import Activation, Layer
from toolchain.arch.untrained import untrained_graph
from toolchain.arch.weights import WeightPlan, WeightSpec
from toolchain.export.tflite import tflite_bytes
from toolchain.graph.cost import count
from toolchain.graph.counting import Rule
from toolchain.graph.reference import run, run_batch
from toolchain.graph.tensor import Grid
from toolchain.verify.judge import Subject
from toolchain.verify.judges.tflm import TfliteMicroJudge


def residual_layers() -> tuple[Layer, ...]:
    """A branch with a 1x1 shortcut, over a picture of three channels."""
    build = Builder(9, 7, 3)
    build.conv("stem", 5, Activation.RELU6)
    build.conv("left", 7, Activation.NONE)
    build.back_to("stem")
    build.conv("right", 7, Activation.RELU)
    build.add("join", "left", Activation.RELU)
    build.classifier(4)
    return build.layers


@pytest.mark.parametrize("name", ["ds_cnn_s", "pless_sweep_wm0.75_5", "stream_250k"])
def test_the_graph_counts_as_its_architecture(name: str) -> None:
    arch = load_arch(name)
    graph = untrained_graph(arch.identifier, arch.layers())
    for rule in (Rule.MACS, Rule.HELLO_EDGE):
        counted, expected = count(graph, rule), count_arch(arch, rule)
        assert (counted.macs, counted.memory_bytes) == (expected.macs, expected.memory_bytes)


@pytest.mark.parametrize(
    ("name", "bits"), [("ds_cnn_s", 8), ("pless_sweep_4", 8), *(("stream_250k", bits) for bits in range(1, 9))]
)
def test_no_layer_is_dead_or_saturated(name: str, bits: int) -> None:
    graph = untrained_graph("lively", load_arch(name).layers(), plan=WeightPlan(WeightSpec.of(bits)))
    drawn = np.random.default_rng(1).integers(-128, 128, graph.tensor("input").shape, dtype=np.int8)
    found = run(graph, {"input": drawn})
    for op in graph.operators:
        values = found[op.writes[0]]
        assert values.std() > 8, op.name
        assert np.mean(values == 127) < 0.1, op.name
        assert np.mean(values == -128) < 0.75, op.name


def test_same_seed_same_graph_and_another_seed_another() -> None:
    first = untrained_graph("net", residual_layers(), seed=3)
    assert untrained_graph("net", residual_layers(), seed=3).sha256 == first.sha256
    assert untrained_graph("net", residual_layers(), seed=4).sha256 != first.sha256


def test_weights_fill_their_range_and_biases_have_their_scale() -> None:
    graph = untrained_graph("net", residual_layers())
    tensors = {tensor.name: tensor for tensor in graph.tensors}
    weights, bias = tensors["left_weights"], tensors["left_bias"]
    assert weights.data is not None
    assert (np.abs(weights.data.astype(int)).reshape(7, -1).max(axis=1) == 127).all()
    given = np.float32(weights.quantisation.scales) * np.float32(tensors["stem"].quantisation.scale)
    assert np.array_equal(np.float32(bias.quantisation.scales), given)


@pytest.mark.parametrize(
    "spec",
    [
        *(WeightSpec(bits, Grid.MID_TREAD) for bits in range(2, 9)),
        *(WeightSpec(bits, Grid.MID_RISE) for bits in range(1, 8)),
    ],
    ids=str,
)
def test_weights_fill_the_grid_that_the_plan_says(spec: WeightSpec) -> None:
    plan = WeightPlan(WeightSpec(5), {"dense1": spec})
    graph = untrained_graph("stream", load_arch("stream_250k").layers(), plan=plan)
    weights, others = graph.tensor("dense1_weights"), graph.tensor("dense2_weights")
    assert (weights.bits, weights.grid) == (spec.bits, spec.grid)
    assert (others.bits, others.grid) == (5, Grid.MID_TREAD)
    step = 2 if spec.grid is Grid.MID_RISE else 1
    assert set(np.unique(weights.array)) == set(range(-spec.limit, spec.limit + 1, step))
    assert weights.storage_bytes == (980 * 192 * spec.bits + 7) // 8


@pytest.mark.parametrize("name", ["residual", "pless_sweep_wm0.75_5"])
def test_tflite_micro_gives_the_same_bytes(name: str) -> None:
    layers = residual_layers() if name == "residual" else load_arch(name).layers()
    graph = untrained_graph("net", layers)
    judge = TfliteMicroJudge(Subject(graph, tflite_bytes(graph)))
    if missing := judge.unavailable():
        pytest.skip(missing)
    inputs = random_inputs(graph, 4)
    expected, answered = run_batch(graph, inputs), judge.run(inputs)
    for output in graph.outputs:
        assert np.array_equal(expected[output], answered[output])
