# SPDX-License-Identifier: Apache-2.0
"""A Graph with rounded weights: layouts, bias, and that the rest stays."""

import numpy as np
import pytest

from tests.graphs import GraphBuilder, random_inputs
from toolchain.arch.weights import WeightSpec
from toolchain.bits.weights import (
    least_scales,
    real_weights,
    rounded_weights,
    spec_of,
    weighted_operators,
    with_weights,
)
from toolchain.graph.graph import Graph
from toolchain.graph.reference import run_batch
from toolchain.graph.tensor import Grid


@pytest.fixture(scope="module")
def graph() -> Graph:
    net = GraphBuilder("net", (1, 9, 7, 2), seed=5)
    return net.conv2d(6, (3, 2)).depthwise_conv2d((3, 3), multiplier=2).fully_connected(5).graph()


@pytest.mark.parametrize("spec", [WeightSpec.of(1), WeightSpec(3), WeightSpec(4, Grid.MID_RISE)], ids=str)
def test_weights_lie_where_they_lay_and_stand_for_what_they_stood_for(graph: Graph, spec: WeightSpec) -> None:
    operators = weighted_operators(graph)
    changed = with_weights(graph, {op.name: rounded_weights(graph, op, spec) for op in operators})
    for op in operators:
        before, after = graph.tensor(op.weights), changed.tensor(op.weights)
        assert spec_of(changed, op) == spec and after.shape == before.shape
        assert np.array_equal(real_weights(changed, op), rounded_weights(graph, op, spec).reals)
        assert np.corrcoef(before.array.ravel(), after.array.ravel())[0, 1] > 0.6
        if op.bias is not None:
            old, new = graph.tensor(op.bias), changed.tensor(op.bias)
            reals = [tensor.array * np.array(tensor.quantisation.scales) for tensor in (old, new)]
            assert np.allclose(*reals, atol=np.max(new.quantisation.scales), rtol=1e-6)
            input_scale = np.float32(graph.tensor(op.input).quantisation.scale)
            assert np.array_equal(
                np.float32(new.quantisation.scales), input_scale * np.float32(after.quantisation.scales)
            )
    assert changed.activations and [t.name for t in changed.tensors] == [t.name for t in graph.tensors]


def test_eight_bits_answer_like_the_trained_network(graph: Graph) -> None:
    changed = with_weights(
        graph, {op.name: rounded_weights(graph, op, WeightSpec()) for op in weighted_operators(graph)}
    )
    inputs = random_inputs(graph, 30, seed=1)
    (output,) = graph.outputs
    difference = run_batch(graph, inputs)[output].astype(int) - run_batch(changed, inputs)[output].astype(int)
    assert np.abs(difference).max() <= 4


def test_a_bias_that_would_overflow_holds_its_scale_up(graph: Graph) -> None:
    for op in weighted_operators(graph):
        scales = least_scales(graph, op)
        assert scales.shape == (graph.tensor(op.output).shape[-1],)
        assert (scales * graph.tensor(op.input).quantisation.scale * (1 << 29) <= 1e4).all()
