# SPDX-License-Identifier: Apache-2.0
"""The planner, and the checker that shares no code with it: good plans pass, every kind of wrong plan is refused."""

import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.graph.plan_brute_force import can_run_within, tiny_graph
from tests.graphs import GraphBuilder, random_graph
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Add, Conv2D, DepthwiseConv2D, JoinRows, Requantise, Reshape, Softmax, TakeRows
from toolchain.graph.placement import Block, Budget, Conflicts, Placement, place
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
    assert (plan.arena_bytes, plan.allocation(op.writes[0]).takes_over) == (256, ("input",))


def test_input_that_is_read_again_is_not_overwritten() -> None:
    net = _chain()
    graph = net.requantise(scale=0.1).add("input", scale=0.2).graph()
    plan = plan_arena(graph, {}, {graph.operators[0].name: ("input",)})
    assert check_plan(graph, plan).allocation(graph.operators[0].writes[0]).takes_over == ()


def test_output_of_the_graph_is_not_overwritten() -> None:
    net = _chain().requantise(scale=0.1)
    kept = net.last
    graph = net.requantise(scale=0.2).graph(kept, "requantise_1_out")
    plan = plan_arena(graph, {}, _in_place(graph))
    assert plan.allocation("requantise_1_out").takes_over == ()
    check_plan(graph, plan, {}, _in_place(graph))


def test_value_with_a_living_view_is_not_overwritten() -> None:
    """A Reshape shares its input's bytes: working in place on one would destroy the other."""
    net = _chain().reshape((1, 256))
    view = net.last
    net.back_to("input").requantise(scale=0.1)
    changed = net.last
    graph = net.back_to(view).fully_connected(3).graph(changed, "fullyconnected_2_out")
    plan = check_plan(graph, plan_arena(graph, {}, _in_place(graph)), {}, _in_place(graph))
    assert (plan.allocation(changed).takes_over == ("input",)) == (plan.order[-1] == "requantise_1")


def test_add_takes_over_whichever_input_dies() -> None:
    net = _chain().conv2d(4)
    graph = net.add("input", scale=0.1).conv2d(2).add(net.last, scale=0.3).graph()
    plan = plan_arena(graph, {}, _in_place(graph))
    assert plan.allocation(graph.operators[1].writes[0]).takes_over in {("input",), ("conv2d_0_out",)}
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
    assert optimal == 60


Lives = dict[int, int]  # step -> words in it


def _blocks(lives: list[Lives]) -> tuple[list[Block], Conflicts]:
    conflicts = Conflicts(len(lives))
    for (i, a), (j, b) in itertools.combinations(enumerate(lives), 2):
        conflicts.add(i, j, [(-b[step], a[step]) for step in a.keys() & b.keys()])
    return [Block(max(life.values()), len(life), min(life)) for life in lives], conflicts


def _peak(lives: list[Lives]) -> int:
    return max(sum(life.get(step, 0) for life in lives) for step in range(80))


def _placed(lives: list[Lives], work: int = 1_000_000) -> Placement:
    blocks, conflicts = _blocks(lives)
    placement = place(blocks, conflicts, _peak(lives), Budget(work))
    assert placement is not None
    return placement


def _brute_force(lives: list[Lives]) -> int:
    """The best over all orders of lowest fits, written without the search's shortcuts."""
    best = 1 << 60
    for order in itertools.permutations(range(len(lives))):
        placed: dict[int, int] = {}
        for i in order:
            offset = 0
            while any(_collide(lives[i], offset, lives[j], placed[j]) for j in placed):
                offset += 1
            placed[i] = offset
        best = min(best, max(placed[i] + max(lives[i].values()) for i in placed))
    return best


