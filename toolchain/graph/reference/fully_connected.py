# SPDX-License-Identifier: Apache-2.0
"""FullyConnected. Rounding: twice (LiteRT's kernels round this operator once).

acc[co] = bias[co] + sum over ci of (x - input zero point) * w, in int32; y = clamp(factor[co] * acc + zero point).
Source: tflite-micro, reference/integer_ops/fully_connected.h.
"""

import numpy as np

from toolchain.graph.graph import Graph
from toolchain.graph.ops import FullyConnected
from toolchain.graph.reference.common import Batch, Values, requantised
from toolchain.graph.requantisation import fully_connected_requantisation


def fully_connected(graph: Graph, op: FullyConnected, values: Values) -> Batch:
    """int8 [N, ...], read as [N, rows, Ci] in memory order -> int8 [N, rows, Co]. Exact in float64, as Conv2D is."""
    weights = graph.tensor(op.weights).array.astype(np.float64)  # [Co, Ci]
    x = values[op.input].astype(np.float64) - graph.tensor(op.input).quantisation.zero_point
    rows = graph.tensor(op.output).shape[0]
    acc = x.reshape(len(x), rows, weights.shape[1]) @ weights.T
    return requantised(graph, op, acc.astype(np.int64), fully_connected_requantisation(graph, op))
