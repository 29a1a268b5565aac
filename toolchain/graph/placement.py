# SPDX-License-Identifier: Apache-2.0
"""Offsets for blocks of memory that live in known steps, such that the arena is as small as can be; with a proof.

All that matters between two blocks is by how much their offsets differ. Where both live in some step, some differences
would make them collide:

    forbidden differences of two blocks, 8 and 5 words       -5 < d < 8
    the same where the second may begin on the first         -5 < d < 0  and  0 < d < 8: d = 0 is allowed
    the first has a hole of 5 words in it, at its word 2     -5 < d < 2  and  2 < d < 8

In place, rows that lie within what they are joined to, and holes of dead rows are all the same to the search.

1. Good orders (large first, long-lived first, ...): each block goes to the lowest offset that is not forbidden.
2. Is there a placement of at most so many words? Every block has a range of offsets, every pair of blocks a list of
   differences that are left. Ranges and lists narrow each other; where nothing more follows, one pair's differences
   are tried one after another. That either finds a placement or proves that there is none, if the work allowed lasts.
3. Where it does not, exchanges of two blocks in the best order, up to another fixed amount.

Nothing is random, so one Graph always gets one plan.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from toolchain.graph.storage import Interval

Order = tuple[int, ...]
# Open intervals of forbidden differences, ascending, without a common inner point.
Forbidden = tuple[Interval, ...]

# Work is counted in microseconds, roughly.
_EXCHANGE_WORK = 200_000
_FAR = 1 << 62


@dataclass(frozen=True)
class Block:
    """n_words: what it takes of the arena. n_steps: during how many steps. birth: the first of them."""

    n_words: int
    n_steps: int
    birth: int


@dataclass(frozen=True)
class Placement:
    """offsets: one a block. total_words: what all together need. optimal: whether no placement needs less."""

    offsets: tuple[int, ...]
    total_words: int
    optimal: bool


class Budget:
    """How much work may still be done."""

    def __init__(self, work: int) -> None:
        self.left = work

    def spend(self, work: int = 1) -> bool:
        """Take so much of it. False if there is nothing left."""
        self.left -= work
        return self.left > 0


class Conflicts:
    """of[i][j]: the differences offset of j - offset of i at which the two would collide; no entry where none are."""

    def __init__(self, n_blocks: int) -> None:
        self.of: list[dict[int, Forbidden]] = [{} for _ in range(n_blocks)]

    def add(self, i: int, j: int, intervals: Sequence[Interval], allowed: Sequence[int] = ()) -> None:
        """Forbid what lies inside those open intervals, but for the differences `allowed`."""
        joined = _joined(intervals)
        for point in sorted(set(allowed)):
            joined = [part for low, high in joined for part in _split(low, high, point)]
        if joined:
            self.of[i][j] = tuple(joined)
            self.of[j][i] = tuple((-high, -low) for low, high in reversed(joined))


def _joined(intervals: Sequence[Interval]) -> list[Interval]:
    """Open intervals without overlaps; two that only touch leave the point between them."""
    found: list[Interval] = []
    for low, high in sorted(intervals):
        if high - low < 2:
            continue  # no integer inside
        if found and low < found[-1][1]:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found


def _split(low: int, high: int, point: int) -> list[Interval]:
    if not low < point < high:
        return [(low, high)]
    return [(a, b) for a, b in ((low, point), (point, high)) if b - a > 1]


def place(
    blocks: Sequence[Block], conflicts: Conflicts, least_words: int, budget: Budget, *, below: int = _FAR
) -> Placement | None:
    """A small placement of `blocks` with fewer than `below` words; None where none is found.

    least_words: no placement can do with less; where that is reached, the search stops. Where None comes back and the
    budget is not used up, there is none.
    """
    largest = max((block.n_words for block in blocks), default=0)
    search = _Search(blocks, conflicts, max(least_words, largest), below)
    for order in _good_orders(blocks):
        if search.best_words > search.least:
            search.try_order(order)
            budget.spend(len(blocks) ** 2)
    optimal = search.narrow(budget)
    if not optimal and below == _FAR:
        search.exchange(Budget(_EXCHANGE_WORK))
        optimal = search.best_words == search.least
    if search.best_offsets is None:
        return None
    return Placement(search.best_offsets, search.best_words, optimal)


def _good_orders(blocks: Sequence[Block]) -> Iterator[Order]:
    keys: tuple[Callable[[Block], tuple[int, ...]], ...] = (
        lambda b: (-b.n_words, -b.n_steps),
        lambda b: (-b.n_words * b.n_steps,),
        lambda b: (-b.n_steps, -b.n_words),
        lambda b: (b.birth, -b.n_words),
        lambda b: (-b.birth - b.n_steps, -b.n_words),
    )
    for key in keys:
        yield tuple(sorted(range(len(blocks)), key=lambda i: (*key(blocks[i]), i)))


class _Search:
    """The best placement so far, and how to get better ones. best_words: only what has fewer is of interest."""

    def __init__(self, blocks: Sequence[Block], conflicts: Conflicts, least: int, below: int) -> None:
        self.blocks = blocks
        self.conflicts = conflicts
        self.least = least
        self.best_words = below
        self.best_order: Order = tuple(range(len(blocks)))
        self.best_offsets: tuple[int, ...] | None = None

    def lowest_offset(self, block: int, placed: Mapping[int, int]) -> int:
        """The lowest offset at which `block` collides with none of the placed ones (block -> offset)."""
        forbidden = sorted(
            (placed[other] - high, placed[other] - low)
            for other, parts in self.conflicts.of[block].items()
            if other in placed
            for low, high in parts
        )
        offset = 0
        for low, high in forbidden:
            if offset <= low:
                break
            offset = max(offset, high)
        return offset

    def try_order(self, order: Order) -> None:
        """Place all blocks in that order; keep the result if it is the best."""
        placed: dict[int, int] = {}
        for block in order:
            placed[block] = self.lowest_offset(block, placed)
            if placed[block] + self.blocks[block].n_words >= self.best_words:
                return
        self.best_order = order
        self._keep([placed[i] for i in range(len(self.blocks))])

    def _keep(self, offsets: Sequence[int]) -> None:
        self.best_words = max((o + b.n_words for o, b in zip(offsets, self.blocks, strict=True)), default=0)
        self.best_offsets = tuple(offsets)

    def narrow(self, budget: Budget) -> bool:
        """Improve the placement until it is proven optimal. False where the budget ends before."""
        while self.best_words > self.least and budget.left > 0:
            ranges = Ranges(self.blocks, self.conflicts, min(self.best_words - 1, _FAR >> 1), budget)
            found = ranges.solve()
            if found is None:
                return budget.left > 0
            self._keep(found)
        return self.best_words <= self.least

    def exchange(self, budget: Budget) -> None:
        """Exchange two blocks of the best order while that helps."""
        improved = True
        while improved:
            improved = False
            for i in range(len(self.blocks)):
                for j in range(i + 1, len(self.blocks)):
                    if self.best_words <= self.least or not budget.spend(8 * len(self.blocks)):
                        return
                    before = self.best_words
                    swapped = list(self.best_order)
                    swapped[i], swapped[j] = swapped[j], swapped[i]
                    self.try_order(tuple(swapped))
                    improved |= self.best_words < before


# low, high, least, most of Ranges.
_State = tuple[list[int], list[int], list[int], list[int]]


class Ranges:
    """Ranges of the blocks' offsets and of the pairs' differences within an arena of `limit` words.

    low[i] <= offset of i <= high[i],   least[p] <= difference of pair p <= most[p]
    """

    def __init__(self, blocks: Sequence[Block], conflicts: Conflicts, limit: int, budget: Budget) -> None:
        self.budget = budget
        self.pairs = [(i, j) for i, found in enumerate(conflicts.of) for j in found if i < j]
        self.forbidden = [conflicts.of[i][j] for i, j in self.pairs]
        self.weights = [blocks[i].n_words + blocks[j].n_words for i, j in self.pairs]
        self.pairs_of: list[list[int]] = [[] for _ in blocks]
        for pair, (i, j) in enumerate(self.pairs):
            self.pairs_of[i].append(pair)
            self.pairs_of[j].append(pair)
        self.low = [0] * len(blocks)
        self.high = [limit - block.n_words for block in blocks]
        self.least = [-_FAR] * len(self.pairs)
        self.most = [_FAR] * len(self.pairs)

    def solve(self) -> list[int] | None:
        """Offsets within the limit; None where there are none, or where the budget ended before that was known."""
        if any(high < 0 for high in self.high):
            return None
        alive = self._settle(range(len(self.pairs)))
        undecided: list[tuple[int, list[Interval], _State]] = []  # pair, what is left to try, all as it was before
        while self.budget.left > 0:
            if alive:
                pair = self._worst_pair()
                self.budget.spend(len(self.pairs) // 2)
                if pair is None:
                    return list(self.low)
                undecided.append((pair, self._choices(pair), (self.low, self.high, self.least, self.most)))
            while undecided and not undecided[-1][1]:
                undecided.pop()
            if not undecided:
                return None
            pair, choices, state = undecided[-1]
            self.low, self.high, self.least, self.most = (part[:] for part in state)
            self.least[pair], self.most[pair] = choices.pop(0)
            alive = self._settle((pair,))
        return None

    def _worst_pair(self) -> int | None:
        """Of the pairs that collide where every block lies as low as it can, the largest."""
        worst = None
        for pair, (i, j) in enumerate(self.pairs):
            difference = self.low[j] - self.low[i]
            if any(low < difference < high for low, high in self.forbidden[pair]) and (
                worst is None or self.weights[pair] > self.weights[worst]
            ):
                worst = pair
        return worst

    def _choices(self, pair: int) -> list[Interval]:
        """The ranges of differences that are left to it: single points first, then what moves it least."""
        i, j = self.pairs[pair]
        here = self.low[j] - self.low[i]
        found = []
        start = self.least[pair]
        for low, high in self.forbidden[pair]:
            if low >= start:
                found.append((start, min(low, self.most[pair])))
            start = max(start, high)
        found.append((start, self.most[pair]))
        found = [(low, high) for low, high in found if low <= high]
        return sorted(found, key=lambda r: (r[0] < r[1], max(r[0] - here, here - r[1]), r))

    def _settle(self, changed: Sequence[int]) -> bool:
        """Narrow until nothing more follows. False where something has no place left."""
        queue = list(changed)
        waiting = set(queue)
        while queue:
            pair = queue.pop()
            waiting.discard(pair)
            if not self.budget.spend(3):
                return False
            moved = self._narrow(pair)
            if moved is None:
                return False
            for block in moved:
                for other in self.pairs_of[block]:
                    if other not in waiting:
                        waiting.add(other)
                        queue.append(other)
        return True

    def _narrow(self, pair: int) -> list[int] | None:
        """Narrow one pair and its blocks: the blocks whose range changed, or None where nothing is left."""
        i, j = self.pairs[pair]
        low, high = self.low, self.high
        least = max(self.least[pair], low[j] - high[i])
        most = min(self.most[pair], high[j] - low[i])
        for start, end in self.forbidden[pair]:
            if start < least < end:
                least = end
        for start, end in reversed(self.forbidden[pair]):
            if start < most < end:
                most = start
        if least > most:
            return None
        self.least[pair], self.most[pair] = least, most
        moved = []
        if low[i] + least > low[j] or high[i] + most < high[j]:
            low[j], high[j] = max(low[j], low[i] + least), min(high[j], high[i] + most)
            moved.append(j)
        if low[j] - most > low[i] or high[j] - least < high[i]:
            low[i], high[i] = max(low[i], low[j] - most), min(high[i], high[j] - least)
            moved.append(i)
        if low[i] > high[i] or low[j] > high[j]:
            return None
        return moved
