# SPDX-License-Identifier: Apache-2.0
"""The table of all kernels, and which of them an operator gets on a core: the first that does not refuse.

To add a kernel: its C file in firmware_templates/kernels/, its prototype in sb_kernels.h, and a row here (in the
module of its operators), before the rows that it is better than. tests/kernels/ loops over this table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from toolchain.core import Core
from toolchain.errors import ModelError
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.rows import convolutions, depthwise, elements, fully_connected, helium, images, paired, scalar
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Operator

# For each operator the fastest first; behind them what takes the rest, as far as the C code can take it at all.
KERNELS: tuple[Kernel, ...] = (
    *helium.KERNELS,
    *paired.KERNELS,
    *depthwise.KERNELS,
    *scalar.KERNELS,
    *convolutions.KERNELS,
    *fully_connected.KERNELS,
    *images.KERNELS,
    *elements.KERNELS,
)


@dataclass(frozen=True)
class Choice:
    """kernel: the one taken. passed_over: better ones, each with the reason why it could not be taken."""

    kernel: Kernel
    passed_over: tuple[tuple[str, str], ...]


def choose_kernel(
    graph: Graph, op: Operator, core: Core, table: Sequence[Kernel] = KERNELS, most_scratch: int | None = None
) -> Choice:
    """The first kernel of the table that takes `op` on `core`. Raises ModelError where none does.

    most_scratch: bytes of working memory that it should do with; where none does, the one with the least is taken.
    """
    if most_scratch is not None:
        takers = [k for k in table if isinstance(op, k.operator) and k.refuses(graph, op, core) is None]
        needs = {kernel: kernel.scratch_bytes(graph, op) for kernel in takers}
        lean = min(needs, key=lambda kernel: max(needs[kernel], most_scratch), default=None)
        table = [kernel for kernel in table if lean in (kernel, None)]
    passed_over: list[tuple[str, str]] = []
    for kernel in table:
        if isinstance(op, kernel.operator):
            reason = kernel.refuses(graph, op, core)
            if reason is None:
                return Choice(kernel, tuple(passed_over))
            passed_over.append((kernel.function, reason))
    reasons = "; ".join(f"{name or 'no copy'}: {reason}" for name, reason in passed_over)
    raise ModelError(f"graph {graph.name}: operator {op.name}: no C kernel takes this {op.kind}: {reasons}")
