# SPDX-License-Identifier: Apache-2.0
"""Cost of a Graph: exact sums, shared constants once, and the same counts as the architecture gives."""

from dataclasses import replace

import pytest

from tests.graphs import GraphBuilder
from toolchain.arch.counting import arch_facts
from toolchain.arch.layer import Activation, Add, Conv, Dense, Depthwise, GlobalAveragePool
from toolchain.arch.library import builtin_names, load_arch
from toolchain.graph.cost import count, graph_cost
from toolchain.graph.counting import Rule, count_facts
from toolchain.graph.graph import Graph
from toolchain.graph.tensor import Grid


def graph_of(name: str, *, pooled_by: str = "average_pool2d") -> Graph:
    """The built-in architecture as a Graph with random weights, built layer by layer."""
    arch = load_arch(name)
    first = arch.layers()[0].input_shape
    net = GraphBuilder("net", (1, first.h, first.w, first.c), seed=1)
    outputs = {"input": net.last}
    for layer in arch.layers():
        net.back_to(outputs[layer.input])
        match layer:
            case Conv():
                net.conv2d(layer.output_shape.c, layer.kernel, stride=layer.stride, padding=layer.padding)
            case Depthwise():
                net.depthwise_conv2d(layer.kernel, stride=layer.stride, padding=layer.padding)
            case Add():
                assert layer.activation is Activation.NONE
                net.add(outputs[layer.other])
            case GlobalAveragePool():
                if pooled_by == "mean":
                    net.mean()
                else:
                    net.average_pool2d((layer.input_shape.h, layer.input_shape.w))
                    net.reshape((1, layer.input_shape.c))
            case Dense():
                net.fully_connected(layer.output_shape.c)
        outputs[layer.name] = net.last
    return net.graph()


@pytest.mark.parametrize(
    ("name", "pooled_by"), [*((name, "average_pool2d") for name in builtin_names()), ("ds_cnn_s", "mean")]
)
def test_graph_counts_as_its_architecture(name: str, pooled_by: str) -> None:
    graph, facts = graph_of(name, pooled_by=pooled_by), arch_facts(load_arch(name))
    norm_is_seen = not any(isinstance(layer, Dense) and layer.batch_norm for layer in load_arch(name).layers())
    for rule in Rule if norm_is_seen else (Rule.MACS, Rule.HELLO_EDGE):
        ours, theirs = count(graph, rule), count_facts(facts, rule)
        assert (ours.macs, ours.operations, ours.memory_bytes, ours.parameters) == (
            theirs.macs,
            theirs.operations,
            theirs.memory_bytes,
            theirs.parameters,
        ), rule


@pytest.mark.parametrize(
    ("name", "operations", "memory_bytes"),
    [
        ("ds_cnn_s", 5_385_548, 38_604),
        ("ds_cnn_m", 19_765_220, 189_212),
        ("ds_cnn_l", 56_904_036, 497_640),
    ],
)
def test_hello_edge_publishes_these_figures(name: str, operations: int, memory_bytes: int) -> None:
    found = count(graph_of(name), Rule.HELLO_EDGE)
    assert (found.operations, found.memory_bytes) == (operations, memory_bytes)


def test_each_row_multiplies_kernel_by_output() -> None:
    net = GraphBuilder("net", (1, 9, 7, 3))
    net.conv2d(5, (3, 2), stride=(2, 1), padding="valid").depthwise_conv2d((3, 3), multiplier=2, padding="valid")
    net.max_pool2d((2, 2)).mean().fully_connected(4, bias=False).softmax()
    cost = graph_cost(net.graph())
    conv, depthwise, pool, mean, dense, softmax = cost.rows
    assert conv.output_shape == (1, 4, 6, 5) and conv.macs == 4 * 6 * 5 * 3 * 2 * 3
    assert depthwise.output_shape == (1, 2, 4, 10) and depthwise.macs == 2 * 4 * 10 * 9
    assert (pool.macs, mean.macs, softmax.macs) == (0, 0, 0)
    assert (dense.macs, dense.weights, dense.biases, dense.bias_bytes) == (40, 40, 0, 0)
    assert (conv.weights, conv.weight_container_bytes, conv.bias_bytes) == (90, 90, 20)
    assert (conv.input_bytes, conv.output_bytes, conv.activation_bytes) == (189, 120, 309)
    assert cost.macs == sum(row.macs for row in cost.rows)
    assert cost.parameters == 90 + 5 + 90 + 10 + 40


def test_storage_is_packed_and_the_container_is_not() -> None:
    net = GraphBuilder("net", (1, 5, 5, 3)).conv2d(3, (1, 1), bits=3).conv2d(3, (1, 1), bits=1, grid=Grid.MID_RISE)
    first, second = graph_cost(net.graph()).rows
    assert (first.weight_bits, first.weight_storage_bytes, first.weight_container_bytes) == (3, 4, 9)
    assert (second.weight_bits, second.weight_storage_bytes, second.weight_container_bytes) == (1, 2, 9)


def test_a_tensor_read_twice_lies_in_the_arena_once() -> None:
    net = GraphBuilder("net", (1, 4, 4, 2)).conv2d(2, (1, 1))
    (_, add) = graph_cost(net.add(net.last).graph()).rows
    assert (add.input_bytes, add.output_bytes) == (32, 32)


def test_constants_that_two_operators_share_count_once() -> None:
    net = GraphBuilder("net", (1, 4, 4, 2)).conv2d(2, (3, 3))
    graph = net.conv2d(2, (3, 3)).graph()
    first, second = graph.operators
    tied = replace(graph, operators=(first, replace(second, weights=first.weights, bias=first.bias)))
    cost = graph_cost(tied)
    assert [row.weights for row in cost.rows] == [36, 0]
    assert cost.macs == 2 * cost.rows[0].macs
