# SPDX-License-Identifier: Apache-2.0
"""Plan: where every activation and every kernel's scratch lies in the arena, and when.

Time is counted in steps: operator i of the Graph runs at step i, the caller writes the inputs at step -1 and reads
the outputs at step `n_operators`. A value lives from the step that writes it to the last one that reads it,
both included.

             offset
       bytes  ^   +--------------+
              |   |   conv1 out  +-----------+        each row of the arena holds one value at a time;
              |   +------+-------+  scratch  |        in place: the output begins where its input begins,
              |   | input|       +-----------+        in the step that both live
              +---+------+-------------------+--> step
                  -1     0       1           2
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Allocation:
    """One activation: bytes [offset, offset + n_bytes) of the arena during the steps first..last.

    takes_over: the input on whose bytes this output is written (in place) or of which it is another view (Reshape).
    """

    tensor: str
    offset: int
    n_bytes: int
    first: int
    last: int
    takes_over: str | None = None

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
    """The arena.

    arena_bytes: size of the one static array; a multiple of `alignment`, as every offset is.
    lower_bound_bytes: the most that lives in one step, with what shares bytes counted once. No placement of these
    values can do with less, and where arena_bytes equals it the placement is optimal.
    """

    allocations: tuple[Allocation, ...]
    scratch: tuple[ScratchAllocation, ...]
    arena_bytes: int
    lower_bound_bytes: int
    alignment: int

    def allocation(self, tensor: str) -> Allocation:
        """Where that activation lies. Raises KeyError."""
        for found in self.allocations:
            if found.tensor == tensor:
                return found
        raise KeyError(tensor)

    def scratch_of(self, operator: str) -> ScratchAllocation | None:
        """Working memory of that operator; None where it has none."""
        return next((found for found in self.scratch if found.operator == operator), None)
