# SPDX-License-Identifier: Apache-2.0
"""A limit of RAM is kept by bands of rows, the bytes stay the same, and what cannot be is refused with the least."""

import re

import numpy as np
import pytest

from tests.graphs import GraphBuilder, random_graph, random_inputs
from toolchain.boards import load_board
from toolchain.core import known_core
from toolchain.device.host import HostModel
from toolchain.errors import ModelError
from toolchain.export.c import Aims, CModel, c_sources
from toolchain.export.c.kernel_table import KERNELS, candidates
from toolchain.export.project import c_runtime
from toolchain.export.project.runtime import tflm_runtime
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D
from toolchain.graph.reference import run, run_batch

M0PLUS, M4 = known_core("cortex-m0plus"), known_core("cortex-m4")


def _limited(graph: Graph, arena_bytes: int, core: str = "cortex-m4") -> CModel:
    return c_sources(graph, known_core(core), aims=Aims(max_ram_bytes=arena_bytes))


def _assert_same(graph: Graph, model: CModel, count: int = 4) -> None:
    inputs = random_inputs(graph, count)
    expected, found = run_batch(graph, inputs), HostModel(model).run(inputs)
    for name in graph.outputs:
        np.testing.assert_array_equal(found[name], expected[name])


def _residual(size: int = 16) -> Graph:
    net = GraphBuilder("residual", (1, size, size, 3), seed=6).conv2d(8, (3, 3))
    before = net.last
    net.conv2d(8, (3, 3)).conv2d(8, (3, 3)).add(before, scale=0.06)
    return net.conv2d(8, (3, 3), stride=(2, 2)).mean().fully_connected(4).graph()


@pytest.mark.parametrize(
    ("graph", "share", "core"),
    [(_residual(24), 0.8, "cortex-m4"), (_residual(), 0.8, "cortex-m0plus")],
)
def test_a_limit_is_kept_without_more_multiplications(graph: Graph, share: float, core: str) -> None:
    plain = c_sources(graph, known_core(core))
    assert plain.banded.graph is graph and plain.plain_arena_bytes == plain.arena_bytes
    limit = int(plain.arena_bytes * share)
    model = _limited(graph, limit, core)
    assert model.arena_bytes <= limit < plain.arena_bytes == model.plain_arena_bytes
    assert model.banded.stages and model.banded.extra_macs <= 0
    _assert_same(graph, model)


def test_a_limit_that_is_kept_anyway_changes_nothing() -> None:
    graph = _residual()
    plain = c_sources(graph, M4)
    assert _limited(graph, plain.arena_bytes).sources == plain.sources


def test_the_least_is_named_and_can_be_reached() -> None:
    graph = _residual()
    with pytest.raises(
        ModelError, match=r"graph residual: .* fit into 100 B of RAM: .* at least \d+ B; allow"
    ) as refused:
        _limited(graph, 100)
    least = int(re.search(r"at least (\d+) B", str(refused.value))[1])  # type: ignore[index]
    assert least < c_sources(graph, M4).arena_bytes
    _assert_same(graph, _limited(graph, least))


@pytest.mark.parametrize(("limit", "left"), [(0, 0), (-5, 0), (1, 1)])
def test_limits_that_nothing_meets_are_refused(limit: int, left: int) -> None:
    with pytest.raises(ModelError, match=f"do not fit into {left} B of RAM"):
        _limited(_residual(8), limit)


def test_a_limit_below_what_is_reserved_names_the_whole_that_would_do() -> None:
    graph = _residual(8)
    with pytest.raises(
        ModelError, match=r"into 0 B of RAM, which is what 500 B leave beside 4096 B for the stack: "
    ) as refused:
        c_sources(graph, M4, aims=Aims(max_ram_bytes=500), reserved_ram_bytes=4096)
    enough = int(re.search(r"allow (\d+) B or more", str(refused.value))[1])  # type: ignore[index]
    model = c_sources(graph, M4, aims=Aims(max_ram_bytes=enough), reserved_ram_bytes=4096)
    assert model.arena_bytes <= enough - 4096


