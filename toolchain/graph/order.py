# SPDX-License-Identifier: Apache-2.0
"""Which order of the operators needs the least memory at once, and a proof that none needs less.

What lives between two operators depends on the set of those that have run, not on their order. So an order is a path
through such sets, from the empty one to all, and its peak is the worst step on the way:

    {} --conv_a--> {a} --conv_b--> {a,b} --add--> all          each arrow: bytes that live while that operator runs
     \\--conv_b--> {b} --conv_a--/

Sets are taken in the order of the best peak with which they can be reached; the first complete path is optimal. What
keeps the sets few: operators are run at once, without a choice, where they form a chain that needs no more than the
peak so far and ends with no more living bytes than it began with. That is safe, because an operator frees the more
the more others have run (nobody else reads its inputs then) and the space that its output takes stays the same: by
moving such a chain to the front of any order, no later step gets worse.

In place, views and JoinRows are counted at their best here: each operator overwrites what it can, and a row that is
joined is counted once however many values it belongs to. So the peak is a lower bound for whatever offsets there
are; graph/planner.py reaches it or not.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from toolchain.graph.graph import Graph
from toolchain.graph.ops import JoinRows
from toolchain.graph.storage import Span, Storages, Words, spans

# Operators tried in some set before the search gives up and says what it knows: a few microseconds each.
_MOST_TRIED = 100_000


@dataclass(frozen=True)
class Schedule:
    """order: indices of the operators. peak_words: the most that lives in a step of it.

    least_words: no order has a smaller peak; where that equals peak_words, the order is proven optimal.
    """

    order: tuple[int, ...]
    peak_words: int
    least_words: int


@dataclass(frozen=True)
class _Overlay:
    """What an output would lie on. partly: rows of it may have been copied, so that some of it can still be needed."""

    spans: tuple[Span, ...]
    n_words: int
    partly: bool


class Memory:
    """Words that live, by the set of operators that have run (a bit mask over their indices)."""

    def __init__(
        self, storages: Storages, scratch_words: Mapping[int, int], overwrites: Mapping[str, tuple[str, ...]]
    ) -> None:
        graph = storages.graph
        self.n_operators = len(graph.operators)
        self.tried = 0  # how often `during` was asked: the measure of work
        self.all = (1 << self.n_operators) - 1
        self._caller = 1 << self.n_operators
        self._scratch = [scratch_words.get(index, 0) for index in range(self.n_operators)]
        pieces, written = _pieces(storages)
        cut = _cut(graph, storages, pieces)
        writers = {op.writes[0]: index for index, op in enumerate(graph.operators)}
        self.needs = [0] * self.n_operators
        self._reads: list[list[Span]] = []
        self._writes: list[int] = []
        self._kept: list[int] = []
        self._in_place: list[list[_Overlay]] = []
        for index, op in enumerate(graph.operators):
            for name in op.reads:
                self.needs[index] |= 1 << writers[name] if name in writers else 0
            found: dict[tuple[int, int], Span] = {}
            for name, _ in storages.reads(op):
                found |= _within(cut, _read_pieces(storages, pieces, index, name))
            self._reads.append(list(found.values()))
            own = _within(cut, written[index])
            self._writes.append(sum(span.n_words for span in own.values()))
            self._kept.append(sum(span.n_words for span in own.values() if span.readers))
            self._in_place.append(_overlays(storages, cut, pieces, index, overwrites.get(op.name, ())))
        self.followers: list[list[int]] = [[] for _ in range(self.n_operators)]
        for index, needed in enumerate(self.needs):
            for before in _bits(needed):
                self.followers[before].append(index)
        given = [span for s, storage in enumerate(storages.storages) if storage.writer < 0 for span in cut[s]]
        self.at_first = sum(span.n_words for span in given)
        self.start = sum(span.n_words for span in given if span.readers)
        at_last = sum(span.n_words for found in cut for span in found if span.readers & self._caller)
        self.least = max(self.at_first, self.start, at_last, *map(self._alone, range(self.n_operators)), 0)

    def _alone(self, index: int) -> int:
        """Words in use while that operator runs, if nothing else lives."""
        own = sum(span.n_words for span in self._reads[index])
        saved = max((overlay.n_words for overlay in self._in_place[index]), default=0)
        return own + self._writes[index] + self._scratch[index] - saved

    def ready(self, done: int) -> Iterator[int]:
        """Operators that could run next."""
        for index, needed in enumerate(self.needs):
            if not done >> index & 1 and needed & ~done == 0:
                yield index

    def during(self, done: int, living: int, index: int) -> int:
        """Words in use while operator `index` runs, where `living` live before it."""
        self.tried += 1
        left, own = (self.all | self._caller) & ~done, 1 << index
        saved = 0
        for overlay in self._in_place[index]:
            dying = sum(span.n_words for span in overlay.spans if span.readers & left == own)
            if overlay.partly or dying == overlay.n_words:
                saved = max(saved, dying)
        return living + self._writes[index] + self._scratch[index] - saved

    def after(self, done: int, living: int, index: int) -> int:
        """Words that live when it has run."""
        left, own = (self.all | self._caller) & ~done, 1 << index
        freed = sum(span.n_words for span in self._reads[index] if span.readers & left == own)
        return living + self._kept[index] - freed

    def peak(self, order: tuple[int, ...]) -> int:
        """The most that lives in a step of that order."""
        done, living, peak = 0, self.start, self.least
        for index in order:
            peak = max(peak, self.during(done, living, index))
            living = self.after(done, living, index)
            done |= 1 << index
        return peak


def least_peak(memory: Memory, most_tried: int = _MOST_TRIED) -> Schedule:
    """The order with the least peak: the Graph's own one where it is as good as any."""
    own = tuple(range(memory.n_operators))
    best = min((own, _greedy(memory)), key=memory.peak)
    least, found = _Search(memory).run(memory.peak(best), most_tried)
    best = best if found is None else found
    return Schedule(best, memory.peak(best), least)


