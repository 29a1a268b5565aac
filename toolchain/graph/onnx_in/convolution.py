# SPDX-License-Identifier: Apache-2.0
"""Conv of one or two dimensions: Conv2D, or DepthwiseConv2D where every group has one input channel.

ONNX: X [N, C, H, W], W [Co, C / group, KH, KW], B [Co]. One dimension, [N, C, T], is an image of width 1 (H = T).
Source: ONNX operator specification, Conv.
"""

from toolchain.errors import ModelError
from toolchain.graph.onnx_in.context import CHANNELS_LAST, Context, channels_last, image_shape
from toolchain.graph.onnx_in.layout import Layout
from toolchain.graph.onnx_in.naming import layer_name
from toolchain.graph.onnx_in.node import Node
from toolchain.graph.onnx_in.recipes import Convolution
from toolchain.graph.onnx_in.values import Pending, Value
from toolchain.graph.onnx_in.weights import bias_of, layer_weights
from toolchain.graph.onnx_in.window import Window


def conv(node: Node, context: Context) -> Value:
    """Conv."""
    source = context.activation(node, 0)
    layout = channels_last(node, source.layout)
    image = image_shape(layout)
    rank = len(layout.axes)
    constant = context.weights(node, 1, out_axis=0)
    shape = constant.integers.shape
    if len(shape) != rank or min(shape) < 1:
        raise ModelError(f"{node}: weights {list(shape)} do not fit an input of shape {list(layout.shape)}")
    multiplier = _depth_multiplier(node, image[3], shape)
    declared = node.integers("kernel_shape")
    if declared is not None and tuple(declared) != shape[2:]:
        raise ModelError(f"{node}: kernel_shape {declared} does not fit weights {list(shape)}")
    weights = layer_weights(node, constant, out_axis=0).reshaped((*shape, 1)[:4])
    weights = weights.transposed((0, 2, 3, 1) if multiplier is None else (1, 2, 3, 0))
    weights = weights.with_bias(bias_of(node, context.reals(node, 2, "bias"), shape[0]))
    window = Window.of(node, image, shape[2:])
    size = window.output(node, image)
    recipe = Convolution(
        source, weights, (1, *size, shape[0]), image, multiplier, window.stride, window.dilation, window.padding
    )
    result = Layout.of((1, shape[0], *size)[:rank], CHANNELS_LAST[rank])
    return Pending(recipe, result, str(node), layer_name(node.name, "conv"))


def _depth_multiplier(node: Node, channels: int, weights: tuple[int, ...]) -> int | None:
    """Output channels per input channel of a depthwise convolution; None for an ordinary one."""
    group = node.integer("group", 1)
    if group < 1 or weights[1] * group != channels or weights[0] % group:
        raise ModelError(
            f"{node}: weights {list(weights)} in {group} groups do not fit an input of {channels} channels"
        )
    if group == 1:
        return None
    if weights[1] != 1:
        raise ModelError(
            f"{node}: {group} groups of {weights[1]} input channels: grouped convolutions are supported only with one "
            "input channel a group (depthwise); split it into one Conv per group and a Concat"
        )
    return weights[0] // group
