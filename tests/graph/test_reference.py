# SPDX-License-Identifier: Apache-2.0
"""The interpreter's doors. What each operator computes is held against tflite-micro in tests/ops/."""

import numpy as np
import pytest

from tests.graphs import GraphBuilder, random_graph, random_inputs
from toolchain.errors import ModelError
from toolchain.graph.reference import run, run_batch
from toolchain.graph.reference.interpreter import CHUNK


@pytest.mark.parametrize("seed", range(5))
def test_a_batch_is_many_single_runs(seed: int) -> None:
    graph = random_graph(seed)
    count = CHUNK + 3  # more than one chunk
    inputs = random_inputs(graph, count, seed)
    together = run_batch(graph, inputs)
    for index in (0, CHUNK - 1, CHUNK, count - 1):
        alone = run(graph, {name: value[index] for name, value in inputs.items()})
        for name in graph.outputs:
            np.testing.assert_array_equal(together[name][index], alone[name])


def test_run_gives_every_activation_and_no_constant() -> None:
    graph = random_graph(2)
    values = run(graph, {name: value[0] for name, value in random_inputs(graph, 1).items()})
    assert set(values) == {tensor.name for tensor in graph.activations()}
    for tensor in graph.activations():
        assert values[tensor.name].shape == tensor.shape and values[tensor.name].dtype == np.int8


def test_no_inputs_give_no_outputs() -> None:
    graph = GraphBuilder("net", (1, 2, 2, 3)).conv2d(5).graph()
    nothing = run_batch(graph, {"input": np.empty((0, 1, 2, 2, 3), np.int8)})
    assert nothing[graph.outputs[0]].shape == (0, 1, 2, 2, 5)


def test_inputs_are_not_changed() -> None:
    graph = GraphBuilder("net", (1, 4)).reshape((1, 2, 2, 1)).pad((1, 1, 1, 1)).graph()
    x = np.arange(4, dtype=np.int8).reshape(1, 4)
    run(graph, {"input": x})
    assert x.tolist() == [[0, 1, 2, 3]]


def test_a_missing_input_is_named() -> None:
    with pytest.raises(ModelError, match="graph net: no value for input input"):
        run(GraphBuilder("net", (1, 4)).softmax().graph(), {})


@pytest.mark.parametrize("x", [np.zeros((1, 5), np.int8), np.zeros((1, 4), np.uint8), np.zeros(4, np.int8)])
def test_an_input_of_another_shape_or_type_is_refused(x: np.ndarray) -> None:
    with pytest.raises(ModelError, match=r"input input must be int8 \[1, 4\], not"):
        run(GraphBuilder("net", (1, 4)).softmax().graph(), {"input": x})