def _greedy(memory: Memory) -> tuple[int, ...]:
    """At each step what needs the least, and of that what leaves the least."""
    done, living, order = 0, memory.start, []
    while done != memory.all:
        index = min(
            memory.ready(done), key=lambda i: (memory.during(done, living, i), memory.after(done, living, i), i)
        )
        living = memory.after(done, living, index)
        done |= 1 << index
        order.append(index)
    return tuple(order)


def orders_within(memory: Memory, limit_words: int, spend: Callable[[int], bool]) -> Iterator[tuple[int, ...]]:
    """All orders whose peak is at most `limit_words`. `spend`: takes work, in microseconds; False ends the search."""
    hopeless: set[int] = set()

    def below(done: int, living: int, order: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if done == memory.all:
            yield order
            return
        found = False
        for index in memory.ready(done):
            if not spend(memory.n_operators):
                return
            then = done | 1 << index
            if then not in hopeless and memory.during(done, living, index) <= limit_words:
                for whole in below(then, memory.after(done, living, index), (*order, index)):
                    found = True
                    yield whole
        if not found:
            hopeless.add(done)

    if memory.least <= limit_words:
        yield from below(0, memory.start, ())


class _Search:
    """Sets of operators that have been reached: with which peak at best, and from where."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.peaks = {0: memory.least}
        self.came_from: dict[int, tuple[int, tuple[int, ...]]] = {}

    def run(self, known_peak: int, most_tried: int) -> tuple[int, tuple[int, ...] | None]:
        """The least peak of all orders with an order that has it, if it is below `known_peak`; else that, and None.

        Where the search has to give up: a peak below which no order is, and None.
        """
        memory = self.memory
        queue = [(self.peaks[0], 0, 0, memory.start)]  # peak so far, minus how many have run, set, living words
        expanded: set[int] = set()
        until = memory.tried + most_tried
        while queue:
            peak, _, done, living = heapq.heappop(queue)
            if peak >= known_peak:
                break
            if memory.tried >= until:
                return peak, None
            done, living = self._forced(peak, done, living)
            if done == memory.all:
                return peak, self._path(done)
            if done in expanded:
                continue
            expanded.add(done)
            for index in memory.ready(done):
                grown = max(peak, memory.during(done, living, index))
                then = done | 1 << index
                if grown < known_peak and self._better(grown, then, done, (index,)):
                    after = memory.after(done, living, index)
                    heapq.heappush(queue, (grown, -then.bit_count(), then, after))
        return known_peak, None

    def _better(self, peak: int, then: int, done: int, chain: tuple[int, ...]) -> bool:
        if self.peaks.get(then, peak + 1) <= peak:
            return False
        self.peaks[then] = peak
        self.came_from[then] = (done, chain)
        return True

    def _forced(self, peak: int, done: int, living: int) -> tuple[int, int]:
        """Run the chains that cost nothing, one after another."""
        memory = self.memory
        while chain := _free_chain(memory, peak, done, living):
            before = done
            for index in chain:
                living = memory.after(done, living, index)
                done |= 1 << index
            self._better(peak, done, before, chain)
        return done, living

    def _path(self, done: int) -> tuple[int, ...]:
        order: tuple[int, ...] = ()
        while done:
            done, chain = self.came_from[done]
            order = (*chain, *order)
        return order


def _free_chain(memory: Memory, peak: int, done: int, living: int) -> tuple[int, ...]:
    """The first chain that can run within `peak` and leaves no more than lives now; or none."""
    for index in memory.ready(done):
        if chain := _chain_from(memory, peak, done, living, index):
            return chain
    return ()


def _chain_from(memory: Memory, peak: int, done: int, living: int, index: int) -> tuple[int, ...]:
    """Operators from `index` on, each waiting for the one before, that leave no more than lived before; or none."""
    chain: tuple[int, ...] = ()
    now = living
    while memory.during(done, now, index) <= peak:
        now = memory.after(done, now, index)
        done |= 1 << index
        chain = (*chain, index)
        if now <= living:
            return chain
        after = [i for i in memory.followers[index] if memory.needs[i] & ~done == 0]
        if len(after) != 1:
            break
        index = after[0]
    return ()


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _pieces(storages: Storages) -> tuple[dict[str, list[Words]], list[list[Words]]]:
    """Of which words each activation consists if every joined row lies where it belongs; what each operator writes."""
    pieces = {name: [words] for name, words in storages.view.items() if storages.storages[words.storage].writer < 0}
    written: list[list[Words]] = []
    for index, op in enumerate(storages.graph.operators):
        output = op.writes[0]
        whole = storages.view[output]
        if index in storages.view_operators:
            source = op.reads[0]
            pieces[output] = _slice(storages, pieces, source, whole)
            written.append([])
        elif isinstance(op, JoinRows):
            pieces[output], own = _joined(storages, pieces, op)
            written.append(own)
        else:
            pieces[output] = [whole]
            written.append([whole])
    return pieces, written


def _slice(storages: Storages, pieces: Mapping[str, list[Words]], name: str, wanted: Words) -> list[Words]:
    """The pieces of `name` that make up `wanted`, words of the same storage."""
    base = storages.view[name].low
    low, high = wanted.low - base, wanted.high - base
    found, at = [], 0
    for piece in pieces[name]:
        size = piece.high - piece.low
        start, end = max(low - at, 0), min(high - at, size)
        if start < end:
            found.append(piece.part(start, end))
        at += size
    return found


def _joined(storages: Storages, pieces: Mapping[str, list[Words]], op: JoinRows) -> tuple[list[Words], list[Words]]:
    """Pieces of a JoinRows' output, and those among them that it has to write itself."""
    whole = storages.view[op.output]
    found: list[Words] = []
    own: list[Words] = []
    at = 0
    for name, start in (*storages.joined(op), ("", whole.high)):
        if at < start:
            own.append(whole.part(at, start))
            found.append(own[-1])
            at = start
        if name:
            found += pieces[name]
            at = start + sum(piece.high - piece.low for piece in pieces[name])
    return found, own


def _read_pieces(storages: Storages, pieces: Mapping[str, list[Words]], index: int, name: str) -> list[Words]:
    wanted = dict(storages.reads(storages.graph.operators[index]))[name]
    return _slice(storages, pieces, name, wanted)


def _overlaid(storages: Storages, pieces: Mapping[str, list[Words]], index: int, name: str) -> list[Words]:
    """What the output of operator `index` lies on if it begins where its input `name` does."""
    output, words = storages.view[storages.graph.operators[index].writes[0]], storages.view[name]
    return _slice(storages, pieces, name, words.part(0, min(output.high - output.low, words.high - words.low)))


def _cut(graph: Graph, storages: Storages, pieces: Mapping[str, list[Words]]) -> list[tuple[Span, ...]]:
    """Each storage in spans of the same readers, cut also where pieces end and where outputs may lie on inputs."""
    marks: list[list[tuple[int, int, int]]] = [[] for _ in storages.storages]
    for index, op in enumerate(graph.operators):
        for name, _ in storages.reads(op):
            for piece in _read_pieces(storages, pieces, index, name):
                marks[piece.storage].append((piece.low, piece.high, 1 << index))
            for piece in _overlaid(storages, pieces, index, name):
                marks[piece.storage].append((piece.low, piece.high, 0))
    for name in graph.outputs:
        for piece in pieces[name]:
            marks[piece.storage].append((piece.low, piece.high, 1 << len(graph.operators)))
    for found in pieces.values():
        for piece in found:
            marks[piece.storage].append((piece.low, piece.high, 0))
    return [spans(storage.n_words, marked) for storage, marked in zip(storages.storages, marks, strict=True)]


def _within(cut: list[tuple[Span, ...]], pieces: list[Words]) -> dict[tuple[int, int], Span]:
    """The spans of those pieces, by storage and first word."""
    return {
        (piece.storage, span.low): span
        for piece in pieces
        for span in cut[piece.storage]
        if piece.low <= span.low and span.high <= piece.high
    }


def _overlays(
    storages: Storages,
    cut: list[tuple[Span, ...]],
    pieces: Mapping[str, list[Words]],
    index: int,
    promised: tuple[str, ...],
) -> list[_Overlay]:
    """For each input that may be overwritten: what the output would lie on."""
    op = storages.graph.operators[index]
    names = [name for name, _ in storages.reads(op)]
    kept: dict[tuple[int, int], Span] = {}
    for name in names:
        if name not in promised:
            kept |= _within(cut, _read_pieces(storages, pieces, index, name))
    found = []
    for name in names:
        if name in promised and index not in storages.view_operators and not isinstance(op, JoinRows):
            overlaid = _within(cut, _overlaid(storages, pieces, index, name))
            partly = pieces[name] != [storages.view[name]]
            free = tuple(span for place, span in overlaid.items() if place not in kept)
            if partly or len(free) == len(overlaid):
                found.append(_Overlay(free, sum(span.n_words for span in free), partly))
    return found
