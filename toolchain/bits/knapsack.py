# SPDX-License-Identifier: Apache-2.0
"""The multiple-choice knapsack of bits, solved exactly: one option a layer, least loss within so many bytes.

An option has bytes of its own and may need shared parts (the code of a kernel), which are paid once by whoever come
first. Without shared parts a backward dynamic programme over bytes is all:

    least_l(b) = min over options o of layer l:  loss_o + least_{l+1}(b - bytes_o)

kept as its steps, not as a table of b, so it is exact to the byte whatever the budget. With `least` known, allocations
come out in order of loss, one by one: a partial one is worth its loss plus the least that can follow.

Shared parts are decided by branch and bound. In a node each part is allowed and paid, forbidden, or open; an open part
that n layers could use is charged 1/n to each option that needs it, which is never more than it costs. So a node's
losses are lower bounds. What it lists is taken as long as it truly fits; the first that does not is the reason to
branch on one of its open parts. Nodes are opened in order of their bounds, until none can beat the K-th best known.
"""

import heapq
import itertools
import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Option:
    """One way to store a layer. needs: names of the shared parts that it cannot do without."""

    n_bytes: int
    loss: float
    needs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Taken:
    """One option of each layer, by index. n_bytes: with the shared parts. loss: the sum."""

    options: tuple[int, ...]
    n_bytes: int
    loss: float


Layers = Sequence[Sequence[Option]]


def total_bytes(layers: Layers, shared: Mapping[str, int], options: Sequence[int]) -> int:
    """Bytes of the chosen options and of every shared part that one of them needs."""
    taken = [layer[index] for layer, index in zip(layers, options, strict=True)]
    needed = frozenset[str]().union(*(option.needs for option in taken))
    return sum(option.n_bytes for option in taken) + sum(shared[name] for name in needed)


def best_options(layers: Layers, shared: Mapping[str, int], budget: int, n: int = 1) -> tuple[Taken, ...]:
    """The `n` allocations of least loss that take at most `budget` bytes, best first; fewer where there are fewer.

    Proven: none that is left out has less loss than one that is not.
    """
    found: dict[tuple[int, ...], Taken] = {}
    beaten = math.inf  # the K-th best loss so far
    waiting: list[tuple[float, int, _Relaxed]] = []
    begun = itertools.count()

    def begin(node: _Node) -> None:
        relaxed = _Relaxed(layers, shared, node)
        bound = relaxed.bound(budget)
        if bound is not None and bound < beaten:
            heapq.heappush(waiting, (bound, next(begun), relaxed))

    begin(_Node(frozenset(shared), frozenset()))
    while waiting and waiting[0][0] < beaten:
        relaxed = heapq.heappop(waiting)[2]
        for options, loss in itertools.islice(relaxed.ascending(budget), n):
            if loss >= beaten:
                break
            n_bytes = total_bytes(layers, shared, options)
            if n_bytes > budget:
                for node in relaxed.node.branches(relaxed.dearest(options)):
                    begin(node)
                break
            found[options] = Taken(options, n_bytes, loss)
            if len(found) >= n:
                found = {taken.options: taken for taken in sorted(found.values(), key=_rank)[:n]}
                beaten = max(taken.loss for taken in found.values())
    return tuple(sorted(found.values(), key=_rank))


def least_bytes(layers: Layers, shared: Mapping[str, int]) -> int:
    """What the smallest allocation takes: no budget below it can be met."""
    least: int | None = None
    waiting = [_Node(frozenset(shared), frozenset())]
    while waiting:
        node = waiting.pop()
        relaxed = _Relaxed(layers, shared, node)
        options = relaxed.smallest()
        if options is None or (least is not None and relaxed.bytes_of(options) >= least):
            continue
        n_bytes = total_bytes(layers, shared, options)
        least = n_bytes if least is None else min(least, n_bytes)
        if n_bytes > relaxed.bytes_of(options):
            waiting += node.branches(relaxed.dearest(options))
    if least is None:
        raise ValueError("a layer without options")
    return least


def _rank(taken: Taken) -> tuple[float, int, tuple[int, ...]]:
    return taken.loss, taken.n_bytes, taken.options


@dataclass(frozen=True)
class _Node:
    """Shared parts that are open, and that are paid whether they are used or not. The others are forbidden."""

    open: frozenset[str]
    paid: frozenset[str]

    def branches(self, part: str) -> "tuple[_Node, _Node]":
        """Without `part`, and with it paid."""
        return _Node(self.open - {part}, self.paid), _Node(self.open - {part}, self.paid | {part})


