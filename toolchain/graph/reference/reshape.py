# SPDX-License-Identifier: Apache-2.0
"""Reshape. Nothing rounds: the same bytes under another shape. Source: tflite-micro, reshape_common.cc."""

from toolchain.graph.graph import Graph
from toolchain.graph.ops import Reshape
from toolchain.graph.reference.common import Batch, Values


def reshape(graph: Graph, op: Reshape, values: Values) -> Batch:
    """int8 [N, *shape] -> int8 [N, *another shape of as many elements]."""
    x = values[op.input]
    return x.reshape(len(x), *graph.tensor(op.output).shape)
