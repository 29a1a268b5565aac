# SPDX-License-Identifier: Apache-2.0
"""Softmax. Rounding: twice in the products, to nearest in the last shift. Output scale 1/256, zero point -128.

d = x - largest of the row; e = exp(factor * d) in Q0.31; sum of all e in Q12.19; y = e / sum * 256 - 128, the
division a product with a Newton reciprocal. Differences below `diff_min` count as probability 0.
Source: tflite-micro, reference/softmax.h. Its kernel stops the program (TFLITE_CHECK on the last shift) where the sum
of e reaches 512, which takes more than 511 nearly equal inputs; here the same formula goes on and gives -128.
"""

import numpy as np

from toolchain.graph.fixedpoint import (
    exp_of_negative,
    multiply_rounding_twice,
    reciprocal,
    rounded_high_product,
    rounded_right_shift,
    wrap_int32,
)
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Softmax
from toolchain.graph.reference.common import Batch, Values
from toolchain.graph.requantisation import softmax_factor

SUM_INTEGER_BITS = 12  # softmax.h: kAccumulationIntegerBits


def softmax(graph: Graph, op: Softmax, values: Values) -> Batch:
    """int8 [N, *shape] -> int8 [N, *shape], over the last axis."""
    parameters = softmax_factor(graph, op)
    x = values[op.input].astype(np.int64)
    difference = x - x.max(axis=-1, keepdims=True)
    counts = difference >= parameters.diff_min
    scaled = multiply_rounding_twice(
        np.where(counts, difference, 0), parameters.factor.multiplier, parameters.factor.shift
    )
    exponential = exp_of_negative(scaled)
    terms = np.where(counts, rounded_right_shift(exponential, SUM_INTEGER_BITS), 0)
    scale, bits = reciprocal(wrap_int32(terms.sum(axis=-1, keepdims=True)), SUM_INTEGER_BITS)
    y = rounded_right_shift(rounded_high_product(scale, exponential), bits + 31 - 8) - 128
    return np.clip(np.where(counts, y, -128), -128, 127).astype(np.int8)
