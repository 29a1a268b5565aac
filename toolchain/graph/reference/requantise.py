# SPDX-License-Identifier: Apache-2.0
"""Requantise. Rounding: twice.

y = clamp(factor * (x - input zero point) + output zero point).
Source: tflite-micro, reference/requantize.h and micro/kernels/activations_common.cc (the same formula with a clamp).
"""

import numpy as np

from toolchain.graph.fixedpoint import multiply_rounding_twice
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Requantise
from toolchain.graph.reference.common import Batch, Values
from toolchain.graph.requantisation import requantise_factor


def requantise(graph: Graph, op: Requantise, values: Values) -> Batch:
    """int8 [N, *shape] -> int8 [N, *shape]."""
    factor = requantise_factor(graph, op)
    centred = values[op.input].astype(np.int64) - graph.tensor(op.input).quantisation.zero_point
    y = multiply_rounding_twice(centred, factor.multiplier, factor.shift)
    y += graph.tensor(op.output).quantisation.zero_point
    return np.clip(y, *op.activation).astype(np.int8)
