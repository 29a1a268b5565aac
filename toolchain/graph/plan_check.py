# SPDX-License-Identifier: Apache-2.0
"""check_plan: runs a Plan against the Graph on a map of bytes, and refuses what would compute nonsense.

Written apart from the planner and sharing no code with it: no lifetimes, no blocks. Every byte that is written gets a
number of its own, and each byte of the arena holds the number of what was written to it last. A value is the row of
its bytes' numbers; the rows that TakeRows takes are a part of that row, what JoinRows makes is several in a row. Every
operator in turn must find in its inputs' places just those numbers, then scratch and output overwrite theirs; at the
end the outputs must be intact.

    x = 7 8 9 10      TakeRows(x, 1) = 9 10      JoinRows(that, y) = 9 10 23 24
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from toolchain.graph.graph import Graph
from toolchain.graph.ops import JoinRows, Operator, Reshape, TakeRows
from toolchain.graph.plan import Plan

_NOTHING = -1

Numbers = NDArray[np.int64]


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
    machine.check_sizes()
    machine.check_places(scratch_bytes or {})
    machine.write_inputs()
    for op in machine.operators_in_order():
        machine.run(op)
    machine.read_outputs()
    machine.check_steps()
    return plan


class _Machine:
    def __init__(self, graph: Graph, plan: Plan, overwrites: Mapping[str, tuple[str, ...]]) -> None:
        self.graph = graph
        self.plan = plan
        self.overwrites = overwrites
        self.arena: Numbers = np.full(max(plan.arena_bytes, 0), _NOTHING, np.int64)
        self.places: dict[str, slice] = {}
        self.values: dict[str, Numbers] = {}
        self.written = 0
        self.step = -1
        self.seen: dict[str, tuple[int, int]] = {}  # value -> step that wrote it, step that read it last

    def check_sizes(self) -> None:
        """What the Plan says of its own size can be true."""
        plan = self.plan
        if not plan.lower_bound_bytes <= plan.arena_bytes or not plan.peak_bytes <= plan.arena_bytes:
            raise PlanError(
                f"an arena of {plan.arena_bytes} bytes is less than its peak of {plan.peak_bytes} or than the lower "
                f"bound of {plan.lower_bound_bytes}"
            )

    def operators_in_order(self) -> list[Operator]:
        """The operators as the Plan runs them: each once."""
        known = {op.name: op for op in self.graph.operators}
        self._check_names("operator", list(self.plan.order), set(known))
        return [known[name] for name in self.plan.order]

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
        reads = [name for name in op.reads if not self.graph.tensor(name).is_constant]
        for name in reads:
            self._expect(name, f"operator {op.name}", part=self._part(op, name))
        match op:
            case Reshape() if reads:
                self._view(op, op.input)
            case TakeRows() if reads:
                self._copy(op, [(op.input, self._part(op, op.input))])
            case JoinRows():
                self._copy(op, [(name, slice(0, self.graph.tensor(name).n_elements)) for name in op.inputs])
            case _:
                self._compute(op, reads)

    def _part(self, op: Operator, name: str) -> slice:
        """The bytes of an input that the operator reads."""
        if not isinstance(op, TakeRows):
            return slice(0, self.graph.tensor(name).n_elements)
        _, _, width, channels = self.graph.tensor(name).shape
        rows = self.graph.tensor(op.output).shape[1]
        return slice(op.first * width * channels, (op.first + rows) * width * channels)

    def _view(self, op: Reshape, source: str) -> None:
        if self.places[source] != self.places[op.output]:
            raise PlanError(f"operator {op.name}: {op.output} is no view of {source}, and nobody copies it")
        self.values[op.output] = self.values[source]
        self.seen[op.output] = (self.step, self.step)

    def _copy(self, op: TakeRows | JoinRows, parts: list[tuple[str, slice]]) -> None:
        """Part after part by memcpy, but for those that lie where they belong already."""
        target = self.places[op.output]
        value, start = [], target.start
        for name, part in parts:
            place = slice(start, start + part.stop - part.start)
            start = place.stop
            if self.graph.tensor(name).is_constant:
                self._number(place)
                value.append(self.arena[place].copy())
                continue
            wanted = self.values[name][part]
            source = slice(self.places[name].start + part.start, self.places[name].start + part.stop)
            if source != place:
                if _meet(source, place):
                    raise PlanError(f"operator {op.name}: copies {name} to bytes that it overlaps")
                if not np.array_equal(self.arena[source], wanted):
                    raise PlanError(f"operator {op.name}: {name} was overwritten before its rows were copied")
                self.arena[place] = wanted
            value.append(wanted)
        self.values[op.output] = np.concatenate(value)
        self.seen[op.output] = (self.step, self.step)
        self._expect(op.output, f"operator {op.name}")

    def _compute(self, op: Operator, reads: list[str]) -> None:
        target = self.places[op.writes[0]]
        for name in reads:
            in_place = name in self.overwrites.get(op.name, ()) and self.places[name].start == target.start
            if _meet(self.places[name], target) and not in_place:
                raise PlanError(f"operator {op.name}: writes {op.writes[0]} over {name} while it reads that")
        for scratch in self.plan.scratch:
            if scratch.operator == op.name:
                self._use_scratch(op, slice(scratch.offset, scratch.end), scratch.step, reads)
        self._write(op.writes[0])

    def _use_scratch(self, op: Operator, place: slice, step: int, reads: list[str]) -> None:
        if step != self.step:
            raise PlanError(f"scratch of {op.name}: planned for step {step}, used in step {self.step}")
        for name in (*reads, op.writes[0]):
            if _meet(self.places[name], place):
                raise PlanError(f"operator {op.name}: its scratch lies on {name}")
        self.arena[place] = _NOTHING

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

    def _number(self, place: slice) -> None:
        size = place.stop - place.start
        self.arena[place] = np.arange(self.written, self.written + size)
        self.written += size

    def _write(self, name: str) -> None:
        place = self.places[name]
        self._number(place)
        self.values[name] = self.arena[place].copy()
        self.seen[name] = (self.step, self.step)

    def _expect(self, name: str, reader: str, part: slice | None = None) -> None:
        if name not in self.values:
            raise PlanError(f"{reader}: reads {name} before anything writes it")
        part = part or slice(0, len(self.values[name]))
        intact = self.arena[self.places[name]][part] == self.values[name][part]
        if not intact.all():
            raise PlanError(f"{reader}: byte {part.start + int(np.argmin(intact))} of {name} was overwritten")
        self.seen[name] = (self.seen[name][0], self.step)


def _meet(a: slice, b: slice) -> bool:
    return bool(a.start < b.stop and b.start < a.stop)
