# SPDX-License-Identifier: Apache-2.0
"""LayerKind: which layers of different networks do the same work, so that their cost per MAC may be compared."""

from dataclasses import dataclass
from enum import StrEnum

from toolchain.graph.cost import macs
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D, DepthwiseConv2D, FullyConnected, Operator

# A picture's colours. A convolution that reads so few channels spends its time otherwise than one that reads many.
_FEW_CHANNELS = 3


class LayerKind(StrEnum):
    """The kinds of layers that multiply."""

    FIRST = "first convolution, 1 to 3 channels in"
    POINTWISE = "1x1 convolution"
    WINDOW = "k x k convolution"
    DEPTHWISE = "depthwise, stride 1"
    DEPTHWISE_STRIDED = "depthwise, stride 2 or more"
    FULLY_CONNECTED = "fully connected"


@dataclass(frozen=True)
class LayerWork:
    """What one layer has to do. length: products in the sum of one output. outputs: elements, each requantised."""

    kind: LayerKind
    length: int
    outputs: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return self.length * self.outputs


def layer_work(graph: Graph, op: Operator) -> LayerWork | None:
    """The work of `op`; None for operators that do not multiply."""
    kind = _kind(graph, op)
    if kind is None:
        return None
    outputs = graph.tensor(op.writes[0]).n_elements
    return LayerWork(kind, macs(op, graph.tensor) // outputs, outputs)


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
