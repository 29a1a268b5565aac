# SPDX-License-Identifier: Apache-2.0
"""Storages: which bytes the activations of a Graph are made of, and who reads which of them. No order, no offsets.

A storage is what one operator writes (or the caller, for an input). A Reshape writes nothing, nor does a TakeRows that
begins on a whole word: their outputs are views of another value's storage.

    x       |####|####|####|####|     storage of x, read as a whole by nobody
    top     |####|####|               a view: TakeRows(x, 0)        words 0..2 are read by what reads `top`,
    bottom            |####|####|     a view: TakeRows(x, 2)        words 2..4 by what reads `bottom`

So liveness is known for each word: the upper half of x is free as soon as `top` has been read for the last time.

Everything is counted in words of `alignment` bytes, on which all values begin. A word holds one value at a time: of a
word of which only the last bytes are still to be read (rows of no whole words) nobody uses the first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from toolchain.graph.graph import Graph
from toolchain.graph.ops import JoinRows, Operator, Reshape, TakeRows

# Words [low, high).
Interval = tuple[int, int]


@dataclass(frozen=True)
class Words:
    """Words [low, high) of one storage."""

    storage: int
    low: int
    high: int

    def part(self, low: int, high: int) -> "Words":
        """Those of its words from `low` to `high`, counted from its first."""
        return Words(self.storage, self.low + low, self.low + high)

    def meets(self, other: "Words") -> bool:
        """Whether they have a word in common."""
        return self.storage == other.storage and self.low < other.high and other.low < self.high


@dataclass(frozen=True)
class Storage:
    """n_words: its size. writer: index of the operator that writes it, -1 for the caller."""

    n_words: int
    writer: int


@dataclass(frozen=True)
class Span:
    """Words that have the same readers. readers: bit i for operator i of the Graph, the bit behind for the caller."""

    low: int
    high: int
    readers: int

    @property
    def n_words(self) -> int:
        """Its size."""
        return self.high - self.low


class Storages:
    """All storages of a Graph and what lies on them.

    view: activation -> its words. view_operators: indices of the operators whose output nobody has to write.
    """

    def __init__(self, graph: Graph, alignment: int) -> None:
        self.graph = graph
        self.alignment = alignment
        self.storages: list[Storage] = []
        self.view: dict[str, Words] = {}
        self.view_operators: set[int] = set()
        for name in graph.inputs:
            if name not in self.view:
                self._add(name, -1)
        for index, op in enumerate(graph.operators):
            source = self._viewed(op)
            if source is None:
                self._add(op.writes[0], index)
            else:
                self.view[op.writes[0]] = source
                self.view_operators.add(index)

    def words(self, n_bytes: int) -> int:
        """Bytes in whole words."""
        return -(-n_bytes // self.alignment)

    def _size(self, name: str) -> int:
        return self.words(self.graph.tensor(name).container_bytes)

    def _add(self, name: str, writer: int) -> None:
        self.view[name] = Words(len(self.storages), 0, self._size(name))
        self.storages.append(Storage(self._size(name), writer))

    def _viewed(self, op: Operator) -> Words | None:
        """The words that the operator's output is another view of; None where it has to be written."""
        if isinstance(op, Reshape):
            return self.view.get(op.input)
        if isinstance(op, TakeRows) and op.input in self.view:
            first = first_byte(self.graph, op)
            if first % self.alignment == 0:
                low = first // self.alignment
                return self.view[op.input].part(low, low + self._size(op.output))
        return None

    @property
    def rows_are_joined_twice(self) -> bool:
        """Whether some rows go into several JoinRows: those outputs might then lie on the same bytes."""
        joined = [
            self.view[name]
            for op in self.graph.operators
            if isinstance(op, JoinRows)
            for name in dict.fromkeys(op.inputs)
            if name in self.view
        ]
        return any(a.meets(b) for at, a in enumerate(joined) for b in joined[at + 1 :])

    def reads(self, op: Operator) -> list[tuple[str, Words]]:
        """Activations that the operator reads, each once, and the words of it that it reads."""
        found = []
        for name in dict.fromkeys(op.reads):
            if name in self.view:
                words = self.view[name]
                if isinstance(op, TakeRows):
                    first = first_byte(self.graph, op)
                    end = first + self.graph.tensor(op.output).container_bytes
                    words = words.part(first // self.alignment, self.words(end))
                found.append((name, words))
        return found

    def joined(self, op: JoinRows) -> list[tuple[str, int]]:
        """Inputs that may lie where their rows stand in the output, and the word of the output where that is.

        None, if some input begins within a word.
        """
        found, byte = [], 0
        for name in op.inputs:
            if byte % self.alignment:
                return []
            if name in self.view:
                found.append((name, byte // self.alignment))
            byte += self.graph.tensor(name).container_bytes
        return found


def first_byte(graph: Graph, op: TakeRows) -> int:
    """Where the rows that it takes begin in its input."""
    output = graph.tensor(op.output)
    return op.first * (output.container_bytes // output.shape[1])


def spans(n_words: int, marks: Iterable[tuple[int, int, int]]) -> tuple[Span, ...]:
    """The words 0..n_words cut where their readers change. marks: (low, high, reader's bit)."""
    known = [mark for mark in marks if mark[0] < mark[1]]
    edges = sorted({0, n_words, *(edge for low, high, _ in known for edge in (low, high))})
    found = []
    for low, high in pairwise(edges):
        readers = 0
        for start, end, bit in known:
            if start <= low and high <= end:
                readers |= bit
        found.append(Span(low, high, readers))
    return tuple(found)


def merged(intervals: Sequence[Interval]) -> tuple[Interval, ...]:
    """The same words in as few intervals as can be, ascending."""
    found: list[Interval] = []
    for low, high in sorted(intervals):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)
