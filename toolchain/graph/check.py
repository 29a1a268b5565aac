# SPDX-License-Identifier: Apache-2.0
"""check_graph: everything that must hold for any Graph, each rule a small named function.

It says where a Graph is wrong and never changes one. Shapes are recomputed here from the operators, so that a
reader cannot pass on a shape that its file only claims.
"""

import re
from collections.abc import Callable
from dataclasses import fields

import numpy as np

from toolchain.errors import ModelError
from toolchain.graph.graph import Graph
from toolchain.graph.ops import (
    Add,
    AveragePool2D,
    Clamp,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    JoinRows,
    MaxPool2D,
    Mean,
    Operator,
    Pad,
    Padding,
    Pair,
    Requantise,
    Reshape,
    Softmax,
    TakeRows,
)
from toolchain.graph.requantisation import (
    add_factors,
    conv_requantisation,
    fully_connected_requantisation,
    mean_factor,
    requantise_factor,
    softmax_factor,
)
from toolchain.graph.shapes import output_shape
from toolchain.graph.tensor import DType, Grid, Quantisation, Tensor, fits

# No dimension of a Cortex-M network is larger; refusing more keeps every product below in 64 bits.
MAX_DIMENSION = 1 << 20
MAX_ELEMENTS = 1 << 28


def check_graph(graph: Graph) -> Graph:
    """Return `graph` if it is sound. Raises ModelError naming the graph, the operator or tensor, and the rule."""
    for rule in _RULES:
        rule(graph)
    return graph


def _fail(graph: Graph, where: str, what: str) -> ModelError:
    return ModelError(f"graph {graph.name}: {where}: {what}")


def _name_is_an_identifier(graph: Graph) -> None:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", graph.name):
        raise _fail(graph, "name", "must be a C identifier")


def _names_are_unique(graph: Graph) -> None:
    for what, names in (
        ("tensor", [t.name for t in graph.tensors]),
        ("operator", [op.name for op in graph.operators]),
    ):
        seen: set[str] = set()
        for name in names:
            if name in seen:
                raise _fail(graph, f"{what} {name}", "the name stands twice")
            seen.add(name)


def _references_exist(graph: Graph) -> None:
    known = {tensor.name for tensor in graph.tensors}
    for op in graph.operators:
        for name in (*op.reads, *op.writes):
            if name not in known:
                raise _fail(graph, f"operator {op.name}", f"refers to the unknown tensor {name}")
    for name in (*graph.inputs, *graph.outputs):
        if name not in known:
            raise _fail(graph, "inputs and outputs", f"unknown tensor {name}")
        if graph.tensor(name).is_constant:
            raise _fail(graph, f"tensor {name}", "a constant cannot be an input or output")
    if not graph.inputs or not graph.outputs:
        raise _fail(graph, "inputs and outputs", "a Graph needs at least one of each")


def _order_can_run(graph: Graph) -> None:
    ready = set(graph.inputs) | {tensor.name for tensor in graph.constants()}
    for op in graph.operators:
        for name in op.reads:
            if name not in ready:
                raise _fail(graph, f"operator {op.name}", f"reads {name} before anything writes it")
        for name in op.writes:
            if name in ready:
                raise _fail(graph, f"operator {op.name}", f"writes {name}, which already has a value")
            ready.add(name)
    for name in graph.outputs:
        if name not in ready:
            raise _fail(graph, f"output {name}", "nothing writes it")


def _tensors_are_sound(graph: Graph) -> None:
    for tensor in graph.tensors:
        where = f"tensor {tensor.name}"
        if any(size < 1 or size > MAX_DIMENSION for size in tensor.shape):
            raise _fail(graph, where, f"shape {list(tensor.shape)}: each size must be 1..{MAX_DIMENSION}")
        if int(np.prod([int(s) for s in tensor.shape], dtype=object)) > MAX_ELEMENTS:
            raise _fail(graph, where, f"shape {list(tensor.shape)}: more than {MAX_ELEMENTS} elements")
        _check_quantisation(graph, tensor)
        if tensor.data is not None:
            _check_data(graph, tensor)


def _check_quantisation(graph: Graph, tensor: Tensor) -> None:
    where = f"tensor {tensor.name}"
    q = tensor.quantisation
    if not q.scales or not all(np.isfinite(s) and s > 0 for s in q.scales):
        raise _fail(graph, where, "every scale must be finite and greater than 0")
    if q.axis is None:
        if len(q.scales) != 1:
            raise _fail(graph, where, f"{len(q.scales)} scales without an axis")
    elif not 0 <= q.axis < len(tensor.shape) or tensor.shape[q.axis] != len(q.scales):
        raise _fail(graph, where, f"{len(q.scales)} scales do not fit axis {q.axis} of {list(tensor.shape)}")
    if tensor.dtype is DType.INT8:
        if not -128 <= q.zero_point <= 127:
            raise _fail(graph, where, f"zero point {q.zero_point} is outside int8")
    elif q.zero_point != 0:
        raise _fail(graph, where, f"{tensor.dtype.value} must have zero point 0, not {q.zero_point}")
    if tensor.dtype is DType.INT8 and not 1 <= tensor.bits <= 8:
        raise _fail(graph, where, f"{tensor.bits} bits in an int8 container")


