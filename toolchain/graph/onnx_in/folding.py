# SPDX-License-Identifier: Apache-2.0
"""Operators whose inputs are all constant: computed here, so that only what runs on the device is left.

Exporters leave such arithmetic behind: the scale of a bias as a product of scales, shapes taken apart and put
together again, parameters of a batch norm. Sizes are checked before anything is allocated.
Source: ONNX operator specification; integer division truncates, Round rounds half to even.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from toolchain.errors import ModelError
from toolchain.graph.onnx_in.context import Context
from toolchain.graph.onnx_in.node import Literal, Node
from toolchain.graph.onnx_in.values import Constant, QuantisedConstant, Value

Array = NDArray[Any]  # any dtype: the rules below say which they take

# Weights of a network for a microcontroller are far below this.
MAX_CONSTANT_ELEMENTS = 1 << 25

CAST_TYPES = {
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.DOUBLE: "float64",
    TensorProto.BFLOAT16: "float32",
    TensorProto.INT8: "int8",
    TensorProto.UINT8: "uint8",
    TensorProto.INT16: "int16",
    TensorProto.UINT16: "uint16",
    TensorProto.INT32: "int32",
    TensorProto.INT64: "int64",
    TensorProto.BOOL: "bool",
}


def fold(node: Node, context: Context) -> Value:
    """The result of `node`, all of whose inputs are constant. Raises ModelError where its arithmetic is not known."""
    arrays: list[Array] = []
    for name in node.inputs:
        value = context.values[name] if name else Constant(np.zeros(0, np.float32))
        assert isinstance(value, Constant | QuantisedConstant)
        arrays.append(value.array if isinstance(value, Constant) else value.real.astype(np.float32))
    if not arrays:
        raise ModelError(f"{node}: has no inputs")
    try:
        with np.errstate(all="ignore"):
            result = np.asarray(_RULES[node.op](node, arrays))
    except (ValueError, IndexError, TypeError, OverflowError, MemoryError) as error:
        raise ModelError(f"{node}: its constant inputs do not fit together: {error}") from error
    context.spend(node, result.size)
    return Constant(result)


def clip_constant(node: Node, context: Context, value: Constant) -> Constant:
    """Clip of a constant. Of integers it also says how many bits are left of them."""
    low, high = context.scalar(node, 1, "the lower bound"), context.scalar(node, 2, "the upper bound")
    if value.array.dtype.kind not in "iu":
        bounds = node.bound("min", -np.inf) if low is None else low, node.bound("max", np.inf) if high is None else high
        return Constant(np.clip(value.array, *bounds).astype(value.array.dtype))
    limits = np.iinfo(str(value.array.dtype))
    bottom = int(limits.min if low is None else np.clip(low, limits.min, limits.max))
    top = int(limits.max if high is None else np.clip(high, limits.min, limits.max))
    signed = max((-bottom - 1).bit_length(), top.bit_length()) + 1
    bits = signed if bottom < 0 else max(top.bit_length(), 1)
    return Constant(np.clip(value.array, bottom, top).astype(value.array.dtype), min(value.bits or bits, bits))


def _sized(shape: tuple[int, ...]) -> tuple[int, ...]:
    if any(size < 0 for size in shape) or prod(shape) > MAX_CONSTANT_ELEMENTS:
        raise ValueError(f"shape {list(shape)}")
    return shape


def _joint(*arrays: Array) -> None:
    _sized(np.broadcast_shapes(*(array.shape for array in arrays)))


def _binary(compute: Callable[[Array, Array], Array]) -> Callable[[Node, list[Array]], Array]:
    def rule(node: Node, arrays: list[Array]) -> Array:
        first, second = arrays
        _joint(first, second)
        return compute(first, second)

    return rule


def _divide(first: Array, second: Array) -> Array:
    if first.dtype.kind in "iu":
        if not np.all(second):
            raise ValueError("division by zero")
        return np.asarray(np.trunc(first / second)).astype(first.dtype)
    return np.asarray(first / second)


def _cast(node: Node, arrays: list[Array]) -> Array:
    kind = CAST_TYPES.get(node.integer("to", 0)) if node.op == "Cast" else str(arrays[1].dtype)
    if kind is None:
        raise ValueError(f"type {node.integer('to', 0)}")
    if np.dtype(kind).kind in "iu" and arrays[0].dtype.kind == "f" and not np.isfinite(arrays[0]).all():
        raise ValueError("values that are not finite")
    return arrays[0].astype(kind)


def _concat(node: Node, arrays: list[Array]) -> Array:
    _sized((sum(array.size for array in arrays),))
    return np.concatenate(arrays, axis=node.integer("axis", 0))


def _gather(node: Node, arrays: list[Array]) -> Array:
    data, indices = arrays
    axis = node.integer("axis", 0)
    _sized((data.size // max(data.shape[axis], 1), indices.size))
    return np.take(data, indices.astype(np.int64), axis=axis)


def _slice(node: Node, arrays: list[Array]) -> Array:
    data = arrays[0]

    def integers(name: str, index: int) -> list[int] | None:
        if node.integers(name) is not None:
            return node.integers(name)
        return [int(v) for v in arrays[index].reshape(-1)] if index < len(arrays) and node.input(index) else None

    starts, ends = integers("starts", 1) or [], integers("ends", 2) or []
    axes = integers("axes", 3) or list(range(len(starts)))
    steps = integers("steps", 4) or [1] * len(starts)
    cuts = [slice(None)] * data.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        cuts[axis] = slice(start, None if step < 0 and end < -data.shape[axis] else end, step)
    return data[tuple(cuts)]


def _filled(node: Node, arrays: list[Array]) -> Array:
    shape = _sized(tuple(int(size) for size in arrays[0].reshape(-1)))
    value = node.attributes.get("value")
    if value is None:
        return np.zeros(shape, np.float32)
    if not isinstance(value, Literal) or value.array.size != 1:
        raise ValueError("a value that is not one number")
    return np.full(shape, value.array.reshape(()), value.array.dtype)


def _expand(node: Node, arrays: list[Array]) -> Array:
    shape = np.broadcast_shapes(arrays[0].shape, _sized(tuple(int(size) for size in arrays[1].reshape(-1))))
    return np.broadcast_to(arrays[0], _sized(shape))


def _where(node: Node, arrays: list[Array]) -> Array:
    _joint(*arrays)
    return np.where(arrays[0].astype(bool), arrays[1], arrays[2])


def _unary(compute: Callable[[Array], Array]) -> Callable[[Node, list[Array]], Array]:
    return lambda node, arrays: compute(arrays[0])


_RULES: Mapping[str, Callable[[Node, list[Array]], Array]] = {
    "Abs": _unary(np.abs),
    "Add": _binary(np.add),
    "Cast": _cast,
    "CastLike": _cast,
    "Ceil": _unary(np.ceil),
    "Concat": _concat,
    "ConstantOfShape": _filled,
    "Div": _binary(_divide),
    "Equal": _binary(np.equal),
    "Exp": _unary(np.exp),
    "Expand": _expand,
    "Floor": _unary(np.floor),
    "Gather": _gather,
    "Log": _unary(np.log),
    "Max": _binary(np.maximum),
    "Min": _binary(np.minimum),
    "Mul": _binary(np.multiply),
    "Neg": _unary(np.negative),
    "Pow": _binary(np.power),
    "Reciprocal": _unary(np.reciprocal),
    "Round": _unary(np.rint),
    "Slice": _slice,
    "Sqrt": _unary(np.sqrt),
    "Sub": _binary(np.subtract),
    "Where": _where,
}

FOLDED = frozenset(_RULES)
