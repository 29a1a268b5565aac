# SPDX-License-Identifier: Apache-2.0
"""The planner, and the checker that shares no code with it: good plans pass, every kind of wrong plan is refused."""

import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.graphs import GraphBuilder, random_graph
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Add, DepthwiseConv2D, Requantise, Reshape, Softmax
from toolchain.graph.placement import Block, peak_bytes, place
from toolchain.graph.plan import Allocation, Plan
from toolchain.graph.plan_check import PlanError, check_plan
from toolchain.graph.planner import plan_arena

Overwrites = Mapping[str, tuple[str, ...]]


def _in_place(graph: Graph) -> Overwrites:
    """What element-wise kernels promise, and depthwise ones."""
    return {
        op.name: tuple(name for name in op.reads if not graph.tensor(name).is_constant)
        for op in graph.operators
        if isinstance(op, Add | Requantise | Softmax) or (isinstance(op, DepthwiseConv2D) and op.multiplier == 1)
    }


def _scratch(graph: Graph, seed: int) -> dict[str, int]:
    rng = np.random.default_rng(seed)
    return {op.name: int(rng.integers(0, 200)) * int(rng.integers(0, 2)) for op in graph.operators}


def _planned(graph: Graph, seed: int = 0, alignment: int = 4) -> tuple[Plan, dict[str, int], Overwrites]:
    scratch, overwrites = _scratch(graph, seed), _in_place(graph)
    return plan_arena(graph, scratch, overwrites, alignment=alignment), scratch, overwrites


def _chain() -> GraphBuilder:
    return GraphBuilder("chain", (1, 8, 8, 4), seed=3)


def test_chain_needs_its_largest_neighbours() -> None:
    graph = _chain().conv2d(8, (3, 3)).conv2d(2, (3, 3)).graph()
    plan = check_plan(graph, plan_arena(graph))
    assert plan.arena_bytes == plan.lower_bound_bytes == 64 * 4 + 64 * 8


def test_in_place_saves_the_output() -> None:
    graph = _chain().depthwise_conv2d().graph()
    op = graph.operators[0]
    assert plan_arena(graph).arena_bytes == 512
    plan = plan_arena(graph, {}, {op.name: ("input",)})
    assert (plan.arena_bytes, plan.allocation(op.writes[0]).takes_over) == (256, "input")


def test_input_that_is_read_again_is_not_overwritten() -> None:
    net = _chain()
    graph = net.requantise(scale=0.1).add("input", scale=0.2).graph()
    plan = plan_arena(graph, {}, {graph.operators[0].name: ("input",)})
    assert check_plan(graph, plan).allocation(graph.operators[0].writes[0]).takes_over is None


def test_output_of_the_graph_is_not_overwritten() -> None:
    net = _chain().requantise(scale=0.1)
    kept = net.last
    graph = net.requantise(scale=0.2).graph(kept, "requantise_1_out")
    plan = plan_arena(graph, {}, _in_place(graph))
    assert plan.allocation("requantise_1_out").takes_over is None
    check_plan(graph, plan, {}, _in_place(graph))


def test_value_with_a_living_view_is_not_overwritten() -> None:
    """A Reshape shares its input's bytes: working in place on one would destroy the other."""
    net = _chain().reshape((1, 256))
    view = net.last
    net.back_to("input").requantise(scale=0.1)
    changed = net.last
    graph = net.back_to(view).fully_connected(3).graph(changed, "fullyconnected_2_out")
    plan = plan_arena(graph, {}, _in_place(graph))
    assert plan.allocation(changed).takes_over is None
    check_plan(graph, plan, {}, _in_place(graph))


def test_add_takes_over_whichever_input_dies() -> None:
    net = _chain().conv2d(4)
    graph = net.add("input", scale=0.1).conv2d(2).add(net.last, scale=0.3).graph()
    plan = plan_arena(graph, {}, _in_place(graph))
    assert plan.allocation(graph.operators[1].writes[0]).takes_over in {"input", "conv2d_0_out"}
    check_plan(graph, plan, {}, _in_place(graph))


