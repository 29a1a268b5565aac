# SPDX-License-Identifier: Apache-2.0
"""Like is compared with like: at equal lengths of sums, by kind, and a slow network is found."""

from dataclasses import replace
from itertools import pairwise

import pytest

from tests.bench.results import layer, two_networks
from toolchain.arch.untrained import untrained_graph
from toolchain.bench.generated import GENERATED, generated_layers, generated_title
from toolchain.bench.kinds import LayerKind, LayerWork, layer_work
from toolchain.bench.likeness import likenesses, per_output, together
from toolchain.graph.cost import graph_cost


def test_layers_at_the_published_cost_have_ratio_one() -> None:
    first, *_ = found = likenesses(two_networks())
    assert [(one.core, one.network, one.kind) for one in found] == [
        (core, "odd", kind) for core in ("cortex-m4", "cortex-m3") for kind in (LayerKind.FIRST, LayerKind.POINTWISE)
    ]
    for one in found:
        assert one.ratio == pytest.approx(1, abs=1e-3) and one.ok
    assert first.layers == 1 and first.unlike == 0


def test_a_layer_of_a_length_that_nobody_published_is_left_out_and_counted() -> None:
    pointwise = likenesses(two_networks())[1]
    assert (pointwise.layers, pointwise.unlike, pointwise.macs) == (1, 1, 48_000)
    assert pointwise.worst_layer == "between"


@pytest.mark.parametrize(("channels", "layers"), [(4, 0), (5, 1), (20, 1), (21, 0)])
def test_a_first_convolution_is_like_those_with_about_as_many_outputs(channels: int, layers: int) -> None:
    bench = two_networks()
    known, made = bench.results[:2]
    stem = layer("stem", LayerKind.FIRST, 27, 1000, 60, channels)
    (found,) = likenesses(replace(bench, results=(known, replace(made, layers=(stem,)))))
    assert (found.layers, found.unlike, found.ok) == (layers, 1 - layers, True)


def test_networks_are_summed_by_core_and_kind() -> None:
    bench = two_networks()
    slow = tuple(replace(one, instructions=one.instructions * 2) for one in bench.results[1].layers)
    more = [*bench.results, replace(bench.results[1], network="slow", layers=slow)]
    found = likenesses(replace(bench, results=tuple(more)))
    kinds = {(one.core, one.kind): one for one in together(found)}
    assert len(kinds) == 4 and {one.network for one in kinds.values()} == {"all"}
    both = kinds["cortex-m4", LayerKind.POINTWISE]
    assert both.ratio == pytest.approx(1.5, abs=1e-2) and both.cycle_ratio == pytest.approx(1, abs=1e-2)
    assert (both.layers, both.unlike, both.worst_layer) == (2, 2, "slow: between") and not both.ok
    assert kinds["cortex-m3", LayerKind.POINTWISE].ok


def test_estimated_cycles_are_held_as_instructions_are() -> None:
    bench = two_networks()
    known, made = bench.results[:2]
    slow = tuple(replace(one, cycles=one.cycles * 13 // 10) for one in made.layers)
    for found in likenesses(replace(bench, results=(known, replace(made, layers=slow)))):
        assert not found.ok
        assert found.ratio == pytest.approx(1, abs=1e-2) and found.cycle_ratio == pytest.approx(1.3, abs=1e-2)


@pytest.mark.parametrize(("factor", "ok"), [(0.5, True), (1.24, True), (1.27, False), (3.0, False)])
def test_slower_than_a_quarter_fails(factor: float, ok: bool) -> None:
    for one in likenesses(two_networks(factor=factor)):
        assert one.ok is ok
        assert one.ratio == pytest.approx(factor, abs=1e-2)
        assert one.worst == pytest.approx(one.ratio)


def test_the_line_goes_through_the_published_points() -> None:
    line = {16: 40.0, 32: 54.0, 64: 86.0}
    for length, cost in line.items():
        assert per_output(line, length) == cost
    assert per_output(line, 15) == 37.5
    assert per_output(line, 11) is None
    assert per_output(line, 85) == pytest.approx(86 * 85 / 64)
    assert per_output(line, 86) is None
    assert per_output({}, 32) is None
    costs = [per_output(line, length) or 0 for length in range(13, 86)]
    assert all(one < other for one, other in pairwise(costs))


@pytest.mark.parametrize("name", GENERATED)
def test_kinds_and_lengths_count_the_macs_of_generated_networks(name: str) -> None:
    graph = untrained_graph(name, generated_layers(name))
    works = [layer_work(graph, op) for op in graph.operators]
    assert [work.macs if work else 0 for work in works] == [row.macs for row in graph_cost(graph).rows]
    assert works[0] is not None and works[0].kind is LayerKind.FIRST
    assert works[-1] is not None and works[-1].kind is LayerKind.FULLY_CONNECTED
    assert generated_title(name) != name


def test_generated_networks_have_every_kind_odd_channels_and_one_to_three_inputs() -> None:
    graphs = [untrained_graph(name, generated_layers(name)) for name in GENERATED]
    works = [work for graph in graphs for op in graph.operators if (work := layer_work(graph, op))]
    assert {work.kind for work in works} == set(LayerKind)
    assert {graph.tensor("input").shape[3] for graph in graphs} == {1, 2, 3}
    channels = {op.output: graph.tensor(op.writes[0]).shape[-1] for graph in graphs for op in graph.operators}
    assert sum(count % 2 for count in channels.values()) > len(channels) / 2
    assert any(shape[1] != shape[2] for graph in graphs for shape in [graph.tensor("input").shape])
    assert {op.stride for graph in graphs for op in graph.operators if hasattr(op, "stride")} >= {
        (1, 1),
        (1, 2),
        (2, 1),
        (2, 2),
    }


def test_work_is_length_times_outputs() -> None:
    assert LayerWork(LayerKind.FIRST, 27, 100, 10).macs == 2700
