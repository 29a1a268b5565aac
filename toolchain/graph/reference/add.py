# SPDX-License-Identifier: Apache-2.0
"""Add. Rounding: twice, at each of three factors.

a = factor_input * ((x - zp) << 20), b = factor_other * ((x' - zp') << 20), y = clamp(factor_output * (a + b) + zp).
Source: tflite-micro, reference/integer_ops/add.h (AddFunc).
"""

import numpy as np

from toolchain.graph.fixedpoint import Int64, multiply_rounding_twice
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Add
from toolchain.graph.reference.common import Batch, Values
from toolchain.graph.requantisation import Factor, add_factors


def add(graph: Graph, op: Add, values: Values) -> Batch:
    """Two int8 [N, *shape] -> int8 [N, *shape]."""
    factors = add_factors(graph, op)

    def scaled(name: str, factor: Factor) -> Int64:
        centred = values[name].astype(np.int64) - graph.tensor(name).quantisation.zero_point
        return multiply_rounding_twice(centred << factors.left_shift, factor.multiplier, factor.shift)

    total = scaled(op.input, factors.input) + scaled(op.other, factors.other)
    y = multiply_rounding_twice(total, factors.output.multiplier, factors.output.shift)
    y += graph.tensor(op.output).quantisation.zero_point
    return np.clip(y, *op.activation).astype(np.int8)