def test_reshape_is_a_view() -> None:
    graph = _chain().conv2d(2).reshape((1, 128)).fully_connected(3).graph()
    plan = plan_arena(graph)
    assert plan.allocation("reshape_1_out").offset == plan.allocation("conv2d_0_out").offset
    assert plan.arena_bytes == 256 + 128


def test_scratch_lives_in_its_step_only() -> None:
    graph = _chain().conv2d(4).conv2d(4).graph()
    plan = plan_arena(graph, {"conv2d_0": 100, "conv2d_1": 100})
    assert plan.arena_bytes == 512 + 100
    assert [scratch.step for scratch in plan.scratch] == [0, 1]


@pytest.mark.parametrize("alignment", [1, 4, 16])
def test_every_offset_is_aligned(alignment: int) -> None:
    for seed in range(15):
        graph = random_graph(seed)
        plan, scratch, overwrites = _planned(graph, seed, alignment)
        check_plan(graph, plan, scratch, overwrites)
        places = [a.offset for a in plan.allocations] + [s.offset for s in plan.scratch] + [plan.arena_bytes]
        assert all(offset % alignment == 0 for offset in places)


def test_same_graph_gets_the_same_plan() -> None:
    graph = random_graph(11)
    assert _planned(graph)[0] == _planned(graph)[0]


def test_random_plans_pass_the_checker_and_most_are_optimal() -> None:
    optimal = 0
    for seed in range(60):
        graph = random_graph(seed)
        plan, scratch, overwrites = _planned(graph, seed)
        check_plan(graph, plan, scratch, overwrites)
        assert plan.lower_bound_bytes <= plan.arena_bytes
        optimal += plan.arena_bytes == plan.lower_bound_bytes
    assert optimal >= 57


def _brute_force(blocks: list[Block]) -> int:
    """The best over all orders of lowest fits, written without the search's shortcuts."""
    best = 1 << 60
    for order in itertools.permutations(range(len(blocks))):
        placed: dict[int, int] = {}
        for i in order:
            offset = 0
            while any(_collide(blocks[i], offset, blocks[j], placed[j]) for j in placed):
                offset += 1
            placed[i] = offset
        best = min(best, max(placed[i] + blocks[i].largest for i in placed))
    return best


def _collide(a: Block, a_offset: int, b: Block, b_offset: int) -> bool:
    shared = a.sizes.keys() & b.sizes.keys()
    if a_offset <= b_offset:
        return any(a_offset + a.sizes[step] > b_offset for step in shared)
    return any(b_offset + b.sizes[step] > a_offset for step in shared)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_few_blocks_are_placed_as_well_as_can_be(seed: int) -> None:
    rng = np.random.default_rng(seed)
    blocks = []
    for _ in range(5):
        first, steps = int(rng.integers(0, 5)), int(rng.integers(1, 5))
        sizes = {first + step: int(rng.integers(1, 9)) for step in range(steps)}
        blocks.append(Block(sizes))
    placement = place(blocks)
    assert peak_bytes(blocks) <= placement.total_bytes == _brute_force(blocks)
    for i, j in itertools.combinations(range(5), 2):
        assert not _collide(blocks[i], placement.offsets[i], blocks[j], placement.offsets[j])


def test_many_blocks_end_within_the_budget() -> None:
    rng = np.random.default_rng(5)
    blocks = []
    for first in rng.integers(0, 60, 70):
        steps = range(first, first + int(rng.integers(1, 12)))
        blocks.append(Block(dict.fromkeys(steps, int(rng.integers(1, 500)))))
    assert place(blocks).total_bytes <= 1.05 * peak_bytes(blocks)


# Everything below: plans that are wrong, each in one way.


def _moved(plan: Plan, tensor: str, **changes: object) -> Plan:
    allocations = tuple(replace(a, **changes) if a.tensor == tensor else a for a in plan.allocations)
    return replace(plan, allocations=allocations)


