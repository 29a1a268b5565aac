# SPDX-License-Identifier: Apache-2.0
"""Batches of int8 inputs as the bytes that a compiled network reads, and its bytes as outputs again.

Inputs of one inference stand one behind the other in the order of the Graph, and so do outputs.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError
from toolchain.graph.graph import Graph

Int8 = NDArray[np.int8]
Batch = Mapping[str, Int8]


def only_names(graph: Graph) -> tuple[str, str]:
    """Names of the one input and the one output. Raises ModelError where there are more."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ModelError(f"graph {graph.name} has several inputs or outputs: give and take them by name")
    return graph.inputs[0], graph.outputs[0]


def bytes_of(graph: Graph, names: tuple[str, ...]) -> int:
    """Bytes of those tensors, one named twice counted once."""
    return sum(graph.tensor(name).container_bytes for name in dict.fromkeys(names))


def packed(graph: Graph, inputs: Batch) -> Int8:
    """int8 [N, bytes of all inputs]. Raises ModelError where an input is missing or has another shape or dtype."""
    parts = []
    for name in dict.fromkeys(graph.inputs):
        shape = graph.tensor(name).shape
        value = np.asarray(inputs[name]) if name in inputs else None
        if value is None or value.dtype != np.int8 or value.shape[1:] != shape:
            given = "nothing" if value is None else f"{value.dtype} {list(value.shape)}"
            raise ModelError(
                f"graph {graph.name}: input {name} must be int8 [N, {', '.join(map(str, shape))}], not {given}"
            )
        parts.append(value.reshape(len(value), graph.tensor(name).n_elements))
    if len({len(part) for part in parts}) != 1:
        raise ModelError(f"graph {graph.name}: inputs of different numbers: {[len(part) for part in parts]}")
    return np.ascontiguousarray(np.concatenate(parts, axis=1))


def unpacked(graph: Graph, outputs: Int8) -> dict[str, Int8]:
    """outputs: int8 [N, bytes of all outputs]; gives name -> int8 [N, *shape]."""
    return _apart(graph, graph.outputs, outputs)


def unpacked_inputs(graph: Graph, inputs: Int8) -> dict[str, Int8]:
    """inputs: int8 [N, bytes of all inputs]; gives name -> int8 [N, *shape]."""
    return _apart(graph, graph.inputs, inputs)


def _apart(graph: Graph, tensors: tuple[str, ...], values: Int8) -> dict[str, Int8]:
    names = tuple(dict.fromkeys(tensors))
    ends = np.cumsum([graph.tensor(name).container_bytes for name in names])[:-1]
    return {
        name: np.ascontiguousarray(part).reshape(len(values), *graph.tensor(name).shape)
        for name, part in zip(names, np.split(values, ends, axis=1), strict=True)
    }
