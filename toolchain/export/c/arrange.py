# SPDX-License-Identifier: Apache-2.0
"""arranged: how a Graph is carried out: which operators, by which kernels, where in the arena.

As it stands, where the arena is within its limit or there is none. Else with some stages in bands of rows, the cheapest
that the search finds and that the planner then fits (graph/bands/). What the search counts is near what the planner
reaches, not the same; so the search is asked for less, and for more again, until the arena just fits. What does not fit
with the kernels that are preferred is tried with such as work in little memory.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from toolchain.core import Core
from toolchain.errors import ModelError
from toolchain.export.c.kernel_table import Choice
from toolchain.graph.bands import Banded, Stage, in_bands
from toolchain.graph.bands.search import BandSearch
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Operator
from toolchain.graph.plan import Plan
from toolchain.graph.plan_check import check_plan
from toolchain.graph.planner import plan_arena

# How often the search is asked for less.
_TRIES = 8

# The shares of the arena that the scratch of one kernel may take where memory is tight, and where it is very tight.
_TIGHT_SHARES = (1 / 16, 0)

# A Graph and the most scratch that a kernel should take, None for any -> the kernel of each operator.
Choose = Callable[[Graph, int | None], Mapping[str, Choice]]


@dataclass(frozen=True, eq=False)
class Arrangement:
    """banded: the Graph as it is executed, in the order of the plan, and where it comes from.

    choices: of kernels, by operator. plain_arena_bytes: the arena without bands.
    """

    banded: Banded
    choices: Mapping[str, Choice]
    plan: Plan
    plain_arena_bytes: int


def arranged(
    graph: Graph, core: Core, choose: Choose, ram_limit_bytes: int | None = None, reserved_bytes: int = 0
) -> Arrangement:
    """`graph` in at most `ram_limit_bytes`, of which `reserved_bytes` are the stack's and the rest is the arena's.

    Raises ModelError where no way is found, with the least that one was found for.
    """
    arena_limit_bytes = None if ram_limit_bytes is None else max(ram_limit_bytes - reserved_bytes, 0)
    plain = smallest = _planned(graph, (), core, choose)
    if arena_limit_bytes is None or plain.plan.arena_bytes <= arena_limit_bytes:
        return plain
    for most_scratch in (None, *(max(int(arena_limit_bytes * share), 0) for share in _TIGHT_SHARES)):
        found = _smaller(graph, core, choose, most_scratch, arena_limit_bytes)
        if found.plan.arena_bytes <= arena_limit_bytes:
            return replace(found, plain_arena_bytes=plain.plan.arena_bytes)
        smallest = min(smallest, found, key=_arena_bytes)
    room = f"{arena_limit_bytes} B of RAM"
    if reserved_bytes:
        room += f", which is what {ram_limit_bytes} B leave beside {reserved_bytes} B for the stack"
    least = smallest.plan.arena_bytes
    raise ModelError(
        f"graph {graph.name}: activations and scratch do not fit into {room}: as the network stands "
        f"they need {plain.plan.arena_bytes} B, and in bands of rows at least {least} B; "
        f"allow {least + reserved_bytes} B or more, or use a network with a smaller input or fewer channels"
    )


def _smaller(graph: Graph, core: Core, choose: Choose, most_scratch: int | None, limit: int) -> Arrangement:
    """The cheapest that is found within the limit, or the smallest where none is.

    The search is asked for `target` bytes: what it gives for `fits` stays within the limit, for `exceeds` it does not.
    """
    smallest = _planned(graph, (), core, choose, most_scratch)
    if smallest.plan.arena_bytes <= limit:
        return smallest
    search = BandSearch(graph, _needs(smallest.choices))
    plans: dict[tuple[Stage, ...], Arrangement] = {}
    fitting: Arrangement | None = None
    target, fits, exceeds = limit, 0, limit + 1
    for _ in range(_TRIES):
        stages = search.cheapest(target)
        if stages is None:
            break
        if stages not in plans:
            plans[stages] = _planned(graph, stages, core, choose, most_scratch)
        found = plans[stages]
        if found.plan.arena_bytes <= limit:
            fitting, fits = found, target
        else:
            smallest, exceeds = min(smallest, found, key=_arena_bytes), target
        if fitting is None:
            target -= max(found.plan.arena_bytes - limit, target // 64, 1)
        elif exceeds - fits > limit // 32:
            target = (fits + exceeds) // 2
        else:
            break
    if fitting is not None:
        return fitting
    least = search.cheapest(search.least_bytes())
    return min(smallest, _planned(graph, least, core, choose, most_scratch), key=_arena_bytes) if least else smallest


def _arena_bytes(arrangement: Arrangement) -> int:
    return arrangement.plan.arena_bytes


def _planned(
    graph: Graph, stages: tuple[Stage, ...], core: Core, choose: Choose, most_scratch: int | None = None
) -> Arrangement:
    banded = in_bands(graph, stages)
    choices = choose(banded.graph, most_scratch)
    scratch = {op.name: choices[op.name].kernel.scratch_bytes(banded.graph, op) for op in banded.graph.operators}
    overwrites = {op.name: choices[op.name].kernel.overwrites(banded.graph, op) for op in banded.graph.operators}
    plan = plan_arena(banded.graph, scratch, overwrites, alignment=core.alignment_bytes)
    check_plan(banded.graph, plan, scratch, overwrites)
    operators = {op.name: op for op in banded.graph.operators}
    if plan.order != tuple(operators):
        executed = replace(banded.graph, operators=tuple(operators[name] for name in plan.order))
        banded = replace(banded, graph=executed)
    return Arrangement(banded, choices, plan, plan.arena_bytes)


def _needs(choices: Mapping[str, Choice]) -> Callable[[Graph, Operator, Operator], tuple[int, tuple[str, ...]]]:
    """A band is expected to get the kernel that the whole operator has."""

    def needs(graph: Graph, op: Operator, origin: Operator) -> tuple[int, tuple[str, ...]]:
        kernel = choices[origin.name].kernel
        return kernel.scratch_bytes(graph, op), kernel.overwrites(graph, op)

    return needs
