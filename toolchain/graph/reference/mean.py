# SPDX-License-Identifier: Apache-2.0
"""Mean. Rounding: twice, with 1 / (H * W) folded into the factor (and that division rounded down).

y = saturate(factor * (sum over H and W of (x - input zero point)) + output zero point), also where input and output
have the same quantisation. Source: tflite-micro, reference/reduce.h (QuantizedMeanOrSum).
"""

import numpy as np

from toolchain.graph.fixedpoint import multiply_rounding_twice, wrap_int32
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Mean
from toolchain.graph.reference.common import Batch, Values
from toolchain.graph.requantisation import mean_factor


def mean(graph: Graph, op: Mean, values: Values) -> Batch:
    """int8 [N, 1, H, W, C] -> int8 [N, 1, C] or [N, 1, 1, 1, C], as the output's shape says."""
    factor = mean_factor(graph, op)
    centred = values[op.input].astype(np.int64) - graph.tensor(op.input).quantisation.zero_point
    total = centred.sum(axis=(2, 3))
    y = multiply_rounding_twice(wrap_int32(total), factor.multiplier, factor.shift)
    y += graph.tensor(op.output).quantisation.zero_point
    return np.clip(y, -128, 127).astype(np.int8).reshape(len(y), *graph.tensor(op.output).shape)
