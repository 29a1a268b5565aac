# SPDX-License-Identifier: Apache-2.0
"""Gemm and MatMul with constant weights: FullyConnected.

Gemm: alpha * A' @ B' + beta * C with A' [M, K], B' [K, N]; MatMul: A [..., K] @ B [K, N]. What lies along K may be
several axes of the activation in another order than memory has them (Flatten of [N, C, H, W]): the weights are
permuted offline to meet memory as it is.
Source: ONNX operator specification, Gemm, MatMul.
"""

import numpy as np

from toolchain.errors import ModelError
from toolchain.graph.onnx_in.context import Context, must_move
from toolchain.graph.onnx_in.naming import layer_name
from toolchain.graph.onnx_in.node import Node
from toolchain.graph.onnx_in.recipes import Dense
from toolchain.graph.onnx_in.values import Activation, Pending, QuantisedConstant, Value
from toolchain.graph.onnx_in.weights import Weights, bias_of, layer_weights


def matmul(node: Node, context: Context) -> Value:
    """MatMul."""
    weights = layer_weights(node, _dense_weights(node, context, 1), out_axis=1).transposed((1, 0))
    return _dense(node, context.activation(node, 0), weights)


def gemm(node: Node, context: Context) -> Value:
    """Gemm."""
    out_axis = 0 if node.integer("transB", 0) else 1
    weights = layer_weights(node, _dense_weights(node, context, out_axis), out_axis)
    if out_axis == 1:
        weights = weights.transposed((1, 0))
    source = context.activation(node, 0)
    if len(source.layout.axes) != 2:
        raise ModelError(f"{node}: its input has shape {list(source.layout.shape)}; Gemm needs [M, K]")
    if node.integer("transA", 0):
        source = Activation(source.tensor, source.layout.transposed((1, 0)), source.quantisation)
    alpha = node.number("alpha", 1.0)
    if alpha != 1.0:
        weights = weights.with_affine(np.full(weights.channels, alpha), np.zeros(weights.channels))
    bias = bias_of(node, context.reals(node, 2, "bias"), weights.channels)
    return _dense(node, source, weights.with_bias(None if bias is None else bias * node.number("beta", 1.0)))


def _dense_weights(node: Node, context: Context, out_axis: int) -> QuantisedConstant:
    """The second input, which must be a constant matrix."""
    if isinstance(context.value(node, 0), QuantisedConstant):
        raise ModelError(f"{node}: constant weights on the left of an activation; write it as activation times weights")
    constant = context.weights(node, 1, out_axis)
    if constant.integers.ndim != 2 or min(constant.integers.shape) < 1:
        raise ModelError(f"{node}: weights must be a matrix, not {list(constant.integers.shape)}")
    return constant


def _dense(node: Node, source: Activation, weights: Weights) -> Value:
    """weights: integers [N, K] in ONNX's order along K."""
    layout = source.layout
    if not layout.axes or layout.shape[-1] != weights.integers.shape[1]:
        wanted = weights.integers.shape[1]
        raise ModelError(f"{node}: an input of shape {list(layout.shape)} does not fit weights for {wanted} inputs")
    last = len(layout.axes) - 1
    if not layout.is_innermost([last]):
        raise must_move(node)
    rows = layout.n_elements // layout.shape[-1]
    weights = weights.reordered(layout.memory_order(last))
    recipe = Dense(source, weights, (rows, weights.channels))
    return Pending(recipe, layout.with_axis(last, weights.channels), str(node), layer_name(node.name, "dense"))
