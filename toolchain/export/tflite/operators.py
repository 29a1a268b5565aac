# SPDX-License-Identifier: Apache-2.0
"""How each operator of the Graph is written in TFLite: one function an operator.

Versions are the lowest that allow int8, or int4 weights (Source:
tensorflow/compiler/mlir/lite/tools/versioning/op_version.cc).
TFLite cannot say everything that the Graph can, so some operators become two or three:

    padding that is neither SAME nor VALID     PAD in front (PADV2 with -128 in front of a maximum)
    a clamp that is no fused activation        MAXIMUM and MINIMUM behind

Both give the same integers, and `read_tflite` folds them back into one operator.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from toolchain.errors import ModelError
from toolchain.export.tflite.model_builder import ModelBuilder
from toolchain.graph.fused_activation import FusedActivation, activation_of_range
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
from toolchain.graph.shapes import same_padding
from toolchain.graph.tensor import Quantisation, Tensor
from toolchain.graph.tflite_in.look_up import OPERATOR as DECODE

_CODE = schema.BuiltinOperator
_OPTIONS = schema.BuiltinOptions
_SAME, _VALID = schema.Padding.SAME, schema.Padding.VALID
_INT8 = np.dtype(np.int8)


@dataclass(frozen=True)
class Coded:
    """Weights that are decoded in front of their layer: the indices of both constants in the file."""

    indices: int
    table: int


@dataclass(frozen=True)
class Target:
    """Where operators are written: the file under construction, the Graph, and each tensor's index in the file.

    coded: name of a weight tensor that stands as a look-up table -> its constants. int4: those that are int4.
    """

    model: ModelBuilder
    graph: Graph
    index: dict[str, int]
    coded: dict[str, Coded]
    int4: frozenset[str]

    def like(self, tensor: Tensor, suffix: str, shape: tuple[int, ...] | None = None) -> int:
        """A new activation with the quantisation of `tensor`."""
        return self.model.tensor(f"{tensor.name}/{suffix}", shape or tensor.shape, _INT8, tensor.quantisation)


@singledispatch
def write_operator(op: Operator, target: Target) -> None:
    """Add `op` to the file. Raises ModelError where TFLite has no way to say it."""
    raise TypeError(f"{op.kind} has no TFLite form")


@write_operator.register
def _(op: Conv2D, target: Target) -> None:
    _, kh, kw, _ = target.graph.tensor(op.weights).shape
    source, padding = _padded(op, target, Pair(kh, kw), op.dilation)

    def write(output: int, activation: FusedActivation) -> None:
        options = schema.Conv2DOptionsT(padding, op.stride.w, op.stride.h, activation, op.dilation.w, op.dilation.h)
        inputs = _with_bias(op, source, target)
        if op.bias is None:  # LiteRT's CONV_2D insists on one
            inputs.append(_zero_bias(op, target))
        version = 7 if op.weights in target.int4 else 3
        target.model.operator(_CODE.CONV_2D, version, inputs, [output], (_OPTIONS.Conv2DOptions, options))

    _clamped(op, op.activation, target, write)


@write_operator.register
def _(op: DepthwiseConv2D, target: Target) -> None:
    _, kh, kw, _ = target.graph.tensor(op.weights).shape
    source, padding = _padded(op, target, Pair(kh, kw), op.dilation)

    def write(output: int, activation: FusedActivation) -> None:
        options = schema.DepthwiseConv2DOptionsT(
            padding, op.stride.w, op.stride.h, op.multiplier, activation, op.dilation.w, op.dilation.h
        )
        inputs = _with_bias(op, source, target)
        version, kind = 7 if op.weights in target.int4 else 3, _OPTIONS.DepthwiseConv2DOptions
        target.model.operator(_CODE.DEPTHWISE_CONV_2D, version, inputs, [output], (kind, options))

    _clamped(op, op.activation, target, write)


@write_operator.register
def _(op: FullyConnected, target: Target) -> None:
    def write(output: int, activation: FusedActivation) -> None:
        inputs = _with_bias(op, target.index[op.input], target)
        options = (_OPTIONS.FullyConnectedOptions, schema.FullyConnectedOptionsT(activation))
        version = 10 if op.weights in target.int4 else 4 if op.bias else 6
        target.model.operator(_CODE.FULLY_CONNECTED, version, inputs, [output], options)

    _clamped(op, op.activation, target, write)


@write_operator.register(AveragePool2D)
@write_operator.register(MaxPool2D)
def _(op: AveragePool2D | MaxPool2D, target: Target) -> None:
    code = _CODE.MAX_POOL_2D if isinstance(op, MaxPool2D) else _CODE.AVERAGE_POOL_2D
    source, padding = _padded(op, target, op.window, Pair())

    def write(output: int, activation: FusedActivation) -> None:
        options = schema.Pool2DOptionsT(padding, op.stride.w, op.stride.h, op.window.w, op.window.h, activation)
        target.model.operator(code, 2, [source], [output], (_OPTIONS.Pool2DOptions, options))

    _clamped(op, op.activation, target, write)


@write_operator.register
def _(op: Mean, target: Target) -> None:
    axes = target.model.integers(f"{op.name}/axes", [1, 2])
    keep = len(target.graph.tensor(op.output).shape) == 4
    inputs, outputs = [target.index[op.input], axes], [target.index[op.output]]
    target.model.operator(_CODE.MEAN, 2, inputs, outputs, (_OPTIONS.ReducerOptions, schema.ReducerOptionsT(keep)))


@write_operator.register
def _(op: Add, target: Target) -> None:
    def write(output: int, activation: FusedActivation) -> None:
        options = (_OPTIONS.AddOptions, schema.AddOptionsT(activation))
        target.model.operator(_CODE.ADD, 2, [target.index[op.input], target.index[op.other]], [output], options)

    _clamped(op, op.activation, target, write)


@write_operator.register
def _(op: Pad, target: Target) -> None:
    _pad(op, op.padding, target, target.index[op.output])


@write_operator.register
def _(op: Concatenation, target: Target) -> None:
    _concatenate(op, target, axis=len(target.graph.tensor(op.output).shape) - 1)


@write_operator.register
def _(op: JoinRows, target: Target) -> None:
    _concatenate(op, target, axis=1)


@write_operator.register
def _(op: TakeRows, target: Target) -> None:
    begin = target.model.integers(f"{op.name}/begin", [0, op.first, 0, 0])
    size = target.model.integers(f"{op.name}/size", list(target.graph.tensor(op.output).shape))
    inputs, outputs = [target.index[op.input], begin, size], [target.index[op.output]]
    target.model.operator(_CODE.SLICE, 2, inputs, outputs, (_OPTIONS.SliceOptions, schema.SliceOptionsT()))


@write_operator.register
def _(op: Requantise, target: Target) -> None:
    """RELU requantises and clamps in one; RELU6 clamps only, so it serves where both grids are one."""
    source, output = target.graph.tensor(op.input).quantisation, target.graph.tensor(op.output).quantisation
    inputs, outputs = [target.index[op.input]], [target.index[op.output]]
    activation = activation_of_range(op.activation, output)
    if activation is FusedActivation.RELU:
        target.model.operator(_CODE.RELU, 2, inputs, outputs, (_OPTIONS.NONE, None))
    elif activation is FusedActivation.RELU6 and source == output:
        target.model.operator(_CODE.RELU6, 2, inputs, outputs, (_OPTIONS.NONE, None))
    elif source == output and op.activation != Clamp():
        _write_clamp(op, op.activation, target, inputs[0])
    else:

        def write(output: int, _: FusedActivation) -> None:
            options = (_OPTIONS.QuantizeOptions, schema.QuantizeOptionsT())
            target.model.operator(_CODE.QUANTIZE, 1, inputs, [output], options)

        _clamped(op, op.activation, target, write, fusable=(FusedActivation.NONE,))


@write_operator.register
def _(op: Reshape, target: Target) -> None:
    shape = list(target.graph.tensor(op.output).shape)
    inputs = [target.index[op.input], target.model.integers(f"{op.name}/shape", shape)]
    options = (_OPTIONS.ReshapeOptions, schema.ReshapeOptionsT(shape))
    target.model.operator(_CODE.RESHAPE, 1, inputs, [target.index[op.output]], options)


@write_operator.register
def _(op: Softmax, target: Target) -> None:
    options = (_OPTIONS.SoftmaxOptions, schema.SoftmaxOptionsT(op.beta))
    target.model.operator(_CODE.SOFTMAX, 2, [target.index[op.input]], [target.index[op.output]], options)


def _concatenate(op: Concatenation | JoinRows, target: Target, axis: int) -> None:
    inputs, outputs = [target.index[name] for name in op.inputs], [target.index[op.output]]
    options = (_OPTIONS.ConcatenationOptions, schema.ConcatenationOptionsT(axis))
    target.model.operator(_CODE.CONCATENATION, 2, inputs, outputs, options)


def _with_bias(op: Conv2D | DepthwiseConv2D | FullyConnected, source: int, target: Target) -> list[int]:
    """The inputs of a layer that is written next: what is decoded for it must be decoded right before it."""
    coded = target.coded.get(op.weights)
    if coded is not None:
        target.model.custom_operator(DECODE, [coded.indices, coded.table], [target.index[op.weights]])
    constants = [op.weights] if op.bias is None else [op.weights, op.bias]
    return [source, *(target.index[name] for name in constants)]


def _zero_bias(op: Conv2D, target: Target) -> int:
    weights = target.graph.tensor(op.weights)
    input_scale = target.graph.tensor(op.input).quantisation.scale
    scales = tuple(float(np.float32(input_scale * scale)) for scale in weights.quantisation.scales)
    zeros = np.zeros(weights.shape[0], np.int32)
    quantisation = Quantisation(scales, axis=0 if len(scales) > 1 else None)
    return target.model.tensor(f"{op.name}/no_bias", zeros.shape, zeros.dtype, quantisation, zeros)


def _padded(
    op: Conv2D | DepthwiseConv2D | AveragePool2D | MaxPool2D, target: Target, kernel: Pair, dilation: Pair
) -> tuple[int, int]:
    """The tensor that the operator shall read, behind a PAD where one is needed, and SAME or VALID."""
    source = target.graph.tensor(op.input)
    _, height, width, channels = source.shape
    rows = same_padding(height, kernel.h, op.stride.h, dilation.h)
    same = Padding(*rows, *same_padding(width, kernel.w, op.stride.w, dilation.w))
    if op.padding == Padding():
        return target.index[op.input], _VALID
    if op.padding == same:
        return target.index[op.input], _SAME
    if isinstance(op, AveragePool2D):
        raise ModelError(
            f"operator {op.name}: TFLite cannot say an average over a padding of {tuple(op.padding)} that does not "
            f"count; SAME would be {tuple(same)}, or use no padding"
        )
    p = op.padding
    shape = (1, height + p.top + p.bottom, width + p.left + p.right, channels)
    padded = target.like(source, f"{op.name}_padded", shape)
    _pad(op, p, target, padded, value=-128 if isinstance(op, MaxPool2D) else None)
    return padded, _VALID


def _pad(op: Any, padding: Padding, target: Target, output: int, value: int | None = None) -> None:
    """PAD with the zero point, or PADV2 with `value`."""
    amounts = [[0, 0], [padding.top, padding.bottom], [padding.left, padding.right], [0, 0]]
    inputs = [target.index[op.input], target.model.integers(f"{op.name}/padding", np.array(amounts))]
    if value is None:
        target.model.operator(_CODE.PAD, 2, inputs, [output], (_OPTIONS.PadOptions, schema.PadOptionsT()))
        return
    quantisation = target.graph.tensor(op.input).quantisation
    inputs.append(target.model.tensor(f"{op.name}/border", [1], _INT8, quantisation, np.array([value])))
    target.model.operator(_CODE.PADV2, 2, inputs, [output], (_OPTIONS.PadV2Options, schema.PadV2OptionsT()))


_ALL = tuple(FusedActivation)


def _clamped(
    op: Any,
    clamp: Clamp,
    target: Target,
    write: Callable[[int, FusedActivation], None],
    fusable: tuple[FusedActivation, ...] = _ALL,
) -> None:
    """Write an operator with its clamp fused where TFLite has such an activation, else with MAXIMUM and MINIMUM."""
    output = target.graph.tensor(op.output)
    activation = activation_of_range(clamp, output.quantisation)
    if activation in fusable:
        write(target.index[op.output], activation)
        return
    unclamped = target.like(output, "unclamped")
    write(unclamped, FusedActivation.NONE)
    _write_clamp(op, clamp, target, unclamped)


def _write_clamp(op: Any, clamp: Clamp, target: Target, source: int) -> None:
    output = target.graph.tensor(op.output)
    bounds = [
        (code, name, bound)
        for code, name, bound, limit in (
            (_CODE.MAXIMUM, "low", clamp.low, -128),
            (_CODE.MINIMUM, "high", clamp.high, 127),
        )
        if bound != limit
    ]
    for code, name, bound in bounds:
        constant = target.model.tensor(f"{op.name}/{name}", [1], _INT8, output.quantisation, np.array([bound]))
        last = name == bounds[-1][1]
        destination = target.index[op.output] if last else target.like(output, name)
        options = (_OPTIONS.MaximumMinimumOptions, schema.MaximumMinimumOptionsT())
        target.model.operator(code, 2, [source, constant], [destination], options)
        source = destination
