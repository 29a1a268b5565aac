# SPDX-License-Identifier: Apache-2.0
"""What the passes share: renaming what an operator reads or writes, and putting a Graph together again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from toolchain.graph.graph import Graph
from toolchain.graph.ops import (
    Add,
    AveragePool2D,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Operator,
    Requantise,
)
from toolchain.graph.tensor import Tensor

Clamped = Conv2D | DepthwiseConv2D | FullyConnected | AveragePool2D | MaxPool2D | Add | Requantise
"""Operators that clamp their output: those with a field `activation`."""


def with_tensors(op: Operator, reads: Mapping[str, str], writes: Mapping[str, str] | None = None) -> Operator:
    """`op` with the tensors that it reads, and those that it writes, renamed."""
    changed: dict[str, Any] = {}
    for field in op.READS:
        value = getattr(op, field)
        if isinstance(value, tuple):
            changed[field] = tuple(reads.get(name, name) for name in value)
        elif value is not None:
            changed[field] = reads.get(value, value)
    for name in op.writes:
        if writes and name in writes:
            changed["output"] = writes[name]
    return replace(op, **changed)


def with_operators(graph: Graph, operators: Sequence[Operator], added: Sequence[Tensor] = ()) -> Graph:
    """`graph` with other operators, and tensors added."""
    return replace(graph, operators=tuple(operators), tensors=(*graph.tensors, *added))


def fresh_name(graph: Graph, wanted: str, taken: set[str]) -> str:
    """`wanted`, or with _2, _3, …, such that nothing in `graph` or `taken` has it; it is then taken."""
    known = {tensor.name for tensor in graph.tensors} | {op.name for op in graph.operators} | taken
    name, count = wanted, 1
    while name in known:
        count += 1
        name = f"{wanted}_{count}"
    taken.add(name)
    return name