class _Relaxed:
    """The problem of a node without shared parts: which options are left, and what each is charged."""

    def __init__(self, layers: Layers, shared: Mapping[str, int], node: _Node) -> None:
        allowed = node.open | node.paid
        users = {name: sum(any(name in option.needs for option in layer) for layer in layers) for name in node.open}
        self.node = node
        self._layers, self._shared, self._users = layers, shared, users
        self._paid = sum(shared[name] for name in node.paid)
        self._after: list[_Steps] | None = None
        # Of each layer: (index, charged bytes, loss) of the options that are left.
        self._left = [
            [
                (index, option.n_bytes + sum(shared[name] // users[name] for name in option.needs & node.open), option)
                for index, option in enumerate(layer)
                if option.needs <= allowed
            ]
            for layer in layers
        ]

    def smallest(self) -> tuple[int, ...] | None:
        """The options that are charged least."""
        if not all(self._left):
            return None
        return tuple(min(left, key=lambda entry: (entry[1], entry[0]))[0] for left in self._left)

    def bytes_of(self, options: Sequence[int]) -> int:
        """What they are charged."""
        charged = [{index: n_bytes for index, n_bytes, _ in left} for left in self._left]
        return self._paid + sum(of[index] for of, index in zip(charged, options, strict=True))

    def dearest(self, options: Sequence[int]) -> str:
        """The open part that the options need and that they are charged least of what it costs."""
        needed = [layer[index].needs for layer, index in zip(self._layers, options, strict=True)]
        missing = {
            name: self._shared[name] - self._shared[name] // self._users[name] * sum(name in needs for needs in needed)
            for name in frozenset[str]().union(*needed) & self.node.open
        }
        return max(sorted(missing), key=lambda name: missing[name])

    def bound(self, budget: int) -> float | None:
        """The least loss by what options are charged; None where nothing fits."""
        if self._after is None:
            self._after = self._steps(budget - self._paid)
        return self._after[0].at(budget - self._paid)

    def ascending(self, budget: int) -> Iterator[tuple[tuple[int, ...], float]]:
        """All that fit by what they are charged, in ascending order of loss; options and loss of each."""
        start = self.bound(budget)
        after, budget = self._after or [], budget - self._paid
        waiting: list[tuple[float, tuple[int, ...], int, float]] = [] if start is None else [(start, (), 0, 0.0)]
        while waiting:
            _, options, used, loss = heapq.heappop(waiting)
            if len(options) == len(self._left):
                yield options, loss
                continue
            for index, n_bytes, option in self._left[len(options)]:
                rest = after[len(options) + 1].at(budget - used - n_bytes)
                if rest is not None:
                    value = loss + option.loss + rest
                    heapq.heappush(waiting, (value, (*options, index), used + n_bytes, loss + option.loss))

    def _steps(self, budget: int) -> "list[_Steps]":
        """The least loss of layers l.. within b bytes, as a function of b, for each l."""
        after = [_Steps(np.zeros(1, np.int64), np.zeros(1))]
        for left in reversed(self._left):
            after.append(after[-1].before([(n_bytes, option.loss) for _, n_bytes, option in left], budget))
        return after[::-1]


class _Steps:
    """A falling step function of bytes: from n_bytes[i] on the loss is losses[i]."""

    def __init__(self, n_bytes: NDArray[np.int64], losses: NDArray[np.float64]) -> None:
        self._n_bytes, self._losses = n_bytes, losses
        self._edges, self._values = n_bytes.tolist(), losses.tolist()

    def at(self, budget: int) -> float | None:
        """The least loss within `budget`; None where nothing fits."""
        index = bisect_right(self._edges, budget)
        return self._values[index - 1] if index else None

    def before(self, options: Sequence[tuple[int, float]], budget: int) -> "_Steps":
        """The same with one layer more in front, whose options are (bytes, loss)."""
        n_bytes = np.concatenate([self._n_bytes + size for size, _ in options] or [np.zeros(0, np.int64)])
        losses = np.concatenate([self._losses + loss for _, loss in options] or [np.zeros(0)])
        within = n_bytes <= budget
        n_bytes, losses = n_bytes[within], losses[within]
        order = np.lexsort((losses, n_bytes))
        n_bytes, losses = n_bytes[order], losses[order]
        least = np.minimum.accumulate(losses)
        kept = np.ones(len(least), bool)
        kept[1:] = least[1:] < least[:-1]
        return _Steps(n_bytes[kept], losses[kept])
