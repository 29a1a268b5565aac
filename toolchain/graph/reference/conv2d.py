# SPDX-License-Identifier: Apache-2.0
"""Conv2D. Rounding: twice, a factor for each output channel.

acc[co] = bias[co] + sum over window and ci of (x - input zero point) * w, in int32;
y = clamp(factor[co] * acc + output zero point). Padding holds the input's zero point, so it adds nothing.
Source: tflite-micro, reference/integer_ops/conv.h (ConvPerChannel).
"""

import numpy as np

from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D
from toolchain.graph.reference.common import Batch, Values, padded_with_zero_point, requantised, windows
from toolchain.graph.requantisation import conv_requantisation


def conv2d(graph: Graph, op: Conv2D, values: Values) -> Batch:
    """int8 [N, 1, H, W, Ci] -> int8 [N, 1, OH, OW, Co].

    The products go through a float64 matrix product: |x - zp| <= 255, |w| <= 128 and at most 2^28 weights keep
    every partial sum below 2^43, so float64, exact to 2^53, computes integers.
    """
    x = padded_with_zero_point(graph, op.input, op.padding, values)[:, 0].astype(np.float64)
    weights = graph.tensor(op.weights).array.astype(np.float64)  # [Co, KH, KW, Ci]
    _, rows, columns, channels = graph.tensor(op.output).shape
    acc = np.zeros((len(x), rows, columns, channels))
    for kh, kw, part in windows(x, weights.shape[1:3], (rows, columns), op.stride, op.dilation):
        acc += part @ weights[:, kh, kw].T  # [N, OH, OW, Ci] @ [Ci, Co]
    requantisation = conv_requantisation(graph, op)
    return requantised(graph, op, acc.astype(np.int64), requantisation)[:, None]
