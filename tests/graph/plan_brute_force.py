# SPDX-License-Identifier: Apache-2.0
"""can_run_within: whether a tiny Graph can run at all in an arena of so many bytes, by trying everything. Alignment 1.

Every order of the operators, every offset of every output and every scratch, one operator after another. A byte of
the arena holds a number; a value is the numbers of its bytes. A state is given up as soon as a byte that somebody
still has to read is gone.
"""

from collections.abc import Iterator, Mapping
from itertools import count

from tests.graphs import GraphBuilder
from toolchain.graph.graph import Graph
from toolchain.graph.ops import JoinRows, Operator, Reshape, TakeRows

Value = tuple[int, ...]
# Which operators have run; value -> offset, of those that somebody still reads.
State = tuple[frozenset[str], frozenset[tuple[str, int]]]


def can_run_within(
    size: int, graph: Graph, scratch: Mapping[str, int], overwrites: Mapping[str, tuple[str, ...]]
) -> bool:
    """Whether there is any plan with an arena of `size` bytes."""
    return _Machine(graph, scratch, overwrites, size).can_run()


class _Machine:
    def __init__(
        self, graph: Graph, scratch: Mapping[str, int], overwrites: Mapping[str, tuple[str, ...]], size: int
    ) -> None:
        self.graph = graph
        self.scratch = scratch
        self.overwrites = overwrites
        self.size = size
        self.values = self._values()
        self.hopeless: set[State] = set()

    def _values(self) -> dict[str, Value]:
        """The numbers of each value's bytes: what is copied keeps its numbers."""
        numbers = count(1)
        values = {t.name: tuple(next(numbers) for _ in range(t.n_elements)) for t in self.graph.activations()}
        for op in self.graph.operators:
            match op:
                case Reshape():
                    values[op.output] = values[op.input]
                case TakeRows():
                    values[op.output] = values[op.input][self._part(op, op.input)]
                case JoinRows():
                    values[op.output] = tuple(number for name in op.inputs for number in values[name])
        return values

    def _part(self, op: Operator, name: str) -> slice:
        if not isinstance(op, TakeRows):
            return slice(0, self.graph.tensor(name).n_elements)
        _, _, width, channels = self.graph.tensor(name).shape
        return slice(op.first * width * channels, (op.first + self.graph.tensor(op.output).shape[1]) * width * channels)

    def can_run(self) -> bool:
        return any(self._run(frozenset(), arena, places) for arena, places in self._inputs())

    def _inputs(self) -> Iterator[tuple[Value, dict[str, int]]]:
        states: list[tuple[Value, dict[str, int]]] = [((0,) * self.size, {})]
        for name in self.graph.inputs:
            states = [
                (self._written(arena, offset, self.values[name]), places | {name: offset})
                for arena, places in states
                for offset in range(self.size - len(self.values[name]) + 1)
            ]
        for arena, places in states:
            if all(self._holds(arena, name, places) for name in places):
                yield arena, places

    def _run(self, done: frozenset[str], arena: Value, places: dict[str, int]) -> bool:
        needed = self._needed(done)
        if not all(arena[places[name] + byte] == self.values[name][byte] for name, byte in needed if name in places):
            return False
        if len(done) == len(self.graph.operators):
            return True
        read = {name for name, _ in needed}
        state = (done, frozenset((name, offset) for name, offset in places.items() if name in read))
        if state in self.hopeless:
            return False
        for op in self.graph.operators:
            if op.name not in done and all(name in places for name in op.reads if name in self.values):
                for after, offset in self._results(op, arena, places):
                    if self._run(done | {op.name}, after, places | {op.writes[0]: offset}):
                        return True
        self.hopeless.add(state)
        return False

    def _needed(self, done: frozenset[str]) -> set[tuple[str, int]]:
        """Bytes of values that somebody still reads."""
        found = set()
        for op in self.graph.operators:
            if op.name not in done:
                for name in op.reads:
                    if name in self.values:
                        part = self._part(op, name)
                        found |= {(name, byte) for byte in range(part.start, part.stop)}
        return found | {(name, byte) for name in self.graph.outputs for byte in range(len(self.values[name]))}

    def _results(self, op: Operator, arena: Value, places: dict[str, int]) -> Iterator[tuple[Value, int]]:
        """The arena after the operator, for each place that its output may have."""
        value = self.values[op.writes[0]]
        for offset in range(self.size - len(value) + 1):
            if isinstance(op, Reshape | TakeRows | JoinRows):
                after = self._copied(op, arena, places, offset)
                if after is not None:
                    yield after, offset
                continue
            reads = [name for name in op.reads if name in self.values]
            if any(
                _meet(places[name], len(self.values[name]), offset, len(value))
                and not (name in self.overwrites.get(op.name, ()) and places[name] == offset)
                for name in reads
            ):
                continue
            used = [(places[name], len(self.values[name])) for name in reads] + [(offset, len(value))]
            n_scratch = self.scratch.get(op.name, 0)
            for start in range(self.size - n_scratch + 1 if n_scratch else 1):
                if not any(_meet(*place, start, n_scratch) for place in used):
                    yield self._written(self._written(arena, start, (0,) * n_scratch), offset, value), offset

    def _copied(self, op: Operator, arena: Value, places: dict[str, int], offset: int) -> Value | None:
        """Part after part, where it does not lie there already; None where that goes wrong."""
        at = offset
        for name in op.reads:
            part = self._part(op, name)
            source, size = places[name] + part.start, part.stop - part.start
            if source != at:
                if not isinstance(op, JoinRows):  # always a view, by the planner's rule
                    return None
                if _meet(source, size, at, size) or arena[source : source + size] != self.values[name][part]:
                    return None
                arena = self._written(arena, at, self.values[name][part])
            at += size
        return arena if self._holds(arena, op.writes[0], {op.writes[0]: offset}) else None

    def _holds(self, arena: Value, name: str, places: dict[str, int]) -> bool:
        value = self.values[name]
        return arena[places[name] : places[name] + len(value)] == value

    def _written(self, arena: Value, offset: int, value: Value) -> Value:
        return (*arena[:offset], *value, *arena[offset + len(value) :])


