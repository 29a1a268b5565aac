# SPDX-License-Identifier: Apache-2.0
"""Padding fusion: a Pad whose every reader is a convolution becomes padding of those convolutions.

Exact: both fill with the input's zero point. Pools stay behind their Pad, because their own padding does not count.
"""

from dataclasses import replace

from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D, DepthwiseConv2D, Operator, Pad, Padding
from toolchain.graph.passes.rewriting import with_operators


def fuse_padding(graph: Graph) -> Graph:
    """`graph` with Pads moved into the convolutions that read them."""
    fused: dict[str, Pad] = {}
    operators: list[Operator] = []
    for op in graph.operators:
        if isinstance(op, Pad) and op.output not in graph.outputs:
            before = fused.get(op.input)
            if before is not None:
                op = replace(op, input=before.input, padding=_sum(before.padding, op.padding))
            if all(isinstance(reader, Conv2D | DepthwiseConv2D | Pad) for reader in graph.consumers(op.output)):
                fused[op.output] = op
                continue
        elif isinstance(op, Conv2D | DepthwiseConv2D) and op.input in fused:
            border = fused[op.input]
            op = replace(op, input=border.input, padding=_sum(border.padding, op.padding))
        operators.append(op)
    return with_operators(graph, operators)


def _sum(first: Padding, second: Padding) -> Padding:
    return Padding(*(a + b for a, b in zip(first, second, strict=True)))
