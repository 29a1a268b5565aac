# SPDX-License-Identifier: Apache-2.0
"""choose_kernels: by measured costs and the user's aims; by the table's order where nothing was measured."""

from collections.abc import Mapping

import pytest

from tests.graphs import GraphBuilder, random_graph
from toolchain.core import KNOWN_CORES, known_core
from toolchain.export.c import Aims, Optimise, c_sources
from toolchain.export.c import choice as choosing
from toolchain.export.c.choice import choose_kernels
from toolchain.export.c.costs import CostTable, KernelCost, cost_table
from toolchain.export.c.costs.features import UNPACK
from toolchain.export.c.kernel_table import KERNELS, candidates, first_kernels
from toolchain.graph.graph import Graph

M4 = known_core("cortex-m4")


def two_pointwise() -> Graph:
    """Two convolutions of one kind, 1x1, beside whose activations no scratch counts."""
    return GraphBuilder("two", (1, 40, 40, 8), seed=3).conv2d(8, (1, 1)).conv2d(8, (1, 1)).graph()


def chosen(graph: Graph, optimise: Optimise, core: str = "cortex-m4") -> list[str]:
    """The kernel of each operator."""
    choices = choose_kernels(graph, known_core(core), Aims(optimise))
    return [choices[op.name].kernel.function for op in graph.operators]


def made_up(monkeypatch: pytest.MonkeyPatch, per_layer: Mapping[str, float], file_bytes: Mapping[str, int]) -> None:
    """A table by which every layer takes that many cycles, and files that many bytes, 10 where not given."""
    costs = {name: KernelCost({"layer": cycles}, {"layer": cycles}, 0.0, 1) for name, cycles in per_layer.items()}
    files = {file: 10 for kernel in KERNELS for file in kernel.files} | dict(file_bytes)
    monkeypatch.setattr(choosing, "cost_table", lambda core: CostTable(core, costs, files))


# What takes a 1x1 convolution on a Cortex-M4.
POINTWISE = [
    kernel.function
    for kernel in candidates(two_pointwise(), two_pointwise().operators[0], M4).taking
    if kernel.overwrites(two_pointwise(), two_pointwise().operators[0])
]


def test_speed_takes_the_fastest_and_size_the_smallest(monkeypatch: pytest.MonkeyPatch) -> None:
    fast, small = POINTWISE[0], "sb_conv2d_1x1_s8"
    taking = [kernel.function for kernel in candidates(two_pointwise(), two_pointwise().operators[0], M4).taking]
    made_up(
        monkeypatch,
        {name: 900.0 for name in taking} | {fast: 100.0, small: 500.0},
        {f"{name}.c": 5000 for name in taking} | {f"{small}.c": 100},
    )
    assert chosen(two_pointwise(), Optimise.SPEED) == [fast, fast]
    assert chosen(two_pointwise(), Optimise.SIZE) == [small, small]