def _collide(a: Lives, a_offset: int, b: Lives, b_offset: int) -> bool:
    shared = a.keys() & b.keys()
    if a_offset <= b_offset:
        return any(a_offset + a[step] > b_offset for step in shared)
    return any(b_offset + b[step] > a_offset for step in shared)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_few_blocks_are_placed_as_well_as_can_be(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lives = []
    for _ in range(5):
        first, steps = int(rng.integers(0, 5)), int(rng.integers(1, 5))
        lives.append({first + step: int(rng.integers(1, 9)) for step in range(steps)})
    placement = _placed(lives)
    assert placement.optimal
    assert _peak(lives) <= placement.total_words == _brute_force(lives)
    for i, j in itertools.combinations(range(5), 2):
        assert not _collide(lives[i], placement.offsets[i], lives[j], placement.offsets[j])


def test_a_difference_that_is_allowed_is_used_and_no_other() -> None:
    """The second block may begin at the third word of the first, and nowhere else on it."""
    conflicts = Conflicts(2)
    conflicts.add(0, 1, [(-2, 5)], [3])
    blocks = [Block(5, 1, 0), Block(2, 1, 0)]
    assert place(blocks, conflicts, 0, Budget(1000)) == Placement((0, 3), 5, True)
    conflicts.add(0, 1, [(-2, 5)], [4])
    assert place(blocks, conflicts, 0, Budget(1000)) == Placement((0, 4), 6, True)
    assert place(blocks, conflicts, 0, Budget(1000), below=6) is None


def test_many_blocks_end_within_the_budget() -> None:
    rng = np.random.default_rng(5)
    lives = []
    for first in rng.integers(0, 60, 70):
        steps = range(first, first + int(rng.integers(1, 12)))
        lives.append(dict.fromkeys(steps, int(rng.integers(1, 500))))
    assert _placed(lives, 200_000).total_words <= 1.05 * _peak(lives)


def _promises(graph: Graph) -> Overwrites:
    """As _in_place, and of 1x1 convolutions that give no more than they read."""
    return _in_place(graph) | {
        op.name: (op.input,)
        for op in graph.operators
        if isinstance(op, Conv2D) and graph.tensor(op.output).n_elements <= graph.tensor(op.input).n_elements
    }


@pytest.mark.parametrize("rows", [False, True], ids=["whole", "rows"])
def test_no_order_and_no_offsets_are_better_than_the_proven_plan(rows: bool) -> None:
    """Against a search that tries everything and knows nothing of the planner's ideas."""
    proven = reordered = 0
    for seed in range(15):
        graph = tiny_graph(seed, 5 if rows else 4, rows=rows)
        rng = np.random.default_rng(seed)
        scratch = {
            op.name: int(rng.integers(0, 4)) * int(rng.integers(0, 2))
            for op in graph.operators
            if not isinstance(op, Reshape | TakeRows | JoinRows)
        }
        promised = _promises(graph)
        plan = check_plan(graph, plan_arena(graph, scratch, promised, alignment=1), scratch, promised)
        if plan.proven:
            assert not can_run_within(plan.arena_bytes - 1, graph, scratch, promised), seed
        proven += plan.proven
        reordered += plan.order != tuple(op.name for op in graph.operators)
    assert proven >= 12 and reordered >= 3


def _two_branches() -> Graph:
    """One branch ends small, the other begins large: the order in which they stand needs most."""
    net = GraphBuilder("branches", (1, 8, 8, 2), seed=2)
    net.conv2d(16)
    wide = net.last
    net.back_to("input").conv2d(16).conv2d(1)
    narrow = net.last
    return net.back_to(wide).conv2d(1, zero_point=0).add(narrow).graph()


def test_the_order_with_the_least_peak_is_taken() -> None:
    graph = _two_branches()
    plan = check_plan(graph, plan_arena(graph))
    assert plan.proven
    assert plan.order.index("conv2d_3") < plan.order.index("conv2d_1") or plan.order.index(
        "conv2d_2"
    ) < plan.order.index("conv2d_0")
    assert plan.arena_bytes == 64 * (2 + 16 + 1)


def test_graphs_order_is_kept_where_it_is_as_good_as_any() -> None:
    for seed in range(20):
        graph = random_graph(seed)
        assert plan_arena(graph).order == tuple(op.name for op in graph.operators)


def _bands() -> tuple[Graph, Overwrites]:
    """x in two bands, each convolved and added to itself, then joined: what row-wise execution makes."""
    net = GraphBuilder("bands", (1, 8, 4, 4), seed=4)
    outputs = []
    for first in (0, 4):
        net.back_to("input").take_rows(first, 4)
        band = net.last
        net.conv2d(4, (3, 3), scale=1 / 32, zero_point=0).add(band, scale=0.1, zero_point=0)
        outputs.append(net.last)
    graph = net.back_to(outputs[0]).join_rows(outputs[1]).graph()
    return graph, _in_place(graph)


def test_bands_are_added_in_place_and_joined_for_nothing() -> None:
    graph, promised = _bands()
    plan = check_plan(graph, plan_arena(graph, {}, promised), {}, promised)
    assert plan.proven and plan.arena_bytes == 128 + 64
    image = plan.allocation("input")
    joined = plan.allocation(graph.outputs[0])
    assert (image.offset, image.end) == (joined.offset, joined.end)
    assert joined.takes_over == tuple(graph.operators[-1].reads)


def test_rows_that_begin_within_a_word_are_copied() -> None:
    net = GraphBuilder("odd", (1, 4, 3, 1)).take_rows(1, 2)
    graph = net.requantise(scale=0.1).graph()
    plan = check_plan(graph, plan_arena(graph))
    assert plan.allocation("takerows_0_out").takes_over == ()
    plan = check_plan(graph, plan_arena(graph, alignment=1))
    assert plan.allocation("takerows_0_out").takes_over == ("input",)
    assert plan.allocation("takerows_0_out").offset == plan.allocation("input").offset + 3


def test_rows_are_free_after_their_last_reader() -> None:
    """The upper half of the input is read once; what comes after it may lie there."""
    net = GraphBuilder("halves", (1, 8, 4, 4), seed=1).take_rows(0, 4)
    top = net.conv2d(1).last
    graph = net.back_to("input").take_rows(4, 4).conv2d(4).add("takerows_2_out").graph(top, "add_4_out")
    plan = check_plan(graph, plan_arena(graph))
    assert plan.arena_bytes == plan.lower_bound_bytes == 3 * 64 + 16


def test_a_value_that_two_joins_want_is_copied_once() -> None:
    net = GraphBuilder("twice", (1, 4, 4, 4), seed=1).conv2d(4, zero_point=0)
    shared = net.last
    other = net.back_to("input").conv2d(4, zero_point=0).last
    first = net.back_to(shared).join_rows(other).last
    second = net.back_to(shared).join_rows(shared).last
    graph = net.graph(first, second)
    plan = check_plan(graph, plan_arena(graph))
    assert plan.arena_bytes >= 2 * 128


def test_a_graph_of_many_operators_is_planned_and_nothing_is_claimed_that_is_not_known() -> None:
    net = GraphBuilder("many", (1, 4, 4, 2), seed=7)
    known = ["input"]
    for index in range(300):
        net.back_to(known[int(net.rng.integers(max(0, len(known) - 12), len(known)))])
        net.conv2d(2, zero_point=0) if index % 3 else net.add(known[-1])
        known.append(net.last)
    graph = net.graph()
    plan = check_plan(graph, plan_arena(graph))
    assert plan.lower_bound_bytes <= plan.peak_bytes <= plan.arena_bytes


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
        (lambda p: replace(p, arena_bytes=p.arena_bytes - 4, peak_bytes=0, lower_bound_bytes=0), "leave the arena"),
        (lambda p: _moved(p, "input", n_bytes=255), "input: 255 bytes, not 256"),
        (lambda p: _moved(p, "input", last=0), "planned for steps -1..0, used in steps -1..1"),
        (lambda p: replace(p, order=p.order[1:]), "operator missing, unknown or planned twice: conv2d_0"),
        (lambda p: replace(p, order=p.order[::-1]), "reads reshape_2_out before anything writes it"),
        (lambda p: replace(p, peak_bytes=p.arena_bytes + 4), "is less than its peak"),
        (lambda p: replace(p, lower_bound_bytes=p.arena_bytes + 4), "or than the lower bound"),
        (lambda p: replace(p, scratch=(replace(p.scratch[0], step=1),)), "planned for step 1, used in step 0"),
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


@pytest.mark.parametrize(
    ("tensor", "shift", "text"),
    [
        ("takerows_0_out", 4, "copies input to bytes that it overlaps"),
        ("takerows_3_out", -4, "copies input to bytes that it overlaps"),
        ("add_2_out", 4, "over takerows_0_out while it reads that"),
        ("joinrows_6_out", 4, "copies add_2_out to bytes that it overlaps"),
    ],
)
def test_rows_at_a_wrong_offset_are_refused(tensor: str, shift: int, text: str) -> None:
    graph, promised = _bands()
    plan = plan_arena(graph, {}, promised)
    wrong = _moved(plan, tensor, offset=plan.allocation(tensor).offset + shift)
    with pytest.raises(PlanError, match=text):
        check_plan(graph, replace(wrong, arena_bytes=plan.arena_bytes + 8), {}, promised)


def test_band_written_over_rows_that_another_band_reads_is_refused() -> None:
    """The second convolution reads one row of the first band, as it would with a 3x3 window."""
    net = GraphBuilder("halo", (1, 8, 4, 4), seed=4).take_rows(0, 4).requantise(scale=1 / 32)
    top = net.last
    graph = net.back_to("input").take_rows(3, 5).conv2d(4, zero_point=0).join_rows(top).graph()
    promised = _in_place(graph)
    plan = check_plan(graph, plan_arena(graph, {}, promised), {}, promised)
    assert plan.allocation(top).offset != plan.allocation("input").offset or plan.order[-2] == "requantise_1"
    wrong = _moved(plan, top, offset=plan.allocation("input").offset)
    wrong = replace(wrong, order=tuple(op.name for op in graph.operators))
    with pytest.raises(PlanError, match=r"byte \d+ of (input|takerows_2_out) was overwritten"):
        check_plan(graph, wrong, {}, promised)


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
