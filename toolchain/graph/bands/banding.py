# SPDX-License-Identifier: Apache-2.0
"""in_bands: a Graph with some stages executed band by band, exact by construction and checked like any other Graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from toolchain.errors import ModelError
from toolchain.graph.bands.stage import Stage, stage_code
from toolchain.graph.check import check_graph
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Operator
from toolchain.graph.tensor import Tensor


@dataclass(frozen=True, eq=False)
class Banded:
    """source: the Graph as it was. graph: the same with `stages` in bands.

    origins: name of each operator of `graph` -> name of the operator of `source` that it computes a part of.
    """

    source: Graph
    graph: Graph
    stages: tuple[Stage, ...]
    origins: Mapping[str, str]


def in_bands(graph: Graph, stages: Sequence[Stage]) -> Banded:
    """`graph` with `stages`, which must not overlap, in bands. Raises ModelError where one cannot be."""
    ordered = sorted(stages, key=lambda stage: stage.first)
    operators: list[Operator] = []
    added: list[Tensor] = []
    origins: dict[str, str] = {}
    position = 0
    for stage in ordered:
        if 0 <= stage.first < position:
            raise ModelError(f"graph {graph.name}: operator {stage.first} is to be in bands twice")
        _copy(graph.operators[position : stage.first], operators, origins)
        code = stage_code(graph, stage)
        operators += code.operators
        added += code.tensors
        origins |= code.origins
        position = stage.end
    _copy(graph.operators[position:], operators, origins)
    mentioned = {*graph.inputs, *graph.outputs}.union(*((*op.reads, *op.writes) for op in operators))
    tensors = tuple(tensor for tensor in (*graph.tensors, *added) if tensor.name in mentioned)
    banded = check_graph(replace(graph, tensors=tensors, operators=tuple(operators)))
    return Banded(graph, banded, tuple(ordered), origins)


def _copy(those: Sequence[Operator], operators: list[Operator], origins: dict[str, str]) -> None:
    operators += those
    origins |= {op.name: op.name for op in those}
