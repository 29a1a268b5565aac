# SPDX-License-Identifier: Apache-2.0
"""AveragePool2D. No requantisation; the division rounds to nearest, halves away from zero.

y = clamp(sum of the window's elements inside the input / their number). Zero points play no part.
Source: tflite-micro, reference/integer_ops/pooling.h (AveragePool).
"""

import numpy as np

from toolchain.graph.graph import Graph
from toolchain.graph.ops import AveragePool2D
from toolchain.graph.reference.common import Batch, Values, pool_windows


def average_pool2d(graph: Graph, op: AveragePool2D, values: Values) -> Batch:
    """int8 [N, 1, H, W, C] -> int8 [N, 1, OH, OW, C]."""
    x = values[op.input][:, 0].astype(np.int64)
    _, rows, columns, channels = graph.tensor(op.output).shape
    y = np.empty((len(x), rows, columns, channels), np.int64)
    for row, column, window in pool_windows(x, op, (rows, columns)):  # [N, h, w, C]
        count = window.shape[1] * window.shape[2]
        total = window.sum(axis=(1, 2))
        y[:, row, column] = np.sign(total) * ((np.abs(total) + count // 2) // count)
    return np.clip(y, *op.activation).astype(np.int8)[:, None]
