# SPDX-License-Identifier: Apache-2.0
"""plan_arena: decides where every activation and every kernel's scratch lies in one static array.

Three decisions, in this order:

* A Reshape never copies: its output is another view of its input's bytes.
* An operator works in place where its kernel can (`overwrites` says on which inputs) and nobody reads that input
  afterwards. First every operator does that can; then each choice is reconsidered alone and changed where that makes
  the arena smaller.
* What shares bytes is one block, as large in each step as the largest value that lives then; graph/placement.py
  finds the offsets.

Inputs and outputs of the Graph lie in the arena like everything else, so that they cost no RAM of their own: the
inputs live from step -1, and may be overwritten as soon as their last reader is done.

It knows nothing of kernels beyond `scratch_bytes` and `overwrites`. What it decides is checked by
graph/plan_check.py, which shares no code with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from toolchain.graph.graph import Graph
from toolchain.graph.ops import Operator, Reshape
from toolchain.graph.placement import Block, Placement, peak_bytes, place
from toolchain.graph.plan import Allocation, Plan, ScratchAllocation

# How long choices are reconsidered, in graph/placement.py's unit of work.
_CHOICE_WORK = 1_000_000

# operator -> the input on whose bytes it writes its output
Choice = dict[str, str]


@dataclass(frozen=True)
class _Life:
    """Steps in which a value exists, both included, and its bytes, rounded up to the alignment."""

    first: int
    last: int
    n_bytes: int


def plan_arena(
    graph: Graph,
    scratch_bytes: Mapping[str, int] | None = None,
    overwrites: Mapping[str, tuple[str, ...]] | None = None,
    *,
    alignment: int = 4,
) -> Plan:
    """The arena of `graph`.

    scratch_bytes: operator -> bytes of working memory; operators that need none may be missing.
    overwrites: operator -> names of the inputs on whose first byte its output may begin; the kernel promises that.
    alignment: of every offset, in bytes; the core's word or vector.
    """
    planner = _Planner(graph, scratch_bytes or {}, overwrites or {}, alignment)
    choice = planner.best_choice()
    return planner.plan(choice)


class _Planner:
    def __init__(
        self,
        graph: Graph,
        scratch_bytes: Mapping[str, int],
        overwrites: Mapping[str, tuple[str, ...]],
        alignment: int,
    ) -> None:
        self.graph = graph
        self.alignment = alignment
        self.scratch = {
            op.name: (step, scratch_bytes[op.name])
            for step, op in enumerate(graph.operators)
            if scratch_bytes.get(op.name, 0) > 0
        }
        self.overwrites = overwrites
        self.lives = self._lives()

    def _aligned(self, n_bytes: int) -> int:
        return -(-n_bytes // self.alignment) * self.alignment

    def _lives(self) -> dict[str, _Life]:
        first = {name: -1 for name in self.graph.inputs}
        first |= {op.writes[0]: step for step, op in enumerate(self.graph.operators)}
        last = dict(first)
        for step, op in enumerate(self.graph.operators):
            last |= {name: step for name in op.reads if name in first}
        last |= {name: len(self.graph.operators) for name in self.graph.outputs}
        return {
            name: _Life(first[name], last[name], self._aligned(self.graph.tensor(name).container_bytes))
            for name in first
        }

    def best_choice(self) -> Choice:
        """In place wherever that can be; then each operator's choice alone, as long as the arena shrinks."""
        choice = self._allowed({op.name: names[0] for op in self.graph.operators if (names := self._candidates(op))})
        best = self._arena(choice)
        if best.total_bytes == peak_bytes(self._blocks(choice)[0]):
            return choice
        work = _CHOICE_WORK
        for op in self.graph.operators:
            for name in (*self._candidates(op), None):
                if choice.get(op.name) == name or work <= 0:
                    continue
                changed = {key: value for key, value in choice.items() if key != op.name}
                if name is not None:
                    changed[op.name] = name
                if changed != self._allowed(changed):
                    continue
                arena = self._arena(changed)
                work -= arena.work
                if arena.total_bytes < best.total_bytes:
                    choice, best = changed, arena
        return choice

    def _candidates(self, op: Operator) -> tuple[str, ...]:
        asked = self.overwrites.get(op.name, ())
        return tuple(name for name in dict.fromkeys(op.reads) if name in asked and name in self.lives)

    def _arena(self, choice: Choice) -> Placement:
        return place(self._blocks(choice)[0], thorough=False)

    def _allowed(self, choice: Choice) -> Choice:
        """Those of the choices that destroy nothing that is still needed, decided in the order of the steps."""
        kept: Choice = {}
        root: dict[str, str] = {}
        views: dict[str, set[str]] = {}  # root -> all values that lie on its bytes so far
        for name in self.graph.inputs:
            root[name], views[name] = name, {name}
        for step, op in enumerate(self.graph.operators):
            output = op.writes[0]
            wanted = choice.get(op.name)
            if wanted is not None and self._dies(step, op, views[root[wanted]]):
                kept[op.name] = wanted
            root[output] = root.get(self._source(op, kept), output)
            views.setdefault(root[output], set()).add(output)
        return kept

    def _source(self, op: Operator, choice: Choice) -> str:
        """The activation whose bytes the operator's output shares; "" for none, as for the copy of a constant."""
        source = op.input if isinstance(op, Reshape) else choice.get(op.name, "")
        return source if source in self.lives else ""

    def _dies(self, step: int, op: Operator, sharing: set[str]) -> bool:
        """Whether nothing among `sharing` is needed after `step`, nor read in it in a way the kernel cannot take."""
        may = self._candidates(op)
        return all(self.lives[name].last < step or (self.lives[name].last == step and name in may) for name in sharing)

    def _blocks(self, choice: Choice) -> tuple[list[Block], list[list[str]]]:
        """One block for all values that share bytes, then one for each scratch; and the values of each block."""
        members: dict[str, list[str]] = {name: [name] for name in self.graph.inputs}
        root = {name: name for name in self.graph.inputs}
        for op in self.graph.operators:
            output = op.writes[0]
            root[output] = root.get(self._source(op, choice), output)
            members.setdefault(root[output], []).append(output)
        blocks = []
        for names in members.values():
            sizes: dict[int, int] = {}
            for name in names:
                life = self.lives[name]
                for step in range(life.first, life.last + 1):
                    sizes[step] = max(sizes.get(step, 0), life.n_bytes)
            blocks.append(Block(sizes))
        blocks += [Block({step: self._aligned(n_bytes)}) for step, n_bytes in self.scratch.values()]
        return blocks, list(members.values())

    def plan(self, choice: Choice) -> Plan:
        """The Plan of that choice, its offsets searched thoroughly."""
        blocks, members = self._blocks(choice)
        placement = place(blocks)
        offsets = {name: offset for names, offset in zip(members, placement.offsets, strict=False) for name in names}
        producers = {op.writes[0]: op for op in self.graph.operators}
        allocations = []
        for name, life in self.lives.items():
            source = self._source(producers[name], choice) if name in producers else ""
            n_bytes = self.graph.tensor(name).container_bytes
            allocations.append(Allocation(name, offsets[name], n_bytes, life.first, life.last, source or None))
        scratch = [
            ScratchAllocation(name, offset, n_bytes, step)
            for (name, (step, n_bytes)), offset in zip(
                self.scratch.items(), placement.offsets[len(members) :], strict=True
            )
        ]
        return Plan(tuple(allocations), tuple(scratch), placement.total_bytes, peak_bytes(blocks), self.alignment)
