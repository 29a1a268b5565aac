# SPDX-License-Identifier: Apache-2.0
"""Inputs that all judges get: seeded random integers, and windows cut from them where real ones come along.

Random inputs drive every accumulator and clamp harder than speech does; the first two are the extremes of int8.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError
from toolchain.graph.graph import Graph
from toolchain.graph.tensor import DType


def random_inputs(graph: Graph, count: int, seed: int) -> dict[str, NDArray[np.int8]]:
    """int8 [count, *shape] for each input of the graph; sample 0 is all -128, sample 1 all 127, the rest uniform.

    Raises ModelError where an input is not int8.
    """
    rng = np.random.default_rng(seed)
    inputs = {}
    for name in graph.inputs:
        tensor = graph.tensor(name)
        if tensor.dtype is not DType.INT8:
            raise ModelError(f"graph {graph.name}: input {name} is {tensor.dtype.value}; judges compare int8 networks")
        values = rng.integers(-128, 128, (count, *tensor.shape), dtype=np.int8)
        values[:1], values[1:2] = -128, 127
        inputs[name] = values
    return inputs


def joined(
    first: Mapping[str, NDArray[np.int8]], second: Mapping[str, NDArray[np.int8]]
) -> dict[str, NDArray[np.int8]]:
    """Two batches of the same inputs, one after the other."""
    return {name: np.concatenate([first[name], second[name]]) for name in first}
