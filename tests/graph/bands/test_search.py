# SPDX-License-Identifier: Apache-2.0
"""The search: what it promises is what the bands need, less memory never costs less, and its work is bounded."""

import pytest

from tests.graphs import GraphBuilder, random_graph
from toolchain.graph.bands import Halo, Stage, in_bands
from toolchain.graph.bands.live import live_bytes
from toolchain.graph.bands.search import BandSearch, band_price
from toolchain.graph.bands.stage import stage_code
from toolchain.graph.cost import graph_cost
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D, Operator


def _needs(graph: Graph, op: Operator, origin: Operator) -> tuple[int, tuple[str, ...]]:
    """Kernels without scratch that work apart from their input."""
    return 0, ()


def _needed(graph: Graph) -> int:
    return max(live_bytes(graph.operators, graph.tensor, graph.inputs, graph.outputs, {}, {}))


def _net(rows: int = 24, layers: int = 3) -> Graph:
    net = GraphBuilder("net", (1, rows, 10, 2), seed=2).conv2d(8, (3, 3))
    for _ in range(layers):
        net.conv2d(8, (3, 3))
    return net.conv2d(2, (3, 3), stride=(2, 2)).mean().fully_connected(3).graph()


@pytest.mark.parametrize("graph", [_net(), *(random_graph(seed) for seed in range(10))], ids=lambda graph: graph.name)
def test_what_is_promised_is_kept(graph: Graph) -> None:
    search = BandSearch(graph, _needs)
    assert search.plain_bytes == _needed(graph)
    assert search.cheapest(search.plain_bytes) == ()
    least = search.least_bytes()
    prices = []
    for limit in range(search.plain_bytes, least - 1, -max((search.plain_bytes - least) // 5, 1)):
        stages = search.cheapest(limit)
        assert stages is not None
        assert _needed(in_bands(graph, stages).graph) <= limit
        prices.append(sum(band_price(graph, stage, stage_code(graph, stage)) for stage in stages))
    assert prices == sorted(prices)
    assert search.cheapest(graph.tensor(graph.inputs[0]).n_elements - 1) is None


def test_a_chain_of_convolutions_needs_a_few_rows_of_each() -> None:
    search = BandSearch(_net(), _needs)
    assert search.plain_bytes == 2 * 24 * 10 * 8
    assert search.least_bytes() < search.plain_bytes // 3
    stages = search.cheapest(search.plain_bytes // 2)
    assert stages and all(stage.halo is Halo.KEEP for stage in stages)


def test_rows_are_recomputed_only_where_keeping_them_takes_too_much() -> None:
    graph = _net(layers=5)
    search = BandSearch(graph, _needs)
    stages = search.cheapest(search.least_bytes())
    assert stages is not None
    kept = [stage for stage in stages if stage.halo is Halo.KEEP]
    extra = graph_cost(in_bands(graph, stages).graph).macs - graph_cost(graph).macs
    assert (extra > 0) == (len(kept) < len(stages))


def test_a_network_that_cannot_be_cut_needs_what_it_needs() -> None:
    graph = GraphBuilder("dense", (1, 100)).fully_connected(60).fully_connected(3).graph()
    search = BandSearch(graph, _needs)
    assert search.least_bytes() == search.plain_bytes == 160
    assert search.cheapest(159) is None


def test_the_price_is_extra_multiplications_copies_and_calls() -> None:
    graph = GraphBuilder("net", (1, 8, 5, 2), seed=2).conv2d(4, (3, 3)).conv2d(4, (3, 3)).graph()
    keep, anew = Stage(0, 2, 4), Stage(0, 2, 4, Halo.RECOMPUTE)
    assert [op.name for op in stage_code(graph, keep).operators if isinstance(op, Conv2D)] == [
        "conv2d_0.rows_0_4", "conv2d_0.rows_4_5", "conv2d_1.rows_0_4", "conv2d_0.rows_5_8", "conv2d_1.rows_4_8"
    ]  # fmt: skip
    row, spread = 5 * 4 * 2 * 9, 3 * 5
    # Of the input rows 0..4, 3..5 and 4..7 are read, of the first layer's result 0..4 and 3..7, of which 3 and 4 moved.
    assert band_price(graph, keep, stage_code(graph, keep)) == 3 * 250 + (12 - 8) * 2 * spread + 2 * 4 * spread + 40
    # 0..5 and 2..7 are read, and two rows of the first layer computed twice.
    assert band_price(graph, anew, stage_code(graph, anew)) == 2 * 250 + 2 * row + 4 * 2 * spread + 2 * 4 * spread


@pytest.mark.parametrize("layers", [25])
def test_deep_networks_take_bounded_work(layers: int) -> None:
    search = BandSearch(_net(rows=16, layers=layers), _needs)
    assert search.cheapest(search.plain_bytes * 8 // 10)
    assert len(search._ways) < 4 * 16 * layers * 2
