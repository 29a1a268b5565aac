# SPDX-License-Identifier: Apache-2.0
"""Passes: what they take away changes no byte, what they insert establishes TFLite's rules."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.graphs import GraphBuilder, random_graph, random_inputs
from toolchain.errors import ModelError
from toolchain.graph.check import check_graph
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Clamp, Padding, Requantise
from toolchain.graph.passes import run_passes
from toolchain.graph.passes.clamp_fusion import fuse_clamps
from toolchain.graph.passes.dead_code import drop_dead_code
from toolchain.graph.passes.padding_fusion import fuse_padding
from toolchain.graph.passes.requantise_insertion import insert_requantise
from toolchain.graph.passes.reshape_elimination import drop_reshapes
from toolchain.graph.reference import run_batch
from toolchain.graph.tensor import Quantisation


def kinds(graph: Graph) -> list[str]:
    return [op.kind for op in graph.operators]


def outputs(graph: Graph, seed: int = 0) -> list[np.ndarray]:
    """What the graph gives for random inputs; of inputs that a pass reshaped the same bytes."""
    values = run_batch(graph, random_inputs(graph, 4, seed))
    return [values[name].reshape(4, -1) for name in graph.outputs]


def same_bytes(before: Graph, after: Graph) -> bool:
    check_graph(after)
    return all(np.array_equal(a, b) for a, b in zip(outputs(before), outputs(after), strict=True))


@pytest.mark.parametrize("seed", range(12))
def test_passes_change_no_byte_of_a_lawful_graph(seed: int) -> None:
    graph = random_graph(seed)
    assert same_bytes(graph, run_passes(graph))


def on_another_grid(graph: Graph, tensor: str, quantisation: Quantisation) -> Graph:
    """`graph` as a reader would hand it over: the rules on equal grids not yet established."""
    tensors = tuple(replace(t, quantisation=quantisation) if t.name == tensor else t for t in graph.tensors)
    return replace(graph, tensors=tensors)


def of_input(build: Callable[[GraphBuilder], object]) -> Graph:
    net = GraphBuilder("net", (1, 6, 5, 3), scale=0.05, zero_point=4)
    build(net)
    return net.graph()


@pytest.mark.parametrize(
    "build",
    [
        lambda net: net.max_pool2d((2, 2), activation=(-20, 30)),
        lambda net: net.average_pool2d((2, 2), activation=(-20, 30)),
        lambda net: net.pad((1, 0, 0, 2)),
        lambda net: net.reshape((1, 90)),
    ],
    ids=["max_pool", "average_pool", "pad", "reshape"],
)
def test_an_operator_that_keeps_its_grid_is_followed_by_requantise(build: Callable[[GraphBuilder], object]) -> None:
    lawful = of_input(build)
    output = lawful.outputs[0]
    graph = on_another_grid(lawful, output, Quantisation((0.04,), -7))
    with pytest.raises(ModelError, match="needs one quantisation"):
        check_graph(graph)
    legal = check_graph(insert_requantise(graph))
    assert kinds(legal) == [lawful.operators[0].kind, "Requantise"]
    assert legal.outputs == (output,), "the value keeps its name"
    clamp = getattr(lawful.operators[0], "activation", Clamp())
    assert legal.operators[1].activation == clamp, "a clamp counts in the output's integers"
    assert getattr(legal.operators[0], "activation", Clamp()) == Clamp()


def test_concatenation_gets_its_inputs_on_its_own_grid() -> None:
    net = GraphBuilder("net", (1, 6, 5, 3), scale=0.05, zero_point=4)
    left = net.checkpoint()
    net.requantise(scale=0.05, zero_point=4)
    lawful = net.concatenation(left).graph()
    graph = on_another_grid(lawful, left, Quantisation((0.03,), 1))
    legal = check_graph(insert_requantise(graph))
    assert kinds(legal) == ["Requantise", "Requantise", "Concatenation"]
    assert legal.operators[1].input == left


def test_softmax_gives_its_own_grid_first() -> None:
    net = GraphBuilder("net", (1, 9), scale=0.1, zero_point=4)
    lawful = net.softmax().graph()
    graph = on_another_grid(lawful, lawful.outputs[0], Quantisation((1 / 100,), 3))
    legal = check_graph(insert_requantise(graph))
    assert kinds(legal) == ["Softmax", "Requantise"]
    assert legal.tensor(legal.operators[0].output).quantisation == Quantisation((1 / 256,), -128)


def test_a_lawful_graph_gets_nothing() -> None:
    graph = of_input(lambda net: net.max_pool2d((2, 2)))
    assert insert_requantise(graph).operators == graph.operators


def test_a_lone_clamp_fuses_into_its_producer() -> None:
    graph = of_input(lambda net: net.conv2d(4, (3, 3), activation=(-90, 100)).requantise(activation=(-100, 50)))
    fused = fuse_clamps(graph)
    assert kinds(fused) == ["Conv2D"] and fused.operators[0].activation == Clamp(-90, 50)
    assert same_bytes(graph, fused)


def test_clamps_in_a_row_intersect() -> None:
    build = lambda net: net.conv2d(4, (3, 3)).requantise(activation=(-100, 50)).requantise(activation=(60, 90))  # noqa: E731
    graph = of_input(build)
    fused = fuse_clamps(graph)
    assert kinds(fused) == ["Conv2D"] and fused.operators[0].activation == Clamp(60, 60)
    assert same_bytes(graph, fused)


def test_a_clamp_stays_where_the_unclamped_value_is_read() -> None:
    net = GraphBuilder("net", (1, 6, 5, 3), scale=0.05, zero_point=4)
    value = net.conv2d(4, (3, 3)).checkpoint()
    graph = net.requantise(activation=(0, 50)).add(value).graph()
    assert kinds(fuse_clamps(graph)) == ["Conv2D", "Requantise", "Add"]
    graph = net.graph(net.last, value)
    assert kinds(fuse_clamps(graph)) == ["Conv2D", "Requantise", "Add"]


def test_a_requantise_to_another_grid_stays() -> None:
    graph = of_input(lambda net: net.conv2d(4, (3, 3)).requantise(scale=0.02, zero_point=1, activation=(0, 50)))
    assert kinds(fuse_clamps(graph)) == ["Conv2D", "Requantise"]


def test_a_requantise_that_does_nothing_is_dropped() -> None:
    graph = of_input(lambda net: net.requantise().conv2d(4, (3, 3)))
    assert kinds(graph) == ["Requantise", "Conv2D"]
    assert kinds(fused := fuse_clamps(graph)) == ["Conv2D"]
    assert same_bytes(graph, fused)


def test_a_clamped_input_keeps_its_requantise() -> None:
    graph = of_input(lambda net: net.requantise(activation=(-8, 7)))
    assert [op.kind for op in fuse_clamps(graph).operators if isinstance(op, Requantise)] == ["Requantise"]


def test_borders_in_a_row_become_padding_of_the_convolution() -> None:
    graph = of_input(lambda net: net.pad((1, 0, 0, 2)).pad((0, 2, 1, 0)).conv2d(4, (3, 3), padding=(0, 0, 1, 1)))
    fused = fuse_padding(graph)
    assert kinds(fused) == ["Conv2D"] and fused.operators[0].padding == Padding(1, 2, 2, 3)
    assert same_bytes(graph, drop_dead_code(fused))


def test_a_border_that_a_pool_reads_stays() -> None:
    graph = of_input(lambda net: net.pad((1, 0, 0, 2)).average_pool2d((2, 2)))
    assert kinds(fuse_padding(graph)) == ["Pad", "AveragePool2D"]


def test_a_border_that_a_convolution_and_a_pool_read_stays() -> None:
    net = GraphBuilder("net", (1, 6, 5, 3), scale=0.05, zero_point=4)
    padded = net.pad((1, 0, 0, 2)).checkpoint()
    first = net.conv2d(4, (3, 3)).checkpoint()
    net.back_to(padded)
    graph = net.max_pool2d((2, 2)).graph(first, net.last)
    assert kinds(fuse_padding(graph)) == ["Pad", "Conv2D", "MaxPool2D"]


def test_reshapes_that_say_nothing_are_dropped() -> None:
    graph = of_input(lambda net: net.conv2d(4, (3, 3)).reshape((1, 120)).reshape((1, 12, 10)).fully_connected(5))
    assert kinds(graph) == ["Conv2D", "Reshape", "Reshape", "FullyConnected"]
    after = drop_dead_code(drop_reshapes(graph))
    assert kinds(after) == ["Conv2D", "FullyConnected"]
    assert same_bytes(graph, after)


def test_an_input_takes_the_shape_that_is_made_of_it() -> None:
    net = GraphBuilder("net", (1, 6, 10), scale=0.05, zero_point=4)
    graph = net.reshape((1, 6, 10, 1)).conv2d(4, (3, 3)).graph()
    after = drop_dead_code(drop_reshapes(graph))
    assert kinds(after) == ["Conv2D"] and after.tensor("input").shape == (1, 6, 10, 1)
    check_graph(after)


def test_a_mean_gives_the_flat_shape_itself() -> None:
    graph = of_input(lambda net: net.mean(keep=True, scale=0.02).reshape((1, 3)).softmax())
    after = drop_dead_code(drop_reshapes(graph))
    assert kinds(after) == ["Mean", "Softmax"]
    assert same_bytes(graph, after)


def test_an_output_keeps_its_reshape() -> None:
    graph = of_input(lambda net: net.conv2d(4, (3, 3)).reshape((1, 120)))
    assert kinds(drop_dead_code(drop_reshapes(graph))) == ["Conv2D", "Reshape"]


def test_what_no_output_needs_is_dropped_and_inputs_stay() -> None:
    net = GraphBuilder("net", (1, 6, 5, 3), scale=0.05, zero_point=4)
    wanted = net.conv2d(4, (3, 3)).checkpoint()
    graph = net.conv2d(9, (3, 3)).graph(wanted)
    after = check_graph(drop_dead_code(graph))
    assert kinds(after) == ["Conv2D"] and len(after.tensors) == 4
    assert after.inputs == graph.inputs
