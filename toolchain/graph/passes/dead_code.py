# SPDX-License-Identifier: Apache-2.0
"""Dead code: operators whose result nothing needs, and tensors that nothing mentions. Inputs stay."""

from dataclasses import replace

from toolchain.graph.graph import Graph
from toolchain.graph.ops import Operator


def drop_dead_code(graph: Graph) -> Graph:
    """`graph` without operators that no output depends on, and without tensors that no operator mentions."""
    needed = set(graph.outputs)
    kept: list[Operator] = []
    for op in reversed(graph.operators):
        if needed.intersection(op.writes):
            needed.update(op.reads)
            kept.append(op)
    mentioned = needed | set(graph.inputs)
    tensors = tuple(tensor for tensor in graph.tensors if tensor.name in mentioned)
    return replace(graph, operators=tuple(reversed(kept)), tensors=tensors)
