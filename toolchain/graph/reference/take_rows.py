# SPDX-License-Identifier: Apache-2.0
"""TakeRows. Nothing rounds: some rows as they are. Source: tflite-micro, slice.cc."""

from toolchain.graph.graph import Graph
from toolchain.graph.ops import TakeRows
from toolchain.graph.reference.common import Batch, Values


def take_rows(graph: Graph, op: TakeRows, values: Values) -> Batch:
    """int8 [N, 1, H, W, C] -> int8 [N, 1, OH, W, C]."""
    return values[op.input][:, :, op.first : op.first + graph.tensor(op.output).shape[1]]
