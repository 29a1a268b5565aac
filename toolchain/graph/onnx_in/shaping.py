# SPDX-License-Identifier: Apache-2.0
"""Reshape, Flatten, Squeeze, Unsqueeze, Transpose, Identity, Dropout, Cast, Shape: nothing that runs on a device.

Each changes only how the file counts the axes of bytes that stay where they are (layout.py).
Source: ONNX operator specification; the axes of Squeeze and Unsqueeze are an attribute up to opset 12, then an input.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np
from onnx import TensorProto

from toolchain.errors import ModelError
from toolchain.graph.onnx_in.context import Context
from toolchain.graph.onnx_in.integer_types import INTEGER_TYPES
from toolchain.graph.onnx_in.layout import Layout, LayoutError
from toolchain.graph.onnx_in.node import Node
from toolchain.graph.onnx_in.values import Constant, Integers, ModelInput, QuantisedConstant, Value

Shape = tuple[int, ...]

FLOAT_TYPES = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)


def same(node: Node, context: Context) -> Value:
    """Identity, and Dropout as it runs after training."""
    return context.value(node, 0)


def cast(node: Node, context: Context) -> Value:
    """Cast from one float type to another, or of integers to the type that they have (PyTorch writes those)."""
    value = context.value(node, 0)
    if isinstance(value, Integers):
        if node.op == "Cast" and INTEGER_TYPES.get(node.integer("to", 0)) == value.type:
            return value
        raise ModelError(f"{node}: casts the integers {node.input(0)} to another type; use DequantizeLinear")
    if isinstance(value, ModelInput) and value.dtype in ("int8", "uint8"):
        raise ModelError(f"{node}: casts the {value.dtype} input {value.name} to float; use DequantizeLinear")
    if node.op == "Cast" and node.integer("to", 0) not in FLOAT_TYPES:
        raise ModelError(f"{node}: casts an activation to a type that is not float; use QuantizeLinear")
    return value


def reshape(node: Node, context: Context) -> Value:
    """Reshape: 0 copies a size (unless allowzero), -1 takes what is left."""
    wanted = node.integers("shape") if node.integers("shape") is not None else context.integers(node, 1, "the shape")
    if wanted is None:
        raise ModelError(f"{node}: the shape is missing")
    return _reshaped(node, context, resolved(node, shape_of(context.value(node, 0)), wanted))


def flatten(node: Node, context: Context) -> Value:
    """Flatten to two axes, cut in front of `axis`."""
    shape = shape_of(context.value(node, 0))
    axis = node.integer("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        raise ModelError(f"{node}: axis {axis} does not fit a shape of {list(shape)}")
    axis += len(shape) if axis < 0 else 0
    return _reshaped(node, context, (prod(shape[:axis]), prod(shape[axis:])))


def squeeze(node: Node, context: Context) -> Value:
    """Squeeze."""
    shape = shape_of(context.value(node, 0))
    axes = _axes(node, context, len(shape))
    gone = {axis for axis, size in enumerate(shape) if size == 1} if axes is None else set(axes)
    if any(shape[axis] != 1 for axis in gone):
        raise ModelError(f"{node}: axes {sorted(gone)} of shape {list(shape)} are not all of size 1")
    return _reshaped(node, context, tuple(size for axis, size in enumerate(shape) if axis not in gone))


def unsqueeze(node: Node, context: Context) -> Value:
    """Unsqueeze."""
    shape = shape_of(context.value(node, 0))
    given = node.integers("axes") or context.integers(node, 1, "axes") or []
    axes = _axes(node, context, len(shape) + len(given)) or []
    if len(set(axes)) != len(axes):
        raise ModelError(f"{node}: axes {axes} repeat")
    rest = iter(shape)
    return _reshaped(node, context, tuple(1 if axis in axes else next(rest) for axis in range(len(shape) + len(axes))))


def transpose(node: Node, context: Context) -> Value:
    """Transpose."""
    value = context.value(node, 0)
    rank = len(shape_of(value))
    permutation = node.integers("perm") or list(range(rank))[::-1]
    if sorted(permutation) != list(range(rank)):
        raise ModelError(f"{node}: perm {permutation} does not fit {rank} axes")
    match value:
        case Constant():
            return replace(value, array=value.array.transpose(permutation))
        case QuantisedConstant():
            return replace(
                value, integers=value.integers.transpose(permutation), scales=value.scales.transpose(permutation)
            )
        case _:
            return replace(value, layout=value.layout.transposed(permutation))


def shape(node: Node, context: Context) -> Value:
    """Shape: known offline, since every size is."""
    whole = shape_of(context.value(node, 0))
    rank = len(whole)
    start, end = (
        np.clip(place + rank if place < 0 else place, 0, rank)
        for place in (node.integer("start", 0), node.integer("end", rank))
    )
    return Constant(np.array(whole[int(start) : int(end)], np.int64))


def shape_of(value: Value) -> Shape:
    """Shape of any value, as ONNX has it."""
    match value:
        case Constant():
            return value.array.shape
        case QuantisedConstant():
            return value.integers.shape
        case _:
            return value.layout.shape


def resolved(node: Node, shape: Shape, wanted: Sequence[int]) -> Shape:
    """The shape that Reshape makes of `shape`. Raises ModelError where the number of elements does not fit."""
    keeps_zero = bool(node.integer("allowzero", 0))
    sizes: list[int] = []
    for axis, size in enumerate(wanted):
        if size == 0 and not keeps_zero:
            if axis >= len(shape):
                raise ModelError(f"{node}: {list(wanted)} copies axis {axis} of shape {list(shape)}, which has none")
            size = shape[axis]
        sizes.append(size)
    if sizes.count(-1) == 1:
        known = prod(size for size in sizes if size != -1)
        sizes[sizes.index(-1)] = prod(shape) // known if known > 0 else 0
    if any(size < 1 for size in sizes) or prod(sizes) != prod(shape):
        raise ModelError(f"{node}: shape {list(shape)} cannot become {list(wanted)}")
    return tuple(sizes)


def _axes(node: Node, context: Context, rank: int) -> list[int] | None:
    axes = node.integers("axes")
    if axes is None:
        axes = context.integers(node, 1, "axes")
    if axes is None:
        return None
    if not all(-rank <= axis < rank for axis in axes):
        raise ModelError(f"{node}: axes {axes} do not fit {rank} axes")
    return [axis % rank for axis in axes]


def _reshaped(node: Node, context: Context, shape: Shape) -> Value:
    value = context.value(node, 0)
    match value:
        case Constant():
            return replace(value, array=value.array.reshape(shape))
        case QuantisedConstant():
            context.spend(node, value.integers.size)  # the broadcast scales become an array
            return replace(value, integers=value.integers.reshape(shape), scales=value.scales.reshape(shape))
        case _:
            return replace(value, layout=_laid_out(node, value.layout, shape))


def _laid_out(node: Node, layout: Layout, shape: Shape) -> Layout:
    try:
        return layout.reshaped(shape)
    except LayoutError as error:
        raise LayoutError(f"{node}: {error}; the bytes would have to be moved while the network runs") from error
