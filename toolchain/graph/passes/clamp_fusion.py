# SPDX-License-Identifier: Apache-2.0
"""Clamp fusion: a Requantise that keeps its grid and only clamps becomes the clamp of the operator in front of it.

Exact: clamping twice is clamping to the intersection. A Requantise that changes the grid stays, since fusing it
would round once where the file rounds twice. One that does nothing at all is taken away.
"""

from dataclasses import replace

from toolchain.graph.graph import Graph
from toolchain.graph.ops import Clamp, Operator, Requantise
from toolchain.graph.passes.rewriting import Clamped, with_operators, with_tensors


def fuse_clamps(graph: Graph) -> Graph:
    """`graph` with lone clamps fused into their producers where nothing else reads the unclamped value."""
    operators: dict[str, Operator] = {op.name: op for op in graph.operators}
    writer = {op.writes[0]: op.name for op in graph.operators}
    readers = {tensor.name: 0 for tensor in graph.tensors}
    for op in graph.operators:
        for name in op.reads:
            readers[name] += 1
    for name in graph.outputs:
        readers[name] += 1
    renamed: dict[str, str] = {}
    for op in graph.operators:
        if not isinstance(op, Requantise) or not _keeps_grid(graph, op):
            continue
        source = renamed.get(op.input, op.input)
        if op.activation == Clamp() and op.output not in graph.outputs:
            renamed[op.output] = source
            readers[source] += readers[op.output] - 1
            del operators[op.name]
            continue
        producer = operators.get(writer.get(source, ""))
        if not isinstance(producer, Clamped) or readers[source] != 1:
            continue
        operators[producer.name] = with_tensors(
            replace(producer, activation=_both(producer.activation, op.activation)),
            {},
            {source: op.output},
        )
        writer[op.output] = producer.name
        del operators[op.name]
    return with_operators(graph, [with_tensors(op, renamed) for op in operators.values()])


def _keeps_grid(graph: Graph, op: Requantise) -> bool:
    return graph.tensor(op.input).quantisation == graph.tensor(op.output).quantisation


def _both(first: Clamp, second: Clamp) -> Clamp:
    """The clamp that does `first` and then `second`."""
    low, high = (min(max(bound, second.low), second.high) for bound in first)
    return Clamp(low, high)
