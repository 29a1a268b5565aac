# SPDX-License-Identifier: Apache-2.0
"""in_bands: a Graph with some stages executed band by band, exact by construction and checked like any other Graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError
from toolchain.graph.bands.stage import Piece, Stage, stage_code
from toolchain.graph.check import check_graph
from toolchain.graph.cost import macs
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Operator
from toolchain.graph.tensor import Tensor


@dataclass(frozen=True, eq=False)
class Banded:
    """source: the Graph as it was. graph: the same with `stages` in bands.

    origins: name of each operator of `graph` -> name of the operator of `source` that it computes a part of.
    pieces: image of `source` in a stage -> the tensors of `graph` that hold rows of it.
    """

    source: Graph
    graph: Graph
    stages: tuple[Stage, ...]
    origins: Mapping[str, str]
    pieces: Mapping[str, Sequence[Piece]]

    @property
    def source_macs(self) -> dict[str, int]:
        """Multiply-accumulates of each operator of `source`."""
        return {op.name: macs(op, self.source.tensor) for op in self.source.operators}

    @property
    def extra_macs(self) -> int:
        """Multiply-accumulates that bands add; below 0 where they leave out rows that nothing reads."""
        return sum(macs(op, self.graph.tensor) for op in self.graph.operators) - sum(self.source_macs.values())

    def with_whole_images(self, values: Mapping[str, NDArray[np.int8]]) -> dict[str, NDArray[np.int8]]:
        """`values` of `graph`, and of `source` what can be put together of them; int8 [N, *shape] by tensor."""
        known = dict(values)
        for name, computed in self.pieces.items():
            shape = self.source.tensor(name).shape
            pieces = [piece for piece in computed if piece.tensor in values]
            rows = {row for piece in pieces for row in range(*piece.rows)}
            if name not in values and len(rows) == shape[1]:
                known[name] = np.empty((len(values[pieces[0].tensor]), *shape), np.int8)
                for piece in pieces:
                    known[name][:, :, piece.rows.first : piece.rows.end] = values[piece.tensor]
        return known


def in_bands(graph: Graph, stages: Sequence[Stage]) -> Banded:
    """`graph` with `stages`, which must not overlap, in bands. Raises ModelError where one cannot be."""
    if not stages:
        return Banded(graph, graph, (), {op.name: op.name for op in graph.operators}, {})
    ordered = sorted(stages, key=lambda stage: stage.first)
    operators: list[Operator] = []
    added: list[Tensor] = []
    origins: dict[str, str] = {}
    pieces: dict[str, list[Piece]] = {}
    position = 0
    for stage in ordered:
        if 0 <= stage.first < position:
            raise ModelError(f"graph {graph.name}: operator {stage.first} is to be in bands twice")
        _copy(graph.operators[position : stage.first], operators, origins)
        code = stage_code(graph, stage)
        operators += code.operators
        added += code.tensors
        origins |= code.origins
        pieces |= code.pieces
        position = stage.end
    _copy(graph.operators[position:], operators, origins)
    mentioned = {*graph.inputs, *graph.outputs}.union(*((*op.reads, *op.writes) for op in operators))
    tensors = tuple(tensor for tensor in (*graph.tensors, *added) if tensor.name in mentioned)
    banded = check_graph(replace(graph, tensors=tensors, operators=tuple(operators)))
    return Banded(graph, banded, tuple(ordered), origins, pieces)


def _copy(those: Sequence[Operator], operators: list[Operator], origins: dict[str, str]) -> None:
    operators += those
    origins |= {op.name: op.name for op in those}