@pytest.fixture
def small() -> tuple[Graph, Plan]:
    graph = _chain().conv2d(4, (3, 3)).add("input", scale=0.1).reshape((1, 256)).fully_connected(3).graph()
    plan = plan_arena(graph, {"conv2d_0": 40})
    return graph, check_plan(graph, plan, {"conv2d_0": 40})


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda p: _moved(p, "input", offset=2), "offset 2 is no multiple of 4"),
        (lambda p: _moved(p, "input", offset=-4), "bytes -4..252 leave the arena"),
        (lambda p: _moved(p, "input", offset=p.arena_bytes), "leave the arena"),
        (lambda p: replace(p, arena_bytes=p.arena_bytes - 4), "leave the arena"),
        (lambda p: _moved(p, "input", n_bytes=255), "input: 255 bytes, not 256"),
        (lambda p: _moved(p, "input", last=0), "planned for steps -1..0, used in steps -1..1"),
        (lambda p: replace(p, allocations=p.allocations[1:]), "missing, unknown or planned twice: input"),
        (lambda p: replace(p, allocations=(*p.allocations, p.allocations[0])), "planned twice: input"),
        (lambda p: replace(p, scratch=()), "scratch missing, unknown or planned twice: conv2d_0"),
        (lambda p: replace(p, scratch=(replace(p.scratch[0], n_bytes=36),)), "scratch of conv2d_0: 36 bytes, not 40"),
        (
            lambda p: replace(p, scratch=(replace(p.scratch[0], offset=p.allocation("input").offset),)),
            "its scratch lies on input",
        ),
        (
            lambda p: _moved(p, "conv2d_0_out", offset=p.allocation("input").offset),
            "writes conv2d_0_out over input while it reads that",
        ),
        (
            lambda p: _moved(p, "add_1_out", offset=p.allocation("input").offset),
            "writes add_1_out over input while it reads that",
        ),
        (
            lambda p: _moved(p, "reshape_2_out", offset=(p.allocation("add_1_out").offset + 4) % 256),
            "reshape_2_out is no view of add_1_out",
        ),
    ],
)
def test_wrong_plan_is_refused(small: tuple[Graph, Plan], change: object, text: str) -> None:
    graph, plan = small
    with pytest.raises(PlanError, match=text):
        check_plan(graph, change(plan), {"conv2d_0": 40})  # type: ignore[operator]


def test_value_overwritten_between_two_readers_is_found() -> None:
    """Nothing that one operator does alone is wrong here."""
    graph = _chain().conv2d(4).conv2d(4).add("input", scale=0.1).graph()
    plan = plan_arena(graph)
    wrong = _moved(plan, "conv2d_1_out", offset=plan.allocation("input").offset)
    with pytest.raises(PlanError, match=r"operator add_2: byte 0 of input was overwritten"):
        check_plan(graph, wrong)


def test_in_place_needs_the_kernels_promise_and_one_first_byte() -> None:
    graph = _chain().requantise(scale=0.1).graph()
    promised = {"requantise_0": ("input",)}
    plan = plan_arena(graph, {}, promised)
    with pytest.raises(PlanError, match="over input while it reads that"):
        check_plan(graph, plan)
    shifted = replace(_moved(plan, "requantise_0_out", offset=4), arena_bytes=260)
    with pytest.raises(PlanError, match="over input while it reads that"):
        check_plan(graph, shifted, {}, promised)


def _overlap(a: Allocation, b: Allocation) -> bool:
    return a.offset < b.end and b.offset < a.end and a.first <= b.last and b.first <= a.last


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 40), st.integers(0, 10**6))
def test_checker_and_lifetimes_agree_on_plans_with_one_value_moved(seed: int, draw: int) -> None:
    """Without scratch and in-place work, a plan is right exactly if no two values that live together meet."""
    graph = random_graph(seed)
    assume(not any(isinstance(op, Reshape) for op in graph.operators))
    plan = plan_arena(graph)
    rng = np.random.default_rng(draw)
    victim = plan.allocations[int(rng.integers(0, len(plan.allocations)))]
    offset = 4 * int(rng.integers(0, max(1, (plan.arena_bytes - victim.n_bytes) // 4 + 1)))
    moved = _moved(plan, victim.tensor, offset=offset)
    right = not any(_overlap(a, b) for a, b in itertools.combinations(moved.allocations, 2))
    if right:
        check_plan(graph, moved)
    else:
        with pytest.raises(PlanError):
            check_plan(graph, moved)
