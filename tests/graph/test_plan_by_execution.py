# SPDX-License-Identifier: Apache-2.0
"""Plans carried out on bytes: those that the checker passes give the right outputs, also of plans that were damaged.

The checker follows numbers of bytes by rules of its own. Here an arena of random bytes is computed on, each operator a
function that changes with every byte it reads, and what a kernel may destroy is destroyed. Neither planner nor checker
has a part in that.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.graphs import GraphBuilder, random_graph
from toolchain.graph.graph import Graph
from toolchain.graph.ops import JoinRows, Operator, Reshape, TakeRows
from toolchain.graph.plan import Plan
from toolchain.graph.plan_check import PlanError, check_plan
from toolchain.graph.planner import plan_arena

Bytes = NDArray[np.int8]
Promises = dict[str, tuple[str, ...]]

DAMAGED = 25  # plans a graph


def _rows_and_branches(seed: int) -> Graph:
    """Rows that are taken and joined, values that are read again, several outputs."""
    rng = np.random.default_rng(seed)
    net = GraphBuilder(f"branches_{seed}", (1, 6, 4, int(rng.integers(1, 5))), seed=seed)
    known = [net.last]
    for _ in range(int(rng.integers(3, 10))):
        net.back_to(known[int(rng.integers(max(0, len(known) - 3), len(known)))])
        match int(rng.integers(5)):
            case 0:
                net.conv2d(int(rng.integers(1, 6)), zero_point=0)
            case 1:
                net.requantise()
            case 2:
                net.add(next(name for name in known if net._tensors[name].shape == net.shape))
            case 3:
                net.depthwise_conv2d(zero_point=0)
            case 4:
                whole = net.last
                below = net.take_rows(2, 4).requantise().last
                net.back_to(whole).take_rows(0, 2).join_rows(below)
        known.append(net.last)
    return net.graph(net.last, *{known[2]} - {net.last})


def _promises(graph: Graph, rng: np.random.Generator) -> tuple[dict[str, int], Promises]:
    """Scratch, and which inputs may be overwritten, for operators that call a kernel."""
    called = [op for op in graph.operators if not isinstance(op, Reshape | TakeRows | JoinRows)]
    scratch = {op.name: int(rng.integers(0, 60)) * int(rng.integers(2)) for op in called}
    overwrites = {op.name: tuple(_activations(graph, op)) if rng.integers(2) else () for op in called}
    return scratch, overwrites


def _activations(graph: Graph, op: Operator) -> list[str]:
    return [name for name in dict.fromkeys(op.reads) if not graph.tensor(name).is_constant]


def _computed(graph: Graph, op: Operator, values: list[Bytes]) -> Bytes:
    """Bytes that depend on the operator and on every byte that it reads."""
    digest = hashlib.sha256(op.name.encode() + b"".join(value.tobytes() for value in values)).digest()
    size = graph.tensor(op.writes[0]).n_elements
    return np.random.default_rng(list(digest)).integers(-128, 128, size).astype(np.int8)


def _parts(graph: Graph, op: TakeRows | JoinRows) -> list[tuple[str, int, int]]:
    """(value, its first byte, bytes) that are copied, in their order."""
    if isinstance(op, JoinRows):
        return [(name, 0, graph.tensor(name).n_elements) for name in op.inputs]
    taken = graph.tensor(op.output)
    return [(op.input, op.first * (taken.n_elements // taken.shape[1]), taken.n_elements)]


def _outputs(graph: Graph, inputs: dict[str, Bytes]) -> dict[str, Bytes]:
    """Each value in an array of its own."""
    values = dict(inputs)
    for op in graph.operators:
        if isinstance(op, Reshape):
            value = values[op.input]
        elif isinstance(op, TakeRows | JoinRows):
            value = np.concatenate([values[name][first : first + size] for name, first, size in _parts(graph, op)])
        else:
            value = _computed(graph, op, [values[name] for name in _activations(graph, op)])
        values[op.writes[0]] = value
    return {name: values[name] for name in graph.outputs}


def _carried_out(
    graph: Graph, plan: Plan, overwrites: Promises, inputs: dict[str, Bytes], rng: np.random.Generator
) -> dict[str, Bytes]:
    """The outputs as they stand in the arena in the end."""

    def noise(size: int) -> Bytes:
        return rng.integers(-128, 128, size).astype(np.int8)

    def spoil(part: slice, other: slice) -> None:
        """What both hold."""
        low, high = max(part.start, other.start), min(part.stop, other.stop)
        if low < high:
            arena[low:high] = noise(high - low)

    arena = noise(plan.arena_bytes)
    place = {a.tensor: slice(a.offset, a.end) for a in plan.allocations}
    operators = {op.name: op for op in graph.operators}
    for name, value in inputs.items():
        arena[place[name]] = value
    for op in (operators[name] for name in plan.order):
        output = place[op.writes[0]]
        if isinstance(op, TakeRows | JoinRows):
            to = output.start
            for name, first, size in _parts(graph, op):
                source = slice(place[name].start + first, place[name].start + first + size)
                apart = source.stop <= to or to + size <= source.start
                if source.start != to:  # memcpy of what overlaps gives anything
                    arena[to : to + size] = arena[source] if apart else noise(size)
                to += size
        elif not isinstance(op, Reshape):
            reads = _activations(graph, op)
            scratch = plan.scratch_of(op.name)
            used = slice(0, 0) if scratch is None else slice(scratch.offset, scratch.end)
            spoil(used, used)
            for name in reads:
                if name not in overwrites[op.name] or place[name].start != output.start:
                    spoil(place[name], output)  # the output is begun before all is read
            arena[output] = _computed(graph, op, [arena[place[name]] for name in reads])
            spoil(used, output)  # and scratch is used to the end
    return {name: arena[place[name]].copy() for name in graph.outputs}


def _damaged(plan: Plan, rng: np.random.Generator) -> Plan:
    """Something elsewhere in the arena, two values in each other's places, or scratch elsewhere."""
    allocations, scratch = list(plan.allocations), list(plan.scratch)

    def anywhere(n_bytes: int) -> int:
        return int(rng.integers(0, plan.arena_bytes - n_bytes + 1)) // plan.alignment * plan.alignment

    i, j = (int(index) for index in rng.integers(0, len(allocations), 2))
    match int(rng.integers(3)):
        case 0 if scratch:
            k = int(rng.integers(len(scratch)))
            scratch[k] = replace(scratch[k], offset=anywhere(scratch[k].n_bytes))
        case 1 if (
            max(allocations[i].offset, allocations[j].offset) + max(allocations[i].n_bytes, allocations[j].n_bytes)
            <= plan.arena_bytes
        ):
            offsets = allocations[i].offset, allocations[j].offset
            allocations[j] = replace(allocations[j], offset=offsets[0])
            allocations[i] = replace(allocations[i], offset=offsets[1])
        case _:
            allocations[i] = replace(allocations[i], offset=anywhere(allocations[i].n_bytes))
    return replace(plan, allocations=tuple(allocations), scratch=tuple(scratch))


@pytest.mark.parametrize("kind", [random_graph, _rows_and_branches])
def test_what_the_checker_passes_gives_the_right_bytes(kind: Callable[[int], Graph]) -> None:
    refused = harmless = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        graph = kind(seed)
        scratch, overwrites = _promises(graph, rng)
        good = plan_arena(graph, scratch, overwrites, alignment=int(rng.choice([1, 4, 16])))
        inputs = {name: rng.integers(-128, 128, graph.tensor(name).n_elements).astype(np.int8) for name in graph.inputs}
        expected = _outputs(graph, inputs)
        for plan in (good, *(_damaged(good, rng) for _ in range(DAMAGED))):
            found = _carried_out(graph, plan, overwrites, inputs, rng)
            right = all(np.array_equal(found[name], expected[name]) for name in graph.outputs)
            try:
                check_plan(graph, plan, scratch, overwrites)
            except PlanError:
                refused += 1
                assert plan is not good
                harmless += right
            else:
                assert right, (seed, plan)
    assert refused > 200
    assert harmless < refused / 5  # the checker is not much stricter than it must be
