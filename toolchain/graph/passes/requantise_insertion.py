# SPDX-License-Identifier: Apache-2.0
"""Requantise insertion: TFLite's rules on equal grids, for a Graph that says what a float framework meant.

    pools, Pad, TakeRows, Reshape    input and output on one grid: computed on the input's, then Requantise
    Concatenation, JoinRows          all inputs on the output's: Requantise in front
    Softmax                          output on 1/256, zero point -128: computed there, then Requantise

The clamp of a pool moves to the Requantise behind it, since it counts in the output's integers.
Source: TFLite 8-bit quantisation specification (AVERAGE_POOL_2D, MAX_POOL_2D, RESHAPE, CONCATENATION, PAD, SOFTMAX).
"""

from dataclasses import replace

from toolchain.graph.graph import Graph
from toolchain.graph.ops import (
    AveragePool2D,
    Clamp,
    Concatenation,
    JoinRows,
    MaxPool2D,
    Operator,
    Pad,
    Requantise,
    Reshape,
    Softmax,
    TakeRows,
)
from toolchain.graph.passes.rewriting import Clamped, fresh_name, with_operators, with_tensors
from toolchain.graph.tensor import Quantisation, Tensor

SOFTMAX_GRID = Quantisation((1 / 256,), -128)


def insert_requantise(graph: Graph) -> Graph:
    """`graph` with a Requantise wherever an operator has grids that TFLite does not allow it."""
    taken: set[str] = set()
    operators: list[Operator] = []
    added: list[Tensor] = []
    for op in graph.operators:
        grid = _own_grid(graph, op)
        if isinstance(op, Concatenation | JoinRows):
            _requantise_inputs(graph, op, operators, added, taken)
        elif grid is None or grid == graph.tensor(op.writes[0]).quantisation:
            operators.append(op)
        else:
            output = graph.tensor(op.writes[0])
            inner = replace(output, name=fresh_name(graph, f"{op.name}_before_requantise", taken), quantisation=grid)
            clamp = op.activation if isinstance(op, Clamped) else Clamp()
            unclamped = replace(op, activation=Clamp()) if isinstance(op, Clamped) else op
            operators.append(with_tensors(unclamped, {}, {output.name: inner.name}))
            name = fresh_name(graph, f"{op.name}_requantise", taken)
            operators.append(Requantise(name, inner.name, output.name, activation=clamp))
            added.append(inner)
    return with_operators(graph, operators, added)


def _own_grid(graph: Graph, op: Operator) -> Quantisation | None:
    """The grid on which `op` must compute; None where any will do."""
    match op:
        case AveragePool2D() | MaxPool2D() | Pad() | TakeRows() | Reshape():
            return graph.tensor(op.input).quantisation
        case Softmax():
            return SOFTMAX_GRID
        case _:
            return None


def _requantise_inputs(
    graph: Graph, op: Concatenation | JoinRows, operators: list[Operator], added: list[Tensor], taken: set[str]
) -> None:
    """Append `op` behind a Requantise for each input that is not on the output's grid."""
    grid = graph.tensor(op.output).quantisation
    renamed: dict[str, str] = {}
    for name in dict.fromkeys(op.inputs):
        tensor = graph.tensor(name)
        if tensor.quantisation != grid:
            moved = replace(tensor, name=fresh_name(graph, f"{name}_for_{op.name}", taken), quantisation=grid)
            operators.append(Requantise(fresh_name(graph, f"{op.name}_requantise", taken), name, moved.name))
            added.append(moved)
            renamed[name] = moved.name
    operators.append(with_tensors(op, renamed))
