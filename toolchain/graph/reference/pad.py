# SPDX-License-Identifier: Apache-2.0
"""Pad. Nothing rounds: a border of the input's zero point. Source: tflite-micro, reference/pad.h."""

from toolchain.graph.graph import Graph
from toolchain.graph.ops import Pad
from toolchain.graph.reference.common import Batch, Values, bordered


def pad(graph: Graph, op: Pad, values: Values) -> Batch:
    """int8 [N, 1, H, W, C] -> int8 [N, 1, H + top + bottom, W + left + right, C]."""
    return bordered(values[op.input], op.padding, graph.tensor(op.input).quantisation.zero_point)
