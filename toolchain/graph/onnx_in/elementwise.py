# SPDX-License-Identifier: Apache-2.0
"""Add, Sub, Mul, Div, Neg and batch norm.

Two activations: Add. An activation and a constant: an affine map per channel, folded into the layer in front if that
is still pending, else a depthwise 1x1 convolution (exact: the factor goes into the scale, the integers are all 64).
Source: ONNX operator specification.
"""

from dataclasses import replace
from itertools import accumulate
from math import prod
from operator import mul

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError
from toolchain.graph.onnx_in.context import Context, must_move
from toolchain.graph.onnx_in.layout import MAX_ACTIVATION_ELEMENTS, Layout
from toolchain.graph.onnx_in.naming import layer_name
from toolchain.graph.onnx_in.node import Node
from toolchain.graph.onnx_in.recipes import Convolution, Sum, Weighted
from toolchain.graph.onnx_in.values import Activation, Constant, ModelInput, Pending, QuantisedConstant, Value
from toolchain.graph.onnx_in.weights import Weights

# The integer of the depthwise weights that stand for a factor: it leaves the bias six bits finer than the input.
UNIT = 64

Reals = NDArray[np.float64]
ONE, MINUS_ONE, ZERO = (np.full((), value) for value in (1.0, -1.0, 0.0))


def add(node: Node, context: Context) -> Value:
    """Add, Sum of two, and Sub where one side is constant."""
    if len(node.inputs) != 2:
        raise ModelError(f"{node}: {len(node.inputs)} inputs; supported are two")
    subtracts = node.op == "Sub"
    if _is_constant(node, context, 1):
        shift = _reals(node, context, 1)
        return _affine(node, context, 0, ONE, -shift if subtracts else shift)
    if _is_constant(node, context, 0):
        return _affine(node, context, 1, MINUS_ONE if subtracts else ONE, _reals(node, context, 0))
    if subtracts:
        raise ModelError(f"{node}: the difference of two activations is not supported")
    left, right = context.activation(node, 0), context.activation(node, 1)
    shape = _with_rank(left.layout, right.layout)
    if shape != _with_rank(right.layout, left.layout):
        raise ModelError(
            f"{node}: activations of shapes {list(left.layout.shape)} and {list(right.layout.shape)}; both must have "
            "one shape"
        )
    layout = left.layout.reshaped(shape)
    if layout != right.layout.reshaped(shape):
        raise must_move(node)
    recipe = Sum(left, right, context.builder.tensors[left.tensor].shape)
    return Pending(recipe, layout, str(node), layer_name(node.name, "add"))


def multiply(node: Node, context: Context) -> Value:
    """Mul and Div where one side is constant."""
    if _is_constant(node, context, 1):
        factor = _reals(node, context, 1)
        if node.op == "Mul":
            return _affine(node, context, 0, factor, ZERO)
        if not factor.all():
            raise ModelError(f"{node}: divides by zero")
        return _affine(node, context, 0, 1.0 / factor, ZERO)
    if _is_constant(node, context, 0) and node.op == "Mul":
        return _affine(node, context, 1, _reals(node, context, 0), ZERO)
    raise ModelError(f"{node}: {node.op} of two activations is not supported; one factor must be a constant")


def negate(node: Node, context: Context) -> Value:
    """Neg."""
    return _affine(node, context, 0, MINUS_ONE, ZERO)


def batch_normalization(node: Node, context: Context) -> Value:
    """BatchNormalization as it runs after training: one factor and one shift for each channel, axis 1."""
    if node.integer("training_mode", 0):
        raise ModelError(f"{node}: is in training mode; export the network in eval mode")
    value = context.value(node, 0)
    shape = () if isinstance(value, Constant | QuantisedConstant) else value.layout.shape
    gamma, beta, mean, variance = (_reals(node, context, index) for index in range(1, 5))
    if len(shape) < 2 or any(given.shape != shape[1:2] for given in (gamma, beta, mean, variance)):
        raise ModelError(f"{node}: its parameters do not fit an input of shape {list(shape)}")
    spread = variance + node.number("epsilon", 1e-5)
    if not np.all(spread > 0):
        raise ModelError(f"{node}: a variance below 0")
    gain = gamma / np.sqrt(spread)
    column = (shape[1], *[1] * (len(shape) - 2))
    return _affine(node, context, 0, gain.reshape(column), (beta - mean * gain).reshape(column))


