# SPDX-License-Identifier: Apache-2.0
"""Plan: where every activation and every kernel's scratch lies in the arena, and when.

Time is counted in steps: operator order[i] runs at step i, the caller writes the inputs at step -1 and reads the
outputs at step `n_operators`. A value lives from the step that writes it to the last one that reads it, both included.

             offset
       bytes  ^   +--------------+
              |   |   conv1 out  +-----------+        each row of the arena holds one value at a time;
              |   +------+-------+  scratch  |        in place: the output begins where its input begins,
              |   | input|       +-----------+        in the step that both live
              +---+------+-------------------+--> step
                  -1     0       1           2
"""

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Allocation:
    """One activation: bytes [offset, offset + n_bytes) of the arena during the steps first..last.

    takes_over: the inputs on whose bytes this output is written (in place), of which it is another view (Reshape,
    TakeRows), or which lie where their rows belong in it (JoinRows).
    """

    tensor: str
    offset: int
    n_bytes: int
    first: int
    last: int
    takes_over: tuple[str, ...] = ()

    @property
    def end(self) -> int:
        """First byte behind it."""
        return self.offset + self.n_bytes


@dataclass(frozen=True)
class ScratchAllocation:
    """Working memory of one operator, which lives in that operator's step only."""

    operator: str
    offset: int
    n_bytes: int
    step: int

    @property
    def end(self) -> int:
        """First byte behind it."""
        return self.offset + self.n_bytes


@dataclass(frozen=True)
class Plan:
    """The arena, and the order of execution.

    order: names of the operators, as they run. arena_bytes: size of the one static array; a multiple of `alignment`,
    as every offset is.
    peak_bytes: the most that lives in one step of that order, with what can share bytes counted once.
    lower_bound_bytes: no plan for this Graph can do with less, whatever its order, its offsets and what works in
    place; of plans in which Reshape, and TakeRows from a whole word on, are views, and no two values share a word
    of `alignment` bytes. Where arena_bytes equals it, the plan is proven optimal.
    """

    order: tuple[str, ...]
    allocations: tuple[Allocation, ...]
    scratch: tuple[ScratchAllocation, ...]
    arena_bytes: int
    peak_bytes: int
    lower_bound_bytes: int
    alignment: int

    @property
    def proven(self) -> bool:
        """Whether no plan can be smaller."""
        return self.arena_bytes == self.lower_bound_bytes

    def allocation(self, tensor: str) -> Allocation:
        """Where that activation lies. Raises KeyError."""
        return self._by_tensor[tensor]

    def scratch_of(self, operator: str) -> ScratchAllocation | None:
        """Working memory of that operator; None where it has none."""
        return self._by_operator.get(operator)

    @cached_property
    def _by_tensor(self) -> dict[str, Allocation]:
        return {found.tensor: found for found in self.allocations}

    @cached_property
    def _by_operator(self) -> dict[str, ScratchAllocation]:
        return {found.operator: found for found in self.scratch}