def test_what_is_reserved_counts() -> None:
    graph = _residual()
    plain = c_sources(graph, M4).arena_bytes
    model = c_sources(graph, M4, aims=Aims(max_ram_bytes=plain), reserved_ram_bytes=plain // 5)
    assert model.arena_bytes <= plain - plain // 5
    board = load_board("mps2-an386")
    runtime = c_runtime(graph, board, Aims(max_ram_bytes=plain * 8 // 10 + board.limits.stack_bytes))
    assert runtime.arena_bytes <= plain * 8 // 10 and runtime.executed.stages


@pytest.mark.parametrize("seed", range(12))
def test_random_graphs_in_less_memory(seed: int) -> None:
    graph = random_graph(seed)
    plain = c_sources(graph, M0PLUS)
    try:
        model = _limited(graph, plain.arena_bytes * 9 // 10, "cortex-m0plus")
    except ModelError as refused:
        assert "in bands of rows at least" in str(refused)
        return
    assert model.arena_bytes <= plain.arena_bytes * 9 // 10
    _assert_same(graph, model)


def test_layers_are_shown_whole() -> None:
    graph = _residual()
    model = _limited(graph, c_sources(graph, M4).arena_bytes * 8 // 10)
    whole = model.whole_layers
    assert [layer.name for layer in whole] == [op.name for op in graph.operators]
    assert sum(layer.macs for layer in whole) == sum(layer.macs for layer in model.layers)
    assert sum(layer.constant_bytes for layer in whole) == model.constant_bytes
    assert len(model.layers) > len(whole)
    stages = model.manifest["stages_in_bands"]
    assert stages and all(set(stage["layers"]) <= {op.name for op in graph.operators} for stage in stages)
    inputs = {name: value[3] for name, value in random_inputs(graph, 4).items()}
    shown = {
        op.writes[0]: value[None]
        for op, value in zip(model.graph.operators, HostModel(model).layers(inputs), strict=True)
    }
    images = model.banded.with_whole_images(shown)
    expected = run(graph, inputs)
    for op in graph.operators:
        np.testing.assert_array_equal(images[op.writes[0]][0], expected[op.writes[0]])


def test_the_same_limit_gives_the_same_text() -> None:
    limit = c_sources(_residual(), M4).arena_bytes * 8 // 10
    assert _limited(_residual(), limit).sources == _limited(_residual(), limit).sources


def test_where_memory_is_tight_kernels_with_little_scratch_are_taken() -> None:
    graph = GraphBuilder("net", (1, 8, 8, 16), seed=1).conv2d(16, (3, 3)).graph()
    (op,) = graph.operators
    takers = [kernel for kernel in KERNELS if kernel.operator is Conv2D and kernel.refuses(graph, op, M4) is None]
    needs = {kernel.function: kernel.scratch_bytes(graph, op) for kernel in takers}
    preferred = candidates(graph, op, M4).taking[0].function
    assert needs[preferred] > min(needs.values())
    assert candidates(graph, op, M4, most_scratch=needs[preferred]).taking[0].function == preferred
    assert needs[candidates(graph, op, M4, most_scratch=0).taking[0].function] == min(needs.values())


def test_tflite_micro_plans_its_own_arena() -> None:
    with pytest.raises(ModelError, match=r"--max-ram is for plain C \(--runtime c\)"):
        tflm_runtime(_residual(), load_board("mps2-an386"), Aims(max_ram_bytes=20_000))


def test_layers_run_in_the_order_that_the_plan_found() -> None:
    net = GraphBuilder("branches", (1, 8, 8, 2), seed=2)
    wide = net.conv2d(16, (3, 3)).last
    narrow = net.back_to("input").conv2d(16, (3, 3)).conv2d(1).last
    graph = net.back_to(wide).conv2d(1).add(narrow, scale=0.1).graph()
    model = c_sources(graph, M4)
    names = [op.name for op in graph.operators]
    assert [op.name for op in model.graph.operators] == list(model.plan.order) != names
    assert [layer.name for layer in model.layers] == list(model.plan.order)
    _assert_same(graph, model)
