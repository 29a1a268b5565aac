# SPDX-License-Identifier: Apache-2.0
"""MaxPool2D. No arithmetic, nothing rounds.

y = clamp(largest of the window's elements inside the input).
Source: tflite-micro, reference/integer_ops/pooling.h (MaxPool).
"""

import numpy as np

from toolchain.graph.graph import Graph
from toolchain.graph.ops import MaxPool2D
from toolchain.graph.reference.common import Batch, Values, pool_windows


def max_pool2d(graph: Graph, op: MaxPool2D, values: Values) -> Batch:
    """int8 [N, 1, H, W, C] -> int8 [N, 1, OH, OW, C]."""
    x = values[op.input][:, 0]
    _, rows, columns, channels = graph.tensor(op.output).shape
    y = np.empty((len(x), rows, columns, channels), np.int8)
    for row, column, window in pool_windows(x, op, (rows, columns)):
        y[:, row, column] = window.max(axis=(1, 2))
    return np.clip(y, *op.activation).astype(np.int8)[:, None]
