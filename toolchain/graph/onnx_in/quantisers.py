# SPDX-License-Identifier: Apache-2.0
"""QuantizeLinear and DequantizeLinear: the doors between the file's float world and the Graph's integers.

    QuantizeLinear     y = saturate(round half to even(x / scale) + zero point)
    DequantizeLinear   x = (y - zero point) * scale

The integers of uint8 activations are the Graph's plus 128. A constant behind QuantizeLinear is computed here, in
float32 as ONNX Runtime does it, so that weights kept as float come out as the integers that it would use.
Source: ONNX operator specification, QuantizeLinear, DequantizeLinear; for the float32 division ONNX Runtime,
core/mlas/lib/quantize.cpp.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError
from toolchain.graph.onnx_in.builder import Tap
from toolchain.graph.onnx_in.context import Context
from toolchain.graph.onnx_in.integer_types import INT8, INTEGER_TYPES, UINT8, IntegerType
from toolchain.graph.onnx_in.naming import layer_name
from toolchain.graph.onnx_in.node import Node
from toolchain.graph.onnx_in.recipes import Same
from toolchain.graph.onnx_in.values import (
    Activation,
    Constant,
    Integers,
    ModelInput,
    Pending,
    QuantisedConstant,
    Value,
)
from toolchain.graph.ops import Clamp
from toolchain.graph.tensor import Quantisation

Number = TypeVar("Number", np.float32, np.int64)


@dataclass(frozen=True, eq=False)
class Parameters:
    """Scale and zero point as the file gives them, for integers of `type`. axis, block: where there are several."""

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    type: IntegerType
    axis: int
    block: int

    def activation(self, node: Node) -> Quantisation:
        """As the quantisation of a Graph activation. Raises ModelError where the Graph has none like it."""
        if self.type.bits > 8:
            raise ModelError(
                f"{node}: quantises an activation to {self.type.name}; supported are int8, uint8 and narrower. "
                "Quantise activations to 8 bits"
            )
        if self.scale.size != 1 or self.zero_point.size != 1:
            raise ModelError(f"{node}: quantises an activation per channel; only weights may have several scales")
        zero_point = int(self.zero_point.reshape(-1)[0]) - self.type.offset
        return Quantisation((float(self.scale.reshape(-1)[0]),), zero_point)

    def spread(self, node: Node, shape: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scale and zero point, each broadcast to a constant of `shape`."""
        scale = self._spread_one(node, self.scale, shape)
        if self.zero_point.size == 1:
            return scale, np.broadcast_to(self.zero_point.reshape(()), shape)
        return scale, self._spread_one(node, self.zero_point, shape)

    def _spread_one(self, node: Node, values: NDArray[Number], shape: tuple[int, ...]) -> NDArray[Number]:
        if values.size == 1:
            return np.broadcast_to(values.reshape(()), shape)
        axis = self.axis + len(shape) if self.axis < 0 else self.axis
        if 0 <= axis < len(shape):
            if self.block and values.ndim == len(shape):
                repeated = np.repeat(values, self.block, axis=axis).take(range(shape[axis]), axis=axis, mode="clip")
                if repeated.shape == shape:
                    return repeated
            elif not self.block and values.shape == (shape[axis],):
                column = [1] * len(shape)
                column[axis] = shape[axis]
                return np.broadcast_to(values.reshape(column), shape)
        raise ModelError(
            f"{node}: scale or zero point of shape {list(values.shape)} does not fit axis {self.axis} of {list(shape)}"
        )


def quantize_linear(node: Node, context: Context) -> Value:
    """QuantizeLinear."""
    parameters = _parameters(node, context, given=None)
    value = context.value(node, 0)
    if isinstance(value, Constant | QuantisedConstant):
        return _quantised_constant(node, context, parameters)
    quantisation = parameters.activation(node)
    offset = parameters.type.offset
    within = Clamp(parameters.type.low - offset, parameters.type.high - offset)
    match value:
        case ModelInput() if value.dtype not in ("int8", "uint8"):
            tensor = _entered(node, context, value, quantisation, offset=None)
            tensor = context.builder.clamped(tensor, layer_name(node.name, "clamp"), within)
        case Activation():
            same = Pending(Same(value), value.layout, str(node), layer_name(node.name, "requantise"))
            tensor = context.builder.settle(same, quantisation, within)
        case Pending():
            tensor = context.builder.settle(value, quantisation, within)
        case _:
            raise ModelError(f"{node}: quantises {node.input(0)}, which holds integers already")
    context.builder.taps.setdefault(tensor, Tap(node.outputs[0], value.layout, offset))
    return Integers(tensor, value.layout, quantisation, parameters.type)


