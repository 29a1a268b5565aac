# SPDX-License-Identifier: Apache-2.0
"""plan_arena: decides in which order the operators run, and where every activation and every scratch lies.

1. The order with the least peak of living bytes, proven (graph/order.py). That peak is a lower bound for any plan.
2. For that order, who would collide with whom at which difference of offsets: here.
3. Offsets (graph/placement.py). Where they reach the peak, the plan is proven optimal.
4. Where they do not (gaps that nothing fits into), every other order whose peak is smaller than the arena is tried. If
   all of them have been, the arena is the smallest there is, and its size is the lower bound.

What lets two values share bytes is a difference of their offsets at which they may overlap (`_Layout._shared`):

* an operator works in place where its kernel can (`overwrites` says on which inputs) and nobody reads those bytes
  afterwards;
* rows lie where they belong in what JoinRows makes of them, and then are not copied;
* views (graph/storage.py) are no values of their own.

Inputs and outputs of the Graph lie in the arena like everything else, so that they cost no RAM of their own: the
inputs live from step -1, and may be overwritten as soon as their last reader is done.

It knows nothing of kernels beyond `scratch_bytes` and `overwrites`. What it decides is checked by
graph/plan_check.py, which shares no code with it.
"""

from collections.abc import Mapping

from toolchain.graph.graph import Graph
from toolchain.graph.ops import JoinRows, Operator
from toolchain.graph.order import Memory, least_peak, orders_within
from toolchain.graph.placement import Block, Budget, Conflicts, Placement, place
from toolchain.graph.plan import Allocation, Plan, ScratchAllocation
from toolchain.graph.storage import Interval, Span, Storages, Words, merged, spans

# Work on the offsets of one order, and on all other orders where the peak is not reached: about microseconds.
_PLACEMENT_WORK = 300_000
_ORDERS_WORK = 500_000
# Graphs with more operators have too many orders for trying them all.
_MOST_OPERATORS = 40


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
    return _Planner(graph, scratch_bytes or {}, overwrites or {}, alignment).plan()