def _meet(start: int, size: int, other: int, other_size: int) -> bool:
    return size > 0 and other_size > 0 and start < other + other_size and other < start + size


def tiny_graph(seed: int, n_operators: int, *, rows: bool) -> Graph:
    """A branchy Graph of tensors of a few bytes; `rows`: with TakeRows and JoinRows in it."""
    net = GraphBuilder(f"tiny_{seed}", (1, 2, 1, 1), seed=seed)
    draw = net.rng.integers
    known = ["input"]
    if draw(0, 4) == 0:
        known.append(net.input("left", (1, 2, 1, 1)))
    shapes = dict.fromkeys(known, (1, 2, 1, 1))
    for _ in range(n_operators):
        newest = known[-3:] if draw(0, 3) else known
        net.back_to(str(newest[int(draw(0, len(newest)))]))
        height, channels = net.shape[1], net.shape[3]
        partners = [name for name in known if shapes[name] == net.shape and name != net.last]
        columns = [name for name in known if shapes[name][3] == channels and sum((shapes[name][1], height)) <= 5]
        match int(draw(0, 9 if rows else 6)):
            case 0 if partners:
                net.add(str(partners[int(draw(0, len(partners)))]))
            case 1 if height * channels <= 3:
                net.concatenation(net.last)
            case 2:
                net.requantise()
            case 3:
                net.pad((1, 0, 0, 0)) if height * channels <= 3 else net.reshape((1, 1, 1, height * channels))
            case 6 | 7 if height > 1:
                taken = int(draw(1, height))
                net.take_rows(int(draw(0, height - taken + 1)), taken)
            case 8 if columns:
                net.join_rows(*(str(columns[int(draw(0, len(columns)))]) for _ in range(int(draw(1, 3)))))
            case _:
                net.conv2d(int(draw(1, 4 if height < 3 else 2)), zero_point=0)
        known.append(net.last)
        shapes[net.last] = net.shape
    read = {name for op in net.graph(*known).operators for name in op.reads}
    outputs = [name for name in known if name not in read and name not in ("input", "left")]
    return net.graph(*(outputs or known[-1:]))