def _affine(node: Node, context: Context, index: int, gain: Reals, shift: Reals) -> Value:
    """gain * input `index` + shift, both broadcast as numpy does."""
    if not (np.isfinite(gain).all() and np.isfinite(shift).all()):
        raise ModelError(f"{node}: a factor that is not finite")
    value = context.value(node, index)
    if isinstance(value, ModelInput):
        return _scaled_input(node, value, gain, shift)
    if isinstance(value, Pending) and isinstance(value.recipe, Weighted) and not value.is_clamped:
        layout = _broadcast(node, value.layout, gain, shift)
        channels = value.recipe.weights.channels
        gains, shifts = (_per_channel(layout, each, channels) for each in (gain, shift))
        if gains is not None and shifts is not None:
            folded = _with_affine(node, value.recipe.weights, gains, shifts)
            return replace(value, recipe=value.recipe.with_weights(folded), layout=layout)
    return _depthwise(node, context.activation(node, index), context, gain, shift)


def _scaled_input(node: Node, value: ModelInput, gain: Reals, shift: Reals) -> ModelInput:
    """A factor between the input and its QuantizeLinear is a factor on the input's scale."""
    if gain.size != 1 or np.any(shift) or gain.reshape(-1)[0] <= 0:
        raise ModelError(
            f"{node}: arithmetic between input {value.name} and its QuantizeLinear; only one positive factor can be "
            "taken into the input's scale. Move the rest out of the network, or quantise in front of it"
        )
    return replace(value, gain=value.gain * float(gain.reshape(-1)[0]))


def _depthwise(node: Node, source: Activation, context: Context, gain: Reals, shift: Reals) -> Pending:
    """The affine map as a depthwise 1x1 convolution, over the channels that are there or the fewest that can tell.

    Constants may vary along an axis that is no channel (a factor per frequency): then the axes inside it join it.
    """
    layout = _broadcast(node, source.layout, gain, shift)
    image = context.builder.tensors[source.tensor].shape
    own = image[3] if len(image) == 4 and image[0] == 1 else 1
    for channels in (own, *accumulate(reversed(layout.sizes), mul)):
        gains, shifts = (_per_channel(layout, each, channels) for each in (gain, shift))
        if gains is not None and shifts is not None:
            break
    assert gains is not None and shifts is not None  # with every element a channel of its own they always are
    if len(image) != 4 or image[0] != 1 or image[3] != channels:
        image = (1, layout.n_elements // channels, 1, channels)
    unit = Weights(np.full((1, 1, 1, channels), UNIT, np.int64), 3, np.full(channels, 1 / UNIT), bits=8)
    weights = _with_affine(node, unit, gains, shifts)
    return Pending(
        Convolution(source, weights, image, image, multiplier=1), layout, str(node), layer_name(node.name, "scale")
    )


def _with_affine(node: Node, weights: Weights, gain: Reals, shift: Reals) -> Weights:
    try:
        return weights.with_affine(gain, shift)
    except ModelError as error:
        raise ModelError(f"{node}: {error}") from error


def _per_channel(layout: Layout, values: Reals, channels: int) -> Reals | None:
    """`values`, broadcast to the layout, as one number for each of the innermost `channels`; None where they differ."""
    rows = layout.to_memory(np.broadcast_to(values, layout.shape)).reshape(-1, channels)
    return rows[0] if np.all(rows == rows[0]) else None


def _broadcast(node: Node, layout: Layout, gain: Reals, shift: Reals) -> Layout:
    """The layout once the constants' rank is taken on. Raises ModelError where they would enlarge the activation."""
    try:
        shape = np.broadcast_shapes(layout.shape, gain.shape, shift.shape)
    except ValueError:
        shape = ()
    if prod(shape) != layout.n_elements or prod(shape) > MAX_ACTIVATION_ELEMENTS:
        wrong = gain.shape if gain.size > 1 else shift.shape
        raise ModelError(f"{node}: a constant of shape {list(wrong)} does not fit an activation {list(layout.shape)}")
    return layout.reshaped(shape)


def _with_rank(layout: Layout, other: Layout) -> tuple[int, ...]:
    """Shape with ones in front up to the other's rank, as broadcasting has it."""
    return (1,) * (len(other.axes) - len(layout.axes)) + layout.shape


def _is_constant(node: Node, context: Context, index: int) -> bool:
    return isinstance(context.value(node, index), Constant | QuantisedConstant)


def _reals(node: Node, context: Context, index: int) -> Reals:
    values = context.reals(node, index, "constant")
    if values is None:
        raise ModelError(f"{node}: input {index} is missing")
    return values