class _Planner:
    def __init__(
        self,
        graph: Graph,
        scratch_bytes: Mapping[str, int],
        overwrites: Mapping[str, tuple[str, ...]],
        alignment: int,
    ) -> None:
        self.graph = graph
        self.storages = Storages(graph, alignment)
        self.scratch = {op.name: n for op in graph.operators if (n := scratch_bytes.get(op.name, 0)) > 0}
        self.overwrites = overwrites
        self.scratch_words = {
            index: self.storages.words(self.scratch[op.name])
            for index, op in enumerate(graph.operators)
            if op.name in self.scratch
        }

    def plan(self) -> Plan:
        """The smallest arena that is found, and what is proven of it."""
        memory = Memory(self.storages, self.scratch_words, self.overwrites)
        schedule = least_peak(memory)
        order, best = schedule.order, self._placed(schedule.order, schedule.peak_words, _PLACEMENT_WORK)
        least = schedule.least_words
        if best.total_words > least and len(order) <= _MOST_OPERATORS:
            order, best, exhausted = self._other_orders(memory, order, best, least)
            least = best.total_words if exhausted else least
        return self._result(order, best, memory.peak(order), least)

    def _placed(self, order: tuple[int, ...], peak_words: int, work: int) -> Placement:
        layout = _Layout(self, order)
        found = place(layout.blocks, layout.conflicts, peak_words, Budget(work))
        assert found is not None  # anything is below no limit at all
        return found

    def _other_orders(
        self, memory: Memory, order: tuple[int, ...], best: Placement, least: int
    ) -> tuple[tuple[int, ...], Placement, bool]:
        """Something smaller under any order; and whether everything that could be has been tried."""
        budget = Budget(_ORDERS_WORK)
        first, proven = order, best.optimal and not self.storages.rows_are_joined_twice
        for other in orders_within(memory, best.total_words - 1, budget.spend):
            if other != first and memory.peak(other) < best.total_words:
                layout = _Layout(self, other)
                budget.spend(layout.work)
                found = place(layout.blocks, layout.conflicts, memory.peak(other), budget, below=best.total_words)
                if found is not None:
                    order, best = other, found
            if best.total_words == least or budget.left <= 0:
                break
        return order, best, proven and budget.left > 0

    def _result(self, order: tuple[int, ...], placement: Placement, peak: int, least: int) -> Plan:
        graph, words = self.graph, self.storages.alignment
        base = [offset * words for offset in placement.offsets]
        step = {graph.operators[index].name: at for at, index in enumerate(order)}
        places = {name: base[view.storage] + view.low * words for name, view in self.storages.view.items()}
        first = {name: -1 for name in graph.inputs}
        last = dict(first)
        for index in order:
            op = graph.operators[index]
            first[op.writes[0]] = last[op.writes[0]] = step[op.name]
            last |= {name: step[op.name] for name in op.reads if name in first}
        last |= {name: len(order) for name in graph.outputs}
        writers = {op.writes[0]: op for op in graph.operators}
        allocations = [
            Allocation(
                name,
                places[name],
                graph.tensor(name).container_bytes,
                first[name],
                last[name],
                self._taken_over(writers[name], places) if name in writers else (),
            )
            for name in places
        ]
        scratch = [
            ScratchAllocation(name, offset, n_bytes, step[name])
            for (name, n_bytes), offset in zip(self.scratch.items(), base[len(self.storages.storages) :], strict=True)
        ]
        return Plan(
            order=tuple(graph.operators[index].name for index in order),
            allocations=tuple(allocations),
            scratch=tuple(scratch),
            arena_bytes=placement.total_words * words,
            peak_bytes=peak * words,
            lower_bound_bytes=least * words,
            alignment=words,
        )

    def _taken_over(self, op: Operator, places: Mapping[str, int]) -> tuple[str, ...]:
        """The inputs whose bytes the output shares: two that live in one step are never on the same bytes otherwise."""
        start, end = places[op.writes[0]], places[op.writes[0]] + self.graph.tensor(op.writes[0]).container_bytes
        return tuple(
            name
            for name in dict.fromkeys(op.reads)
            if name in places and places[name] < end and start < places[name] + self.graph.tensor(name).container_bytes
        )


