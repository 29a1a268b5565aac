# SPDX-License-Identifier: Apache-2.0
"""LayerKind: which layers of different networks do the same work, so that their cost per MAC may be compared."""

from dataclasses import dataclass
from enum import StrEnum

from toolchain.graph.cost import macs
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D, DepthwiseConv2D, FullyConnected, Operator

# A picture's colours at most: a convolution that reads so few channels spends its time otherwise (LayerKind.FIRST).
_FEW_CHANNELS = 3


class LayerKind(StrEnum):
    """The kinds of layers that multiply. FIRST: a convolution of one to three channels; WINDOW: of more, not 1x1."""

    FIRST = "first"
    POINTWISE = "1x1"
    WINDOW = "k x k"
    DEPTHWISE = "depthwise"
    DEPTHWISE_STRIDED = "depthwise, strided"
    FULLY_CONNECTED = "fully connected"


@dataclass(frozen=True)
class LayerWork:
    """What one layer has to do. length: products in the sum of one output. outputs: elements, each requantised.

    channels: of the output.
    """

    kind: LayerKind
    length: int
    outputs: int
    channels: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return self.length * self.outputs


def layer_work(graph: Graph, op: Operator) -> LayerWork | None:
    """The work of `op`; None for operators that do not multiply."""
    kind = _kind(graph, op)
    if kind is None:
        return None
    output = graph.tensor(op.writes[0])
    return LayerWork(kind, macs(op, graph.tensor) // output.n_elements, output.n_elements, output.shape[-1])


def _kind(graph: Graph, op: Operator) -> LayerKind | None:
    match op:
        case Conv2D():
            _, height, width, channels = graph.tensor(op.weights).shape
            if channels <= _FEW_CHANNELS:
                return LayerKind.FIRST
            return LayerKind.POINTWISE if height == width == 1 else LayerKind.WINDOW
        case DepthwiseConv2D():
            return LayerKind.DEPTHWISE if op.stride == (1, 1) else LayerKind.DEPTHWISE_STRIDED
        case FullyConnected():
            return LayerKind.FULLY_CONNECTED
    return None
