# SPDX-License-Identifier: Apache-2.0
"""Rows: which rows of its inputs an operator needs for some rows of its output, and that operator for those rows alone.

Along H every operator that can be cut is a window of `reach` rows that moves by `stride` and begins `top` rows above
the input: 1, 1 and 0 for those that take pixel after pixel.

    output rows      first        ...      end-1
    input rows    first*stride-top  ...  (end-1)*stride-top+reach-1

What of that lies outside the input is padding, which only the bands at its borders have. So a band is the same sums of
the same numbers as the whole operator, and exact.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from toolchain.graph.graph import Graph
from toolchain.graph.ops import (
    Add,
    AveragePool2D,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    MaxPool2D,
    Operator,
    Pad,
    Requantise,
)
from toolchain.graph.passes.rewriting import with_tensors

_PADDED = Conv2D | DepthwiseConv2D | AveragePool2D | MaxPool2D | Pad
_PIXELS = Add | Concatenation | Requantise


class Rows(NamedTuple):
    """Rows first .. end - 1."""

    first: int
    end: int

    @property
    def n_rows(self) -> int:
        """How many."""
        return self.end - self.first


class Window(NamedTuple):
    """Along H: see the head of the file. height: of the input."""

    height: int
    reach: int = 1
    stride: int = 1
    top: int = 0

    def reads(self, rows: Rows) -> Rows:
        """Rows of the input that those of the output are computed from."""
        first, end = self._span(rows)
        return Rows(max(first, 0), min(end, self.height))

    def padding(self, rows: Rows) -> tuple[int, int]:
        """Rows above and below the input that those of the output are computed from as well."""
        first, end = self._span(rows)
        return max(-first, 0), max(end - self.height, 0)

    def _span(self, rows: Rows) -> Rows:
        first = rows.first * self.stride - self.top
        return Rows(first, first + (rows.n_rows - 1) * self.stride + self.reach)


def window_of(graph: Graph, op: Operator) -> Window:
    """How an operator that can be cut (`why_whole`) moves along H."""
    rows = height(graph, images_read(graph, op)[0])
    match op:
        case Conv2D() | DepthwiseConv2D():
            reach = (graph.tensor(op.weights).shape[1] - 1) * op.dilation.h + 1
            return Window(rows, reach, op.stride.h, op.padding.top)
        case AveragePool2D() | MaxPool2D():
            return Window(rows, op.window.h, op.stride.h, op.padding.top)
        case Pad():
            return Window(rows, top=op.padding.top)
        case _:
            return Window(rows)


def height(graph: Graph, name: str) -> int:
    """Rows of an image."""
    return graph.tensor(name).shape[1]


def images_read(graph: Graph, op: Operator) -> tuple[str, ...]:
    """The activations that an operator reads, each once."""
    return tuple(name for name in dict.fromkeys(op.reads) if not graph.tensor(name).is_constant)


def why_whole(graph: Graph, op: Operator) -> str | None:
    """Why `op` cannot be computed band by band, in a phrase; None if it can."""
    if not isinstance(op, _PADDED | _PIXELS):
        return f"{op.kind} takes an image as a whole"
    images = images_read(graph, op)
    if any(len(graph.tensor(name).shape) != 4 or graph.tensor(name).shape[0] != 1 for name in (*images, *op.writes)):
        return "its tensors are no images"
    if isinstance(op, _PIXELS) and (not images or any(graph.tensor(name).is_constant for name in op.reads)):
        return "it reads a constant image"
    window, last = window_of(graph, op), height(graph, op.writes[0]) - 1
    if window.top >= window.reach or last * window.stride - window.top >= window.height:
        return "its border is wider than its window"
    return None


def band_operator(
    op: Operator, window: Window, rows: Rows, name: str, reads: Mapping[str, str], output: str
) -> Operator:
    """`op` called `name` for the given rows of its output alone. reads: image -> the tensor of what `window` reads."""
    band = replace(with_tensors(op, reads, {op.writes[0]: output}), name=name)
    if isinstance(band, _PADDED):
        top, bottom = window.padding(rows)
        band = replace(band, padding=band.padding._replace(top=top, bottom=bottom))
    return band