class _Layout:
    """The blocks of one order, first the storages, then the scratches, and which differences of offsets collide."""

    def __init__(self, planner: _Planner, order: tuple[int, ...]) -> None:
        self.storages = planner.storages
        self.overwrites = planner.overwrites
        self.operators = planner.graph.operators
        self.step = {index: at for at, index in enumerate(order)}
        self.spans = self._spans(planner.graph)
        self.births = [-1 if s.writer < 0 else self.step[s.writer] for s in self.storages.storages]
        self.lives = [self._life(index) for index in range(len(self.births))]
        self.births += [self.step[index] for index in planner.scratch_words]
        self.lives += [{self.step[index]: ((0, n),)} for index, n in planner.scratch_words.items()]
        sizes = [s.n_words for s in self.storages.storages] + list(planner.scratch_words.values())
        self.blocks = [
            Block(n_words, len(life), birth)
            for n_words, life, birth in zip(sizes, self.lives, self.births, strict=True)
        ]
        self.work = 0
        self.conflicts = self._conflicts()

    def _spans(self, graph: Graph) -> list[tuple[Span, ...]]:
        marks: list[list[tuple[int, int, int]]] = [[] for _ in self.storages.storages]
        for index, op in enumerate(graph.operators):
            for _, words in self.storages.reads(op):
                marks[words.storage].append((words.low, words.high, 1 << self.step[index]))
        for name in graph.outputs:
            words = self.storages.view[name]
            marks[words.storage].append((words.low, words.high, 1 << len(graph.operators)))
        return [spans(s.n_words, marked) for s, marked in zip(self.storages.storages, marks, strict=True)]

    def _life(self, storage: int) -> dict[int, tuple[Interval, ...]]:
        """Step -> the words in use in it."""
        birth = self.births[storage]
        ends = [(max(span.readers.bit_length() - 1, birth), span) for span in self.spans[storage]]
        return {
            step: merged([(span.low, span.high) for end, span in ends if end >= step])
            for step in range(birth, max(end for end, _ in ends) + 1)
        }

    def _conflicts(self) -> Conflicts:
        living: dict[int, list[int]] = {}
        for block, life in enumerate(self.lives):
            for step in life:
                living.setdefault(step, []).append(block)
        intervals: dict[tuple[int, int], set[Interval]] = {}
        for step, those in living.items():
            for at, i in enumerate(those):
                for j in those[at + 1 :]:
                    found = intervals.setdefault((i, j), set())
                    for low, high in self.lives[i][step]:
                        found |= {(low - end, high - start) for start, end in self.lives[j][step]}
        self.work = 2 * sum(len(found) for found in intervals.values())
        allowed = self._shared()
        conflicts = Conflicts(len(self.blocks))
        for (i, j), those_intervals in intervals.items():
            points = [*allowed.get((i, j), ()), *(-point for point in allowed.get((j, i), ()))]
            conflicts.add(i, j, sorted(those_intervals), points)
        return conflicts

    def _shared(self) -> dict[tuple[int, int], list[int]]:
        """(storage read, storage written) -> differences of their offsets at which the two may lie on each other."""
        found: dict[tuple[int, int], list[int]] = {}
        for index, op in enumerate(self.operators):
            if index in self.storages.view_operators:
                continue
            output = self.storages.view[op.writes[0]].storage
            points: dict[tuple[int, int], list[Words]] = {}  # (storage, difference) -> words read that allow it
            if isinstance(op, JoinRows):
                for name, word in self.storages.joined(op):
                    words = self.storages.view[name]
                    points.setdefault((words.storage, words.low - word), []).append(words)
            else:
                promised = self.overwrites.get(op.name, ())
                for name, words in self.storages.reads(op):
                    if name not in promised:
                        continue
                    points.setdefault((words.storage, words.low), []).append(words)
            for (storage, difference), words_read in points.items():
                if self._may_share(index, storage, output, difference, words_read):
                    found.setdefault((storage, output), []).append(difference)
        return found

    def _may_share(self, index: int, storage: int, output: int, difference: int, read: list[Words]) -> bool:
        """Whether at that difference the output meets nothing but what the operator takes from that very place."""
        op, now = self.operators[index], self.step[index]
        good = merged([(words.low, words.high) for words in read])
        if isinstance(op, JoinRows):  # the same values in the same bytes, however long either is needed
            return all(
                _covered(_common(self.lives[storage][step], living, difference), good)
                for step, living in self.lives[output].items()
                if step in self.lives[storage]
            )
        others = [words for name, words in self.storages.reads(op) if words.storage == storage and words not in read]
        size = self.storages.storages[output].n_words
        target = ((0, size),)
        return (
            _covered(_common(self.lives[storage][now], target, difference), good)
            and not _common(self.lives[storage].get(now + 1, ()), target, difference)
            and not _common(tuple((words.low, words.high) for words in others), target, difference)
        )


def _common(words: tuple[Interval, ...], others: tuple[Interval, ...], difference: int) -> list[Interval]:
    """What of `words` lies on `others`, which begin `difference` words higher."""
    found = []
    for low, high in words:
        for start, end in others:
            a, b = max(low, start + difference), min(high, end + difference)
            if a < b:
                found.append((a, b))
    return found


def _covered(words: list[Interval], by: tuple[Interval, ...]) -> bool:
    return all(any(start <= low and high <= end for start, end in by) for low, high in words)
