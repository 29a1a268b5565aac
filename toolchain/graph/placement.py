# SPDX-License-Identifier: Apache-2.0
"""Offsets for blocks of memory that live in known steps, such that the arena is small.

This is dynamic storage allocation, NP-hard in general and small here. A block may change its size from step to step
(a chain of in-place operators); it keeps its offset. Blocks are placed one after another, each at the lowest offset
where it collides with none before it. Some order of that kind is optimal: take an optimal arrangement and place its
blocks from the bottom up, none can end up higher than it was. So the search is over orders:

1. a handful of good orders (large first, long-lived first, ...);
2. all orders, by branch and bound, up to a fixed amount of work;
3. where that was not enough, exchanges of two blocks in the best order, up to another fixed amount.

It stops as soon as the arena is as small as the largest sum of sizes in one step. Nothing is random, so one Graph
always gets one plan.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Order = tuple[int, ...]

# Work is counted in neighbours looked at: about a microsecond each.
_SEARCH_WORK = 400_000
_EXCHANGE_WORK = 800_000


@dataclass(frozen=True)
class Block:
    """sizes: step -> bytes (> 0, multiples of the alignment) in each step that the block lives."""

    sizes: Mapping[int, int]

    @property
    def largest(self) -> int:
        """Its size in the step that it is largest."""
        return max(self.sizes.values())

    @property
    def area(self) -> int:
        """Bytes times steps."""
        return sum(self.sizes.values())


@dataclass(frozen=True)
class Placement:
    """offsets: one a block, in the blocks' order. total_bytes: what all together need. work: what the good
    orders cost, in neighbours looked at."""

    offsets: tuple[int, ...]
    total_bytes: int
    work: int


def peak_bytes(blocks: Sequence[Block]) -> int:
    """The largest sum of sizes in one step: no placement needs less."""
    total: dict[int, int] = {}
    for block in blocks:
        for step, size in block.sizes.items():
            total[step] = total.get(step, 0) + size
    return max(total.values(), default=0)


def place(blocks: Sequence[Block], *, thorough: bool = True) -> Placement:
    """A small placement of `blocks`. `thorough=False` stops after the good orders, for comparing many variants."""
    search = _Search(blocks)
    for order in _good_orders(blocks):
        search.try_order(order)
    work = search.preparation + _SEARCH_WORK - search.budget
    if thorough and search.best_bytes > search.bound:
        search.branch_and_bound()
        if search.best_bytes > search.bound and search.budget <= 0:
            search.exchange()
    return Placement(search.best_offsets, search.best_bytes, work)


def _good_orders(blocks: Sequence[Block]) -> Iterator[Order]:
    keys: tuple[Callable[[Block], tuple[int, ...]], ...] = (
        lambda b: (-b.largest, -len(b.sizes)),
        lambda b: (-b.area,),
        lambda b: (-len(b.sizes), -b.largest),
        lambda b: (min(b.sizes), -b.largest),
        lambda b: (-max(b.sizes), -b.largest),
        lambda b: (-b.largest * len(b.sizes),),
    )
    for key in keys:
        yield tuple(sorted(range(len(blocks)), key=lambda i: (*key(blocks[i]), i)))


class _Search:
    """State of one search: the best placement so far, and how much more work it may do."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = blocks
        self.bound = peak_bytes(blocks)
        self.best_bytes = sum(block.largest for block in blocks) + 1
        self.best_order: Order = ()
        self.best_offsets: tuple[int, ...] = ()
        self.budget = _SEARCH_WORK
        # heights[i][j]: how tall block i is in the steps that it shares with j; no entry where there is none.
        self.heights: list[dict[int, int]] = [{} for _ in blocks]
        living: dict[int, list[int]] = {}
        for i, block in enumerate(blocks):
            for step in block.sizes:
                living.setdefault(step, []).append(i)
        self.preparation = sum(len(those) ** 2 for those in living.values())
        for step, those in living.items():
            for i in those:
                size, heights = blocks[i].sizes[step], self.heights[i]
                for j in those:
                    if i != j and heights.get(j, 0) < size:
                        heights[j] = size

    def lowest_offset(self, block: int, placed: Mapping[int, int]) -> int:
        """The lowest offset at which `block` meets none of the placed ones (block -> offset)."""
        heights = self.heights
        self.budget -= len(heights[block]) + 1
        forbidden = sorted(
            (placed[other] - height, placed[other] + heights[other][block])
            for other, height in heights[block].items()
            if other in placed
        )
        offset = 0
        for low, high in forbidden:  # open intervals, by their lower end
            if offset <= low:
                break
            offset = max(offset, high)
        return offset

    def try_order(self, order: Order) -> None:
        """Place all blocks in that order; keep the result if it is the best."""
        placed: dict[int, int] = {}
        total = 0
        for block in order:
            placed[block] = self.lowest_offset(block, placed)
            total = max(total, placed[block] + self.blocks[block].largest)
        self._keep(order, placed, total)

    def _keep(self, order: Order, placed: Mapping[int, int], total: int) -> None:
        if total < self.best_bytes:
            self.best_bytes = total
            self.best_order = order
            self.best_offsets = tuple(placed[i] for i in range(len(self.blocks)))

    def branch_and_bound(self) -> None:
        """All orders, most promising first, as far as the budget goes."""
        self._branch((), {}, 0, self.best_order)

    def _branch(self, order: Order, placed: dict[int, int], total: int, left: Order) -> None:
        if not left:
            self._keep(order, placed, total)
            return
        for block in left:
            if self.budget <= 0 or self.best_bytes <= self.bound:
                return
            offset = self.lowest_offset(block, placed)
            grown = max(total, offset + self.blocks[block].largest)
            # Placing a block below the one placed before it is the same as having placed it earlier.
            if grown >= self.best_bytes or (order and (offset, block) < (placed[order[-1]], order[-1])):
                continue
            placed[block] = offset
            self._branch((*order, block), placed, grown, tuple(i for i in left if i != block))
            del placed[block]

    def exchange(self) -> None:
        """Exchange two blocks of the best order while that helps."""
        self.budget = _EXCHANGE_WORK
        improved = True
        while improved:
            improved = False
            for i in range(len(self.blocks)):
                for j in range(i + 1, len(self.blocks)):
                    if self.best_bytes <= self.bound or self.budget <= 0:
                        return
                    before = self.best_bytes
                    swapped = list(self.best_order)
                    swapped[i], swapped[j] = swapped[j], swapped[i]
                    self.try_order(tuple(swapped))
                    improved |= self.best_bytes < before
