# SPDX-License-Identifier: Apache-2.0
"""DepthwiseConv2D. Rounding: twice, a factor for each output channel.

As Conv2D, but output channel c reads input channel c // multiplier only.
Source: tflite-micro, reference/integer_ops/depthwise_conv.h (DepthwiseConvPerChannel).
"""

import numpy as np

from toolchain.graph.graph import Graph
from toolchain.graph.ops import DepthwiseConv2D
from toolchain.graph.reference.common import Batch, Values, padded_with_zero_point, requantised, windows
from toolchain.graph.requantisation import conv_requantisation


def depthwise_conv2d(graph: Graph, op: DepthwiseConv2D, values: Values) -> Batch:
    """int8 [N, 1, H, W, Ci] -> int8 [N, 1, OH, OW, Ci * multiplier]."""
    x = padded_with_zero_point(graph, op.input, op.padding, values)[:, 0]
    x = np.repeat(x, op.multiplier, axis=-1)
    weights = graph.tensor(op.weights).array.astype(np.int64)[0]  # [KH, KW, Co]
    _, rows, columns, channels = graph.tensor(op.output).shape
    acc = np.zeros((len(x), rows, columns, channels), np.int64)
    for kh, kw, part in windows(x, weights.shape[:2], (rows, columns), op.stride, op.dilation):
        acc += part * weights[kh, kw]
    return requantised(graph, op, acc, conv_requantisation(graph, op))[:, None]
