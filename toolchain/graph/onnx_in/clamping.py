# SPDX-License-Identifier: Apache-2.0
"""Relu, Clip, Min, Max and Softmax.

A bound belongs to whatever is pending in front of it; behind DequantizeLinear it is a lone clamp; between
QuantizeLinear and DequantizeLinear (Brevitas' QCDQ, which says "4 bits" that way) it bounds the integers.
Source: ONNX operator specification; Brevitas, export/common/handler/qcdq.py for the form of QCDQ.
"""

from math import prod

import numpy as np

from toolchain.errors import ModelError
from toolchain.graph.onnx_in.builder import Tap
from toolchain.graph.onnx_in.context import Context, must_move
from toolchain.graph.onnx_in.naming import layer_name
from toolchain.graph.onnx_in.node import Node
from toolchain.graph.onnx_in.recipes import Probabilities, Same
from toolchain.graph.onnx_in.values import Activation, Constant, Integers, Pending, QuantisedConstant, Value
from toolchain.graph.ops import Clamp


def relu(node: Node, context: Context) -> Value:
    """Relu."""
    return _bounded(node, context, 0.0, np.inf)


def clip(node: Node, context: Context) -> Value:
    """Clip; the bounds are attributes up to opset 10 and inputs from 11 on."""
    low, high = context.scalar(node, 1, "the lower bound"), context.scalar(node, 2, "the upper bound")
    return _bounded(
        node,
        context,
        node.bound("min", -np.inf) if low is None else low,
        node.bound("max", np.inf) if high is None else high,
    )


def bound(node: Node, context: Context) -> Value:
    """Min or Max of an activation and one constant number (TensorFlow's way to clip)."""
    constants = [index for index in (0, 1) if isinstance(context.value(node, index), Constant | QuantisedConstant)]
    if len(node.inputs) != 2 or len(constants) != 1:
        raise ModelError(f"{node}: supported is {node.op} of an activation and one constant number")
    limit = context.scalar(node, constants[0], "the bound")
    assert limit is not None
    low, high = (limit, np.inf) if node.op == "Max" else (-np.inf, limit)
    return _bounded(node, context, low, high, index=1 - constants[0])


def softmax(node: Node, context: Context) -> Value:
    """Softmax over one axis, from opset 13 on; before that over `axis` and all behind it."""
    source = context.activation(node, 0)
    layout, rank = source.layout, len(source.layout.axes)
    axis = node.integer("axis", -1 if context.opset >= 13 else 1)
    if not -rank <= axis < rank:
        raise ModelError(f"{node}: axis {axis} does not fit an input of shape {list(layout.shape)}")
    axes = [axis % rank] if context.opset >= 13 else list(range(axis % rank, rank))
    if not layout.is_innermost(axes):
        raise must_move(node)
    size = prod(layout.shape[each] for each in axes)
    shape = context.builder.tensors[source.tensor].shape
    if shape[-1] != size:
        shape = (layout.n_elements // size, size)
    return Pending(Probabilities(source, shape), layout, str(node), layer_name(node.name, "softmax"))


def _bounded(node: Node, context: Context, low: float, high: float, index: int = 0) -> Value:
    value = context.value(node, index)
    if isinstance(value, Integers):
        return _bounded_integers(node, context, value, low, high)
    source = context.source(node, index)
    if isinstance(source, Activation):
        source = Pending(Same(source), source.layout, str(node), layer_name(node.name, "clamp"))
    return source.clamped(low, high)


def _bounded_integers(node: Node, context: Context, value: Integers, low: float, high: float) -> Integers:
    top = int(np.clip(high - value.type.offset, -128, 127))
    bottom = min(int(np.clip(low - value.type.offset, -128, 127)), top)
    tensor = context.builder.clamped(value.tensor, layer_name(node.name, "clamp"), Clamp(bottom, top))
    context.builder.taps.setdefault(tensor, Tap(node.outputs[0], value.layout, value.type.offset))
    return Integers(tensor, value.layout, value.quantisation, value.type)
