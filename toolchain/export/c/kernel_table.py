# SPDX-License-Identifier: Apache-2.0
"""The table of all kernels, and which of them take an operator on a core; export/c/choice.py chooses among those.

To add a kernel: its C file in firmware_templates/kernels/, its prototype in sb_kernels.h, and a row here (in the
module of its operators), before the rows that it is better than. tests/kernels/ loops over this table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from toolchain.core import Core
from toolchain.errors import ModelError
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.rows import (
    convolutions,
    depthwise,
    elements,
    fives,
    fully_connected,
    helium,
    images,
    joined,
    packed,
    paired,
    planes,
    scalar,
    shifted,
    short_fields,
    triple,
    whole_fields,
)
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D, DepthwiseConv2D, FullyConnected, Operator

# For each operator the fastest first; behind them what takes the rest, as far as the C code can take it at all.
_EIGHT_BITS: tuple[Kernel, ...] = (
    *helium.KERNELS,
    *paired.KERNELS,
    *depthwise.KERNELS,
    *scalar.KERNELS,
    *convolutions.KERNELS,
    *fully_connected.KERNELS,
    *images.KERNELS,
    *elements.KERNELS,
)
# Before those what takes layers of fewer bits: kernels of their own, and the same from packed weights.
KERNELS: tuple[Kernel, ...] = (
    *planes.KERNELS,
    *triple.KERNELS,
    *shifted.KERNELS,
    *short_fields.KERNELS,
    *fives.KERNELS,
    *joined.KERNELS,
    *whole_fields.KERNELS,
    *packed.KERNELS,
    *packed.from_packed(_EIGHT_BITS),
    *_EIGHT_BITS,
)


@dataclass(frozen=True)
class Choice:
    """kernel: the one taken. passed_over: others that stand before it, each with the reason why it was not."""

    kernel: Kernel
    passed_over: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Candidates:
    """The kernels for one operator in the order of the table, each with why it does not take it, None where it does."""

    rows: tuple[tuple[Kernel, str | None], ...]

    @property
    def taking(self) -> tuple[Kernel, ...]:
        """Those that take it."""
        return tuple(kernel for kernel, reason in self.rows if reason is None)

    def refused_before(self, kernel: Kernel) -> tuple[tuple[str, str], ...]:
        """Those that stand before `kernel` and cannot take it, each with the reason."""
        before = self.rows[: next(index for index, row in enumerate(self.rows) if row[0] is kernel)]
        return tuple((row.name, reason) for row, reason in before if reason is not None)


def candidates(
    graph: Graph, op: Operator, core: Core, table: Sequence[Kernel] = KERNELS, most_scratch: int | None = None
) -> Candidates:
    """Which kernels of the table take `op` on `core`. Raises ModelError where none does.

    most_scratch: bytes of working memory that it should do with; where none does, those with the least are taken.
    """
    few_bits = isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected) and graph.tensor(op.weights).bits < 8
    concerned = (k for k in table if isinstance(op, k.operator) and (few_bits or not k.few_bits))
    rows = tuple((kernel, kernel.refuses(graph, op, core)) for kernel in concerned)
    if all(reason is not None for _, reason in rows):
        reasons = "; ".join(f"{kernel.name or 'no copy'}: {reason}" for kernel, reason in rows)
        raise ModelError(f"graph {graph.name}: operator {op.name}: no C kernel takes this {op.kind}: {reasons}")
    if most_scratch is None:
        return Candidates(rows)
    needs = [kernel.scratch_bytes(graph, op) if reason is None else None for kernel, reason in rows]
    most = max(most_scratch, min(need for need in needs if need is not None))
    return Candidates(
        tuple(
            (kernel, f"works in {need} B of scratch, more than {most}" if need is not None and need > most else reason)
            for (kernel, reason), need in zip(rows, needs, strict=True)
        )
    )


def first_kernels(
    graph: Graph, core: Core, table: Sequence[Kernel], most_scratch: int | None = None
) -> dict[str, Choice]:
    """For each operator, by name, the first kernel of the table that takes it; most_scratch and errors as for
    candidates."""
    found = {op.name: candidates(graph, op, core, table, most_scratch) for op in graph.operators}
    return {name: Choice(of.taking[0], of.refused_before(of.taking[0])) for name, of in found.items()}