def test_balanced_weighs_a_per_cent_of_cycles_against_one_of_flash(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = two_pointwise()
    taking = [kernel.function for kernel in candidates(graph, graph.operators[0], M4).taking]
    fast, small = POINTWISE[0], "sb_conv2d_1x1_s8"

    def choice_at(cycles: float, n_bytes: int) -> str:
        made_up(
            monkeypatch,
            {name: 1e6 for name in taking} | {fast: 1000.0, small: cycles},
            {f"{name}.c": 100_000 for name in taking} | {f"{small}.c": 10_000, f"{fast}.c": n_bytes},
        )
        first, second = chosen(graph, Optimise.BALANCED)
        assert first == second
        return first

    assert choice_at(cycles=2000, n_bytes=11_000) == fast
    assert choice_at(cycles=1050, n_bytes=11_500) == small
    assert choice_at(cycles=1400, n_bytes=11_500) == fast


def test_code_that_is_there_already_costs_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    # 3x3 and 1x1: the general kernel takes both, and a second file is not worth its bytes.
    net = GraphBuilder("mixed", (1, 6, 6, 8), seed=3).conv2d(8, (3, 3), padding="same").conv2d(16, (1, 1))
    graph = net.graph()
    both = [kernel.function for kernel in candidates(graph, graph.operators[0], M4).taking]
    every = [kernel.function for kernel in candidates(graph, graph.operators[1], M4).taking]
    made_up(monkeypatch, {name: 100.0 for name in every}, {f"{name}.c": 4000 for name in every})
    first, second = chosen(graph, Optimise.SIZE)
    assert first == second and first in both


def test_ram_counts_where_a_layer_could_be_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = two_pointwise()
    rows = candidates(graph, graph.operators[0], M4).taking
    beside = next(kernel.function for kernel in rows if not kernel.overwrites(graph, graph.operators[0]))
    made_up(monkeypatch, {kernel.function: 1000.0 for kernel in rows} | {beside: 960.0}, {})
    for optimise in Optimise:
        assert beside not in chosen(graph, optimise)
    made_up(monkeypatch, {kernel.function: 1000.0 for kernel in rows} | {beside: 100.0}, {})
    assert chosen(graph, Optimise.SPEED) == [beside, beside]


def test_without_measurements_the_order_of_the_table_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = random_graph(12)
    for core in (known_core("cortex-m4"), known_core("cortex-m23")):
        monkeypatch.setattr(choosing, "cost_table", lambda name: None)
        first = {name: choice.kernel for name, choice in first_kernels(graph, core, KERNELS).items()}
        assert {n: choice.kernel for n, choice in choose_kernels(graph, core, Aims()).items()} == first
    made_up(monkeypatch, {POINTWISE[-1]: 1.0}, {})  # of the others nothing is known
    assert chosen(two_pointwise(), Optimise.SPEED) == [POINTWISE[0], POINTWISE[0]]


def test_a_table_that_is_given_is_taken_in_its_order() -> None:
    graph = two_pointwise()
    last = next(kernel for kernel in KERNELS if kernel.name == "sb_conv2d_1x1_s8")
    assert {layer.kernel for layer in c_sources(graph, M4, table=(last, *KERNELS)).layers} == {last.function}


def test_who_was_passed_over_is_said_with_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = candidates(two_pointwise(), two_pointwise().operators[0], M4).taking
    made_up(monkeypatch, {kernel.function: 9000.0 for kernel in rows} | {rows[-1].function: 1000.0}, {})
    choice = choose_kernels(two_pointwise(), M4, Aims(Optimise.SPEED))[two_pointwise().operators[0].name]
    assert choice.kernel is rows[-1]
    said = dict(choice.passed_over)
    assert said["sb_conv2d_1x1_s8_dsp"].startswith("estimated 9,000 cycles")
    assert "; the one taken: estimated 1,000 cycles" in said["sb_conv2d_1x1_s8_dsp"]
    assert said["sb_conv2d_1x1_s8_scalar"] == "cortex-m4 has DSP instructions"


@pytest.mark.parametrize("core", [core for core in KNOWN_CORES if cost_table(core)])
def test_speed_is_the_fastest_and_size_the_smallest_of_the_aims(core: str) -> None:
    net = GraphBuilder("kws", (1, 25, 10, 1), seed=5).conv2d(32, (10, 4), stride=(2, 2), padding="same")
    for _ in range(2):
        net.depthwise_conv2d((3, 3), padding="same").conv2d(32, (1, 1))
    graph = net.mean().fully_connected(12).graph()
    models = {aim: c_sources(graph, known_core(core), aims=Aims(aim)) for aim in Optimise}
    cycles = {a: sum(layer.estimate.cycles for layer in m.layers if layer.estimate) for a, m in models.items()}
    slack = 1.02  # RAM counts a little as well
    assert cycles[Optimise.SPEED] <= slack * min(cycles.values())
    table = cost_table(core)
    assert table is not None
    flash = {a: m.constant_bytes + sum(table.file_bytes.get(file, 0) for file in m.kernels) for a, m in models.items()}
    assert flash[Optimise.SIZE] <= slack * min(flash.values())


def _few_bits(cycles: Mapping[str, float], monkeypatch: pytest.MonkeyPatch, optimise: Optimise, core: str) -> set[str]:
    """What two layers of 4 bits get where packed ones take so many cycles, those of bytes 1000, and code nothing."""
    net = GraphBuilder("few", (1, 40, 40, 64), seed=3).conv2d(64, (1, 1), bits=4).conv2d(64, (1, 1), bits=4)
    graph = net.graph()
    taking = candidates(graph, graph.operators[0], known_core(core)).taking
    made_up(monkeypatch, {k.function: 1000.0 for k in taking} | {UNPACK: 1e5} | dict(cycles), {})
    return set(chosen(graph, optimise, core))


def test_few_bits_are_never_slower_than_bytes_unless_size_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = "sb_conv2d_1x1_nibbles_s8_dsp"
    for optimise in (Optimise.SPEED, Optimise.BALANCED):
        assert _few_bits({packed: 1001.0}, monkeypatch, optimise, "cortex-m4").isdisjoint({packed})
        assert _few_bits({packed: 900.0}, monkeypatch, optimise, "cortex-m4") == {packed}
    assert _few_bits({packed: 1001.0}, monkeypatch, Optimise.SIZE, "cortex-m4") == {packed}


def test_balanced_gives_a_hundredth_of_the_cycles_for_unpacking_where_there_is_no_dsp(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = GraphBuilder("few", (1, 40, 40, 64), seed=3).conv2d(64, (1, 1), bits=4)
    m3 = known_core("cortex-m3")
    for optimise, unpacking, packs in (
        (Optimise.BALANCED, 9, True),
        (Optimise.BALANCED, 11, False),
        (Optimise.SPEED, 1, False),
    ):
        made_up(monkeypatch, {kernel.function: 1000.0 for kernel in KERNELS} | {UNPACK: unpacking}, {})
        (choice,) = choose_kernels(net.graph(), m3, Aims(optimise)).values()
        assert bool(choice.kernel.unpacks) == packs
