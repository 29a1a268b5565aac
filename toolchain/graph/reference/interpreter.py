# SPDX-License-Identifier: Apache-2.0
"""Runs a Graph operator by operator: what a Graph means, to the last bit.

`OPERATOR_RULES` holds one function an operator, each in the file of its name. Slow and obvious on purpose; only
the axis of the batch, and space within one operator, are vectorised.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError
from toolchain.graph import ops
from toolchain.graph.graph import Graph
from toolchain.graph.reference.add import add
from toolchain.graph.reference.average_pool2d import average_pool2d
from toolchain.graph.reference.common import Batch
from toolchain.graph.reference.concatenation import concatenation
from toolchain.graph.reference.conv2d import conv2d
from toolchain.graph.reference.depthwise_conv2d import depthwise_conv2d
from toolchain.graph.reference.fully_connected import fully_connected
from toolchain.graph.reference.join_rows import join_rows
from toolchain.graph.reference.max_pool2d import max_pool2d
from toolchain.graph.reference.mean import mean
from toolchain.graph.reference.pad import pad
from toolchain.graph.reference.requantise import requantise
from toolchain.graph.reference.reshape import reshape
from toolchain.graph.reference.softmax import softmax
from toolchain.graph.reference.take_rows import take_rows
from toolchain.graph.tensor import DType

OPERATOR_RULES: Mapping[type[ops.Operator], Callable[..., Batch]] = {
    ops.Conv2D: conv2d,
    ops.DepthwiseConv2D: depthwise_conv2d,
    ops.FullyConnected: fully_connected,
    ops.AveragePool2D: average_pool2d,
    ops.MaxPool2D: max_pool2d,
    ops.Mean: mean,
    ops.Add: add,
    ops.Pad: pad,
    ops.Concatenation: concatenation,
    ops.TakeRows: take_rows,
    ops.JoinRows: join_rows,
    ops.Requantise: requantise,
    ops.Reshape: reshape,
    ops.Softmax: softmax,
}

# Inputs run together; bounds the memory of a large network's widest layer.
CHUNK = 32


def run(graph: Graph, inputs: Mapping[str, NDArray[np.int8]]) -> dict[str, NDArray[np.int8]]:
    """Every activation of one inference, inputs included: name -> int8 of the tensor's shape.

    `inputs`: one int8 array of the tensor's shape for each name in graph.inputs.
    Raises ModelError where an input is missing or has another shape or dtype.
    """
    values = _run_all(graph, {name: np.asarray(value)[None] for name, value in inputs.items()})
    return {name: value[0] for name, value in values.items()}


def run_batch(graph: Graph, inputs: Mapping[str, NDArray[np.int8]]) -> dict[str, NDArray[np.int8]]:
    """The outputs of N inferences: name -> int8 [N, *shape of that output].

    `inputs`: int8 [N, *shape] for each name in graph.inputs. Raises ModelError as `run` does.
    """
    count = len(next(iter(inputs.values()), ()))
    parts = []
    for start in range(0, count, CHUNK):
        chunk = {name: np.asarray(value)[start : start + CHUNK] for name, value in inputs.items()}
        values = _run_all(graph, chunk)
        parts.append({name: values[name] for name in graph.outputs})
    if not parts:
        return {name: np.empty((0, *graph.tensor(name).shape), np.int8) for name in graph.outputs}
    return {name: np.concatenate([part[name] for part in parts]) for name in graph.outputs}


def _run_all(graph: Graph, inputs: Mapping[str, NDArray[np.int8]]) -> dict[str, Batch]:
    values = {name: _checked(graph, name, inputs) for name in graph.inputs}
    count = len(values[graph.inputs[0]])
    constants = {tensor.name: tensor for tensor in graph.constants() if tensor.dtype is DType.INT8}
    for name, tensor in constants.items():  # an Add or a Concatenation may read one
        values[name] = np.broadcast_to(tensor.array, (count, *tensor.shape)).astype(np.int8, copy=False)
    for op in graph.operators:
        values[op.writes[0]] = OPERATOR_RULES[type(op)](graph, op, values)
    return {name: value for name, value in values.items() if name not in constants}


def _checked(graph: Graph, name: str, inputs: Mapping[str, NDArray[np.int8]]) -> Batch:
    shape = graph.tensor(name).shape
    if name not in inputs:
        raise ModelError(f"graph {graph.name}: no value for input {name}")
    value = inputs[name]
    if value.dtype != np.int8 or value.shape[1:] != shape:
        given = f"{value.dtype} {list(value.shape[1:])}"
        raise ModelError(f"graph {graph.name}: input {name} must be int8 {list(shape)}, not {given}")
    return value