def dequantize_linear(node: Node, context: Context) -> Value:
    """DequantizeLinear."""
    value = context.value(node, 0)
    match value:
        case Constant():
            context.spend(node, value.array.size)
            parameters = _parameters(node, context, given=_type_of(node, value))
            scales, zero_points = parameters.spread(node, value.array.shape)
            integers = value.array.astype(np.int64) - zero_points
            return QuantisedConstant(integers, scales, value.bits or parameters.type.bits, value.grid)
        case Integers():
            quantisation = _parameters(node, context, given=value.type).activation(node)
            if quantisation != value.quantisation:
                raise ModelError(
                    f"{node}: reads {node.input(0)} as {_described(quantisation, value.type)}; it was quantised with "
                    f"{_described(value.quantisation, value.type)}"
                )
            return Activation(value.tensor, value.layout, quantisation)
        case ModelInput() if value.dtype in ("int8", "uint8") and value.gain == 1.0:
            kind = INT8 if value.dtype == "int8" else UINT8
            quantisation = _parameters(node, context, given=kind).activation(node)
            tensor = _entered(node, context, value, quantisation, kind.offset)
            return Activation(tensor, value.layout, quantisation)
        case _:
            raise ModelError(f"{node}: reads {node.input(0)}, which holds no integers")


def _quantised_constant(node: Node, context: Context, parameters: Parameters) -> Constant:
    real = context.reals(node, 0, "the constant")
    assert real is not None
    context.spend(node, real.size)
    scales, zero_points = parameters.spread(node, real.shape)
    kind = parameters.type
    with np.errstate(over="ignore"):
        steps = np.rint(real.astype(np.float32) / scales).astype(np.float64)
    integers = np.clip(steps + zero_points, kind.low, kind.high)
    return Constant(integers.astype(kind.container), kind.bits)


def _parameters(node: Node, context: Context, given: IntegerType | None) -> Parameters:
    """Scale and zero point of `node`. given: the type of its integers where something else says so."""
    scale = context.array(node, 1, "the scale")
    if scale is None:
        raise ModelError(f"{node}: the scale is missing")
    if scale.dtype.kind != "f" or scale.size == 0:
        raise ModelError(f"{node}: the scale ({node.input(1)}) must be float, not {scale.dtype}")
    scale32 = scale.astype(np.float32)
    if not np.all(np.isfinite(scale32) & (scale32 > 0)):
        raise ModelError(f"{node}: the scale ({node.input(1)}) must be finite and greater than 0")
    zero_point, named = _zero_point(node, context)
    kind = given or named or _declared(node) or UINT8
    if zero_point is None:
        zero_point = np.zeros((), np.int64)
    elif named is not None and named.container != kind.container:
        raise ModelError(f"{node}: the zero point is {named.name}, but the integers are {kind.name}")
    return Parameters(scale32, zero_point, kind, node.integer("axis", 1), max(node.integer("block_size", 0), 0))


def _zero_point(node: Node, context: Context) -> tuple[NDArray[np.int64] | None, IntegerType | None]:
    """(values, type) of the zero point; (None, None) where there is none."""
    value = context.optional(node, 2)
    if value is None:
        return None, None
    if not isinstance(value, Constant) or value.array.size == 0:
        raise ModelError(f"{node}: the zero point ({node.input(2)}) must be a constant")
    return value.array.astype(np.int64), _type_of(node, value)


def _type_of(node: Node, value: Constant) -> IntegerType:
    """The ONNX type of a constant's integers."""
    found = [kind for kind in INTEGER_TYPES.values() if np.dtype(kind.container) == value.array.dtype]
    if not found:
        raise ModelError(f"{node}: integers or zero point of type {value.array.dtype}; supported are int8, uint8, …")
    return next((kind for kind in found if kind.bits == value.bits), found[0])


def _declared(node: Node) -> IntegerType | None:
    """The type that attribute output_dtype asks for."""
    wanted = node.integer("output_dtype", 0)
    if not wanted:
        return None
    if wanted not in INTEGER_TYPES:
        raise ModelError(f"{node}: output_dtype {wanted} is no integer type of at most 32 bits")
    return INTEGER_TYPES[wanted]


def _described(quantisation: Quantisation, kind: IntegerType) -> str:
    return f"{kind.name} with scale {quantisation.scale:g} and zero point {quantisation.zero_point + kind.offset}"


def _entered(node: Node, context: Context, value: ModelInput, quantisation: Quantisation, offset: int | None) -> str:
    """The Graph input for `value`, made at its first quantisation."""
    tensor = context.enter(value, quantisation, offset)
    if tensor is None:
        raise ModelError(
            f"{node}: quantises input {value.name} on a second grid; quantise it once and share the result"
        )
    return tensor
