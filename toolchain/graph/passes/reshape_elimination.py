# SPDX-License-Identifier: Apache-2.0
"""Reshape elimination: a Reshape moves no bytes, so most of them need not be operators.

behind another Reshape           reads what that one read
in front of FullyConnected       dropped: it reads its input in memory order anyway
to the shape it has              dropped
as the only reader of an input   dropped: the input takes the new shape
"""

from dataclasses import replace

from toolchain.graph.graph import Graph
from toolchain.graph.ops import FullyConnected, Mean, Operator, Reshape
from toolchain.graph.passes.rewriting import with_operators, with_tensors


def drop_reshapes(graph: Graph) -> Graph:
    """`graph` with as few Reshapes as its operators' shapes allow. Unread ones are left to dead_code.py."""
    source: dict[str, str] = {}  # output of a Reshape -> where its bytes come from
    operators: list[Operator] = []
    for op in graph.operators:
        if isinstance(op, Reshape):
            origin = source.get(op.input, op.input)
            source[op.output] = origin
            if graph.tensor(origin).shape == graph.tensor(op.output).shape and op.output not in graph.outputs:
                continue
            op = replace(op, input=origin)
        elif isinstance(op, FullyConnected):
            op = with_tensors(op, {op.input: source.get(op.input, op.input)})
        else:
            same = {
                name: source[name] for name in op.reads if name in source and _same_shape(graph, name, source[name])
            }
            op = with_tensors(op, same)
        operators.append(op)
    return _with_flat_means(_with_reshaped_inputs(with_operators(graph, operators)))


def _same_shape(graph: Graph, first: str, second: str) -> bool:
    return graph.tensor(first).shape == graph.tensor(second).shape


def _with_reshaped_inputs(graph: Graph) -> Graph:
    """Inputs that only a Reshape reads, in the shape that it makes of them."""
    for name in graph.inputs:
        readers = graph.consumers(name)
        if len(readers) != 1 or not isinstance(readers[0], Reshape) or name in graph.outputs:
            continue
        output = readers[0].output
        if output in graph.outputs:
            continue
        shape = graph.tensor(output).shape
        tensors = tuple(replace(tensor, shape=shape) if tensor.name == name else tensor for tensor in graph.tensors)
        operators = tuple(with_tensors(op, {output: name}) for op in graph.operators if op is not readers[0])
        graph = replace(graph, tensors=tensors, operators=operators)
    return graph


def _with_flat_means(graph: Graph) -> Graph:
    """Means that only a Reshape to [1, C] reads write [1, C]."""
    operators = list(graph.operators)
    for op in graph.operators:
        readers = graph.consumers(op.output) if isinstance(op, Mean) else ()
        if len(readers) != 1 or op.writes[0] in graph.outputs or not isinstance(readers[0], Reshape):
            continue
        output = readers[0].output
        if graph.tensor(output).shape == (1, graph.tensor(op.writes[0]).shape[-1]):
            operators[operators.index(op)] = with_tensors(op, {}, {op.writes[0]: output})
            operators.remove(readers[0])
    return with_operators(graph, operators)
