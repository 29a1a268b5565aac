# SPDX-License-Identifier: Apache-2.0
"""JoinRows. Nothing rounds: inputs and output share one quantisation. Source: tflite-micro, concatenation.cc."""

import numpy as np

from toolchain.graph.graph import Graph
from toolchain.graph.ops import JoinRows
from toolchain.graph.reference.common import Batch, Values


def join_rows(graph: Graph, op: JoinRows, values: Values) -> Batch:
    """Several int8 [N, 1, H_i, W, C] -> int8 [N, 1, sum of H_i, W, C]."""
    return np.concatenate([values[name] for name in op.inputs], axis=2)
