# SPDX-License-Identifier: Apache-2.0
"""live_bytes: by hand on small cases, and equal to the planner's bound where operators have only one order."""

from collections.abc import Mapping

import pytest

from tests.graphs import GraphBuilder
from toolchain.graph.bands.live import live_bytes
from toolchain.graph.graph import Graph
from toolchain.graph.ops import DepthwiseConv2D, Requantise
from toolchain.graph.planner import plan_arena

NOTHING: Mapping[str, tuple[str, ...]] = {}


def _live(
    graph: Graph, scratch: Mapping[str, int] = {}, overwrites: Mapping[str, tuple[str, ...]] = NOTHING
) -> list[int]:
    return live_bytes(graph.operators, graph.tensor, graph.inputs, graph.outputs, scratch, overwrites)


def _net(rows: int = 4) -> GraphBuilder:
    return GraphBuilder("net", (1, rows, 5, 2), seed=1)  # 10 bytes a row


def test_a_layer_needs_input_output_and_scratch() -> None:
    assert _live(_net().conv2d(3).conv2d(1).graph(), {"conv2d_1": 7}) == [40 + 60, 60 + 20 + 7]


def test_in_place_needs_the_larger_of_the_two() -> None:
    graph = _net().requantise(scale=0.1).graph()
    assert _live(graph) == [80]
    assert _live(graph, {}, {"requantise_0": ("input",)}) == [40]
    kept = _net().requantise(scale=0.1).graph("requantise_0_out", "input")
    assert _live(kept, {}, {"requantise_0": ("input",)}) == [80]


def test_views_and_joined_rows_cost_nothing() -> None:
    net = _net().take_rows(1, 2).conv2d(2)
    top = net.last
    net.back_to("input").take_rows(3, 1).requantise(scale=net._tensors[top].quantisation.scale)
    graph = net.back_to(top).reshape((1, 20)).graph()
    assert _live(graph)[:3] == [20 + 10, 20 + 20 + 10, 20 + 10]  # row 0 dies unread


def test_rows_die_one_by_one() -> None:
    net = _net()
    parts = []
    for row in range(4):
        net.back_to("input").take_rows(row, 1).requantise(scale=0.1, zero_point=3)
        parts.append(net.last)
    graph = net.back_to(parts[0]).join_rows(*parts[1:]).graph()
    live = [n for n, op in zip(_live(graph), graph.operators, strict=True) if isinstance(op, Requantise)]
    assert live == [50, 50, 50, 50]


def test_rows_that_are_joined_twice_are_copied() -> None:
    net = _net(1).requantise(scale=0.1)
    first = net.last
    graph = net.join_rows(first).graph()
    assert _live(graph)[-1] == 20  # one of the two is a copy


@pytest.mark.parametrize("seed", range(8))
def test_a_chain_needs_what_the_planner_says(seed: int) -> None:
    net = GraphBuilder("net", (1, 9, 7, 3), seed=seed)
    net.conv2d(2 + seed, (3, 3), stride=(1 + seed % 2, 1)).depthwise_conv2d((3, 3)).requantise(scale=0.1)
    graph = net.conv2d(9 - seed, (2, 2)).average_pool2d((2, 2)).graph()
    scratch = {"conv2d_0": 40 * seed, "conv2d_3": 100}
    overwrites = {op.name: op.reads[:1] for op in graph.operators if isinstance(op, DepthwiseConv2D | Requantise)}
    plan = plan_arena(graph, scratch, overwrites, alignment=1)
    assert max(_live(graph, scratch, overwrites)) == plan.lower_bound_bytes