def _check_data(graph: Graph, tensor: Tensor) -> None:
    where = f"tensor {tensor.name}"
    data = tensor.array
    if data.shape != tensor.shape:
        raise _fail(graph, where, f"data of shape {list(data.shape)}, declared {list(tensor.shape)}")
    if tensor.dtype is not DType.INT8 or fits(data, tensor.bits, tensor.grid):
        return
    if tensor.grid is Grid.MID_RISE:
        limit = (1 << tensor.bits) - 1
        raise _fail(graph, where, f"values must be odd and within ±{limit} for {tensor.bits} bits mid-rise")
    raise _fail(graph, where, f"values {data.min()}..{data.max()} do not fit {tensor.bits} bits")


def _operators_are_sound(graph: Graph) -> None:
    for op in graph.operators:
        for field in fields(op):
            value = getattr(op, field.name)
            where = f"operator {op.name}"
            if isinstance(value, Pair) and not all(1 <= v <= MAX_DIMENSION for v in value):
                raise _fail(graph, where, f"{field.name} {tuple(value)} must be at least 1")
            if isinstance(value, Padding) and not all(0 <= v <= MAX_DIMENSION for v in value):
                raise _fail(graph, where, f"{field.name} {tuple(value)} must not be negative")
            if isinstance(value, Clamp) and not -128 <= value.low <= value.high <= 127:
                raise _fail(graph, where, f"{field.name} {tuple(value)} must be an ordered range within int8")
        _check_shape(graph, op)


def _check_shape(graph: Graph, op: Operator) -> None:
    try:
        shape = output_shape(op, graph.tensor)
    except ModelError as error:
        raise _fail(graph, f"operator {op.name}", str(error)) from error
    declared = graph.tensor(op.writes[0]).shape
    if shape != declared:
        raise _fail(graph, f"operator {op.name}", f"computes shape {list(shape)}, declared {list(declared)}")


# What the weights' scales run along, and the operators that leave the grid of their input as it is.
_CHANNEL_AXIS = {Conv2D: 0, DepthwiseConv2D: 3, FullyConnected: 0}
_ONE_GRID = (AveragePool2D, MaxPool2D, Pad, Concatenation, TakeRows, JoinRows, Reshape)
_PROBABILITIES = Quantisation((1 / 256,), -128)


def _roles_fit(graph: Graph) -> None:
    for op in graph.operators:
        where = f"operator {op.name}"
        constants: tuple[str | None, ...] = ()
        if isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected):
            constants = (op.weights, op.bias)
            _check_weights(graph, op, graph.tensor(op.weights))
            if op.bias is not None:
                _check_bias(graph, op, graph.tensor(op.bias))
        for name in (*op.reads, *op.writes):
            tensor = graph.tensor(name)
            if name not in constants and (tensor.dtype is not DType.INT8 or tensor.quantisation.axis is not None):
                raise _fail(graph, where, f"tensor {name} must be int8 with one scale")
        output = graph.tensor(op.writes[0]).quantisation
        if isinstance(op, _ONE_GRID) and any(graph.tensor(name).quantisation != output for name in op.reads):
            raise _fail(graph, where, f"{op.kind} needs one quantisation for its inputs and its output")
        if isinstance(op, Softmax) and output != _PROBABILITIES:
            raise _fail(graph, where, "the output of Softmax must have scale 1/256 and zero point -128")


def _check_weights(graph: Graph, op: Operator, weights: Tensor) -> None:
    where, axis = f"operator {op.name}", weights.quantisation.axis
    if weights.data is None or weights.dtype is not DType.INT8 or weights.quantisation.zero_point != 0:
        raise _fail(graph, where, f"weights {weights.name} must be constant int8 with zero point 0")
    if axis is not None and axis != _CHANNEL_AXIS[type(op)]:
        raise _fail(graph, where, f"weights {weights.name} have scales along axis {axis}, not the output channels")


def _check_bias(graph: Graph, op: Operator, bias: Tensor) -> None:
    if bias.data is None or bias.dtype is not DType.INT32:
        raise _fail(graph, f"operator {op.name}", f"bias {bias.name} must be constant int32")


def _factors_exist(graph: Graph) -> None:
    for op in graph.operators:
        try:
            _FACTORS.get(type(op), _no_factor)(graph, op)
        except ModelError as error:
            raise ModelError(f"graph {graph.name}: {error}") from error


def _no_factor(graph: Graph, op: Operator) -> None:
    """Pools, Pad, Concatenation, TakeRows, JoinRows, Reshape."""


_FACTORS: dict[type[Operator], Callable[..., object]] = {
    Conv2D: conv_requantisation,
    DepthwiseConv2D: conv_requantisation,
    FullyConnected: fully_connected_requantisation,
    Mean: mean_factor,
    Add: add_factors,
    Requantise: requantise_factor,
    Softmax: softmax_factor,
}


_RULES: tuple[Callable[[Graph], None], ...] = (
    _name_is_an_identifier,
    _names_are_unique,
    _references_exist,
    _order_can_run,
    _tensors_are_sound,
    _roles_fit,
    _operators_are_sound,
    _factors_exist,
)
