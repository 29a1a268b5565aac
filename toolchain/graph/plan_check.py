# SPDX-License-Identifier: Apache-2.0
"""check_plan: runs a Plan against the Graph on a map of bytes, and refuses what would compute nonsense.

Written apart from the planner and sharing no code with it: no lifetimes, no blocks. Each byte of the arena carries
the mark of what was written to it last (which value, which of its bytes). Every operator in turn must find the
marks of all that it reads, then scratch and output overwrite theirs; at the end the outputs must be intact.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from toolchain.graph.graph import Graph
from toolchain.graph.ops import Operator, Reshape
from toolchain.graph.plan import Plan

_NOBODY = -1


class PlanError(ValueError):
    """A Plan under which some value would be overwritten before it is read. A bug of ours, not of the user's."""


def check_plan(
    graph: Graph,
    plan: Plan,
    scratch_bytes: Mapping[str, int] | None = None,
    overwrites: Mapping[str, tuple[str, ...]] | None = None,
) -> Plan:
    """Return `plan` if it can run `graph`. Arguments as for plan_arena. Raises PlanError naming the step."""
    machine = _Machine(graph, plan, overwrites or {})
    machine.check_places(scratch_bytes or {})
    machine.write_inputs()
    for op in graph.operators:
        machine.run(op)
    machine.read_outputs()
    machine.check_steps()
    return plan


class _Machine:
    def __init__(self, graph: Graph, plan: Plan, overwrites: Mapping[str, tuple[str, ...]]) -> None:
        self.graph = graph
        self.plan = plan
        self.overwrites = overwrites
        self.owner = np.full(max(plan.arena_bytes, 0), _NOBODY, np.int64)
        self.index = np.zeros(max(plan.arena_bytes, 0), np.int64)
        self.places: dict[str, slice] = {}
        self.marks: dict[str, int] = {}  # value -> its mark; a Reshape passes its input's mark on
        self.step = -1
        self.seen: dict[str, tuple[int, int]] = {}  # value -> step that wrote it, step that read it last

    def check_places(self, scratch_bytes: Mapping[str, int]) -> None:
        """Everything has one place, of the right size, aligned and inside the arena."""
        activations = {tensor.name: tensor.container_bytes for tensor in self.graph.activations()}
        self._check_names("activation", [a.tensor for a in self.plan.allocations], set(activations))
        wanted = {name: size for name, size in scratch_bytes.items() if size > 0}
        self._check_names("scratch", [s.operator for s in self.plan.scratch], set(wanted))
        for allocation in self.plan.allocations:
            if allocation.n_bytes != activations[allocation.tensor]:
                raise PlanError(
                    f"{allocation.tensor}: {allocation.n_bytes} bytes, not {activations[allocation.tensor]}"
                )
            self._check_place(allocation.tensor, allocation.offset, allocation.n_bytes)
            self.places[allocation.tensor] = slice(allocation.offset, allocation.end)
        for scratch in self.plan.scratch:
            if scratch.n_bytes != wanted[scratch.operator]:
                raise PlanError(
                    f"scratch of {scratch.operator}: {scratch.n_bytes} bytes, not {wanted[scratch.operator]}"
                )
            self._check_place(f"scratch of {scratch.operator}", scratch.offset, scratch.n_bytes)

    def _check_names(self, what: str, found: list[str], wanted: set[str]) -> None:
        if len(found) != len(set(found)) or set(found) != wanted:
            odd = sorted({name for name in found if found.count(name) > 1} | (set(found) ^ wanted))
            raise PlanError(f"{what} missing, unknown or planned twice: {', '.join(odd)}")

    def _check_place(self, what: str, offset: int, n_bytes: int) -> None:
        if offset % self.plan.alignment:
            raise PlanError(f"{what}: offset {offset} is no multiple of {self.plan.alignment}")
        if offset < 0 or offset + n_bytes > self.plan.arena_bytes:
            raise PlanError(f"{what}: bytes {offset}..{offset + n_bytes} leave the arena")

    def write_inputs(self) -> None:
        """The caller writes every input before the first operator runs."""
        for name in self.graph.inputs:
            self._write(name)
        for name in self.graph.inputs:
            self._expect(name, "the caller's inputs")

    def run(self, op: Operator) -> None:
        """One operator: what it reads is there, and it destroys nothing that it still reads."""
        self.step += 1
        reads = [name for name in op.reads if name in self.places]
        for name in reads:
            self._expect(name, f"operator {op.name}")
        output = op.writes[0]
        if isinstance(op, Reshape) and op.input in self.places:
            if self.places[op.input] != self.places[output]:
                raise PlanError(f"operator {op.name}: {output} is no view of {op.input}, and nobody copies it")
            self.marks[output] = self.marks[op.input]
            self.seen[output] = (self.step, self.step)
            return
        target = self.places[output]
        for name in reads:
            in_place = name in self.overwrites.get(op.name, ()) and self.places[name].start == target.start
            if _meet(self.places[name], target) and not in_place:
                raise PlanError(f"operator {op.name}: writes {output} over {name} while it reads that")
        for scratch in self.plan.scratch:
            if scratch.operator == op.name:
                self._use_scratch(op, slice(scratch.offset, scratch.end), reads)
        self._write(output)

    def _use_scratch(self, op: Operator, place: slice, reads: list[str]) -> None:
        for name in (*reads, op.writes[0]):
            if _meet(self.places[name], place):
                raise PlanError(f"operator {op.name}: its scratch lies on {name}")
        self.owner[place] = _NOBODY

    def read_outputs(self) -> None:
        """The caller finds every output."""
        self.step += 1
        for name in self.graph.outputs:
            self._expect(name, "the caller's outputs")

    def check_steps(self) -> None:
        """The Plan says of each value when it was written and last read."""
        for allocation in self.plan.allocations:
            if (allocation.first, allocation.last) != self.seen[allocation.tensor]:
                raise PlanError(
                    f"{allocation.tensor}: planned for steps {allocation.first}..{allocation.last}, "
                    "used in steps {}..{}".format(*self.seen[allocation.tensor])
                )

    def _write(self, name: str) -> None:
        place = self.places[name]
        self.marks[name] = len(self.marks)
        self.owner[place] = self.marks[name]
        self.index[place] = _count(place)
        self.seen[name] = (self.step, self.step)

    def _expect(self, name: str, reader: str) -> None:
        place = self.places[name]
        intact = (self.owner[place] == self.marks[name]) & (self.index[place] == _count(place))
        if not intact.all():
            raise PlanError(f"{reader}: byte {int(np.argmin(intact))} of {name} was overwritten")
        self.seen[name] = (self.seen[name][0], self.step)


def _count(place: slice) -> NDArray[np.int64]:
    return np.arange(place.stop - place.start, dtype=np.int64)


def _meet(a: slice, b: slice) -> bool:
    return bool(a.start < b.stop and b.start < a.stop)
