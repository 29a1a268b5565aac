# SPDX-License-Identifier: Apache-2.0
"""Concatenation. Nothing rounds: inputs and output share one quantisation. Source: tflite-micro, concatenation.cc."""

import numpy as np

from toolchain.graph.graph import Graph
from toolchain.graph.ops import Concatenation
from toolchain.graph.reference.common import Batch, Values


def concatenation(graph: Graph, op: Concatenation, values: Values) -> Batch:
    """Several int8 [N, ..., C_i] -> int8 [N, ..., sum of C_i]."""
    return np.concatenate([values[name] for name in op.inputs], axis=-1)
