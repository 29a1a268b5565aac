# SPDX-License-Identifier: Apache-2.0
"""The kernels with a window of weights: Conv2D and DepthwiseConv2D. Their rules, scratch and constants."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from toolchain.core import Core
from toolchain.export.c.code import Activation, Array, ArrayRef, Call, LayerCode, Place, Struct
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.layout import (
    Rows,
    channel_table,
    folded_bias,
    interleaved_pairs,
    shift_table,
    sum_bounds,
)
from toolchain.graph.graph import Graph
from toolchain.graph.ops import AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, MaxPool2D, Padding, Pair
from toolchain.graph.requantisation import Requantisation, conv_requantisation
from toolchain.graph.tensor import Tensor

Windowed = Conv2D | DepthwiseConv2D
Weighted = Conv2D | DepthwiseConv2D | FullyConnected


def weight_rows(graph: Graph, op: Weighted) -> Rows:
    """The weights as int8 [C, K], K in the order in which the window meets the input."""
    weights = graph.tensor(op.weights).array.astype(np.int8)
    if isinstance(op, DepthwiseConv2D):
        return np.ascontiguousarray(weights[0].transpose(2, 0, 1)).reshape(weights.shape[3], -1)
    return weights.reshape(len(weights), -1)


def bias_of(graph: Graph, op: Weighted) -> NDArray[np.int32]:
    """The bias with the input's zero point folded in, int32 [C]."""
    bias = None if op.bias is None else graph.tensor(op.bias).array.astype(np.int32)
    return folded_bias(weight_rows(graph, op), bias, graph.tensor(op.input).quantisation.zero_point)


def refuses_dsp(graph: Graph, op: Weighted, core: Core, requantisation: Requantisation) -> str | None:
    """What every `_dsp` kernel asks for: see sb_output_dsp in sb_dsp.h."""
    if not core.dsp:
        return f"{core.name} has no DSP instructions"
    if bool((shift_table(requantisation) > -1).any()):
        return "a channel's scale is at least half the output's: its sum is not shifted right"
    if int(sum_bounds(weight_rows(graph, op), bias_of(graph, op)).max()) >= 1 << 30:
        return "a channel's sum can reach 2^30"
    return None


# A sum of so many products of two int8 stays within an int32: sb_dot in sb_plain.h.
_MOST_PRODUCTS = (1 << 17) - 1


def refuses_plain(graph: Graph, op: Weighted, core: Core) -> str | None:
    """At most 131,071 products an output; any shape, any core."""
    products = weight_rows(graph, op).shape[1]
    return None if products <= _MOST_PRODUCTS else f"{products} products an output, more than {_MOST_PRODUCTS}"


def takes_any(graph: Graph, op: object, core: Core) -> str | None:
    """Any shape, any core."""
    return None


def is_pointwise(op: Conv2D, kernel: Tensor) -> bool:
    """Whether every output pixel reads the input pixel at the same place, and nothing else."""
    return kernel.shape[1:3] == (1, 1) and op.stride == Pair() and op.padding == Padding()


def refuses_pointwise(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """1x1, stride 1, no padding; at most 131,071 products an output; any core."""
    if not is_pointwise(op, graph.tensor(op.weights)):
        return "not 1x1 with stride 1 and no padding"
    return refuses_plain(graph, op, core)


def _refuses_conv2d_dsp(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """At most 131,071 products an output; DSP instructions; no sum of 2^31 where the factor is 1/4 .. 1/2."""
    if not core.dsp:
        return f"{core.name} has no DSP instructions"
    halved = conv_requantisation(graph, op).shifts == -1  # see sb_output_doubled in sb_dsp.h
    if int(sum_bounds(weight_rows(graph, op), bias_of(graph, op))[halved].max(initial=0)) >= (1 << 31) - 256:
        return "a channel's sum can reach 2^31 where it is shifted right by one only"
    return refuses_plain(graph, op, core)


def _refuses_pointwise_dsp(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """1x1, stride 1, no padding; at most 131,071 products an output; DSP instructions; no sum of 2^31 where the factor
    is 1/4 .. 1/2."""
    return refuses_pointwise(graph, op, core) or _refuses_conv2d_dsp(graph, op, core)


def window_size(graph: Graph, op: Conv2D) -> int:
    """Values in one window."""
    return graph.tensor(op.weights).n_elements // graph.tensor(op.weights).shape[0]


def _conv2d_scratch(graph: Graph, op: Conv2D) -> int:
    """One window."""
    return window_size(graph, op)


def _conv2d_dsp_scratch(graph: Graph, op: Conv2D) -> int:
    """Two windows of int16, filled up to a multiple of four, and one of bytes."""
    return 16 * -(-window_size(graph, op) // 4) + window_size(graph, op)


def _pointwise_dsp_scratch(graph: Graph, op: Conv2D) -> int:
    """Two pixels of int16, filled up to a multiple of four."""
    return 16 * -(-window_size(graph, op) // 4)


def reach(graph: Graph, op: Windowed) -> tuple[int, int]:
    """Rows and columns that all windows reach together: sb_reach_h and sb_reach_w in C."""
    _, kernel_h, kernel_w, _ = graph.tensor(op.weights).shape
    _, rows, columns, _ = graph.tensor(op.output).shape
    reach_h = (rows - 1) * op.stride.h + (kernel_h - 1) * op.dilation.h + 1
    return reach_h, (columns - 1) * op.stride.w + (kernel_w - 1) * op.dilation.w + 1


def depthwise_scratch(graph: Graph, op: DepthwiseConv2D) -> int:
    """One plane of bytes."""
    reach_h, reach_w = reach(graph, op)
    return reach_h * reach_w


def pointwise_overwrites(graph: Graph, op: Conv2D) -> tuple[str, ...]:
    """Its input, if the output has no more channels: the proof stands in the kernels' files."""
    narrower = graph.tensor(op.output).shape[3] <= graph.tensor(op.input).shape[3]
    return (op.input,) if narrower else ()


def depthwise_overwrites(graph: Graph, op: DepthwiseConv2D) -> tuple[str, ...]:
    """Its input, if each channel gives one, and no more pixels: the proof stands in the kernels' files."""
    smaller = graph.tensor(op.output).n_elements <= graph.tensor(op.input).n_elements
    return (op.input,) if smaller and op.multiplier == 1 else ()


def window_struct(graph: Graph, op: Windowed | AveragePool2D | MaxPool2D) -> Struct:
    """sb_window of an operator that moves a window."""
    _, height, width, _ = graph.tensor(op.input).shape
    _, rows, columns, _ = graph.tensor(op.output).shape
    if isinstance(op, AveragePool2D | MaxPool2D):
        kernel, dilation = op.window, Pair()
    else:
        shape = graph.tensor(op.weights).shape
        kernel, dilation = Pair(shape[1], shape[2]), op.dilation
    pairs = (
        ("input", Pair(height, width)),
        ("output", Pair(rows, columns)),
        ("kernel", kernel),
        ("stride", op.stride),
        ("dilation", dilation),
    )
    members = [
        (f"{name}_{axis}", "uint16_t", size) for name, pair in pairs for axis, size in zip("hw", pair, strict=True)
    ]
    members += [("pad_top", "uint16_t", op.padding.top), ("pad_left", "uint16_t", op.padding.left)]
    return Struct("sb_window", tuple(members))


def tables(graph: Graph, op: Weighted, requantisation: Requantisation) -> tuple[Array, Array]:
    """The two tables of the output channels."""
    return (
        Array("channels", "sb_channel", channel_table(bias_of(graph, op), requantisation), "bias, multiplier"),
        Array("shifts", "int8_t", shift_table(requantisation), "shift of each channel"),
    )


def scales_text(tensor: Tensor) -> str:
    """The scales of weights, for a comment."""
    low, high = min(tensor.quantisation.scales), max(tensor.quantisation.scales)
    return f"scale {low:.6g}" if low == high else f"scales {low:.6g} .. {high:.6g}"


def conv_code(
    graph: Graph,
    op: Windowed,
    function: str,
    arrays: tuple[Array, ...],
    layer: str = "sb_conv_layer",
    more: tuple[tuple[str, str, int], ...] = (),
) -> LayerCode:
    """One call of `function` with a struct `layer` that points to `arrays`, each named after its member, and ends with
    `more` members."""
    members: tuple[tuple[str, str, int | ArrayRef | Struct], ...] = (
        *((array.role, "", ArrayRef(array.role)) for array in arrays),
        ("window", "", window_struct(graph, op)),
        ("input_channels", "uint16_t", graph.tensor(op.input).shape[3]),
        ("output_channels", "uint16_t", graph.tensor(op.output).shape[3]),
        ("input_zero_point", "int8_t", graph.tensor(op.input).quantisation.zero_point),
        ("output_zero_point", "int8_t", graph.tensor(op.output).quantisation.zero_point),
        ("low", "int8_t", op.activation.low),
        ("high", "int8_t", op.activation.high),
        *more,
    )
    arguments = (Place.PARAMETERS, Activation(op.input), Activation(op.output), Place.SCRATCH)
    return LayerCode((Call(function, arguments),), arrays, Struct(layer, members))


def windowed_code(
    function: str, order: Callable[[Rows], NDArray[np.int8]], layout: str, *, words: bool = False
) -> Callable[[Graph, Windowed], LayerCode]:
    """One call of `function`, the weights in that order, loaded by `words` or bytes; `layout` is for a comment."""

    def code(graph: Graph, op: Windowed) -> LayerCode:
        weights = graph.tensor(op.weights)
        comment = f"{list(weights.shape)} as {layout}; {scales_text(weights)}"
        ordered = order(weight_rows(graph, op))
        values = Array("weights", "int8_t", ordered, comment, words=words)
        return conv_code(graph, op, function, (values, *tables(graph, op, conv_requantisation(graph, op))))

    return code


def as_they_are(rows: Rows) -> NDArray[np.int8]:
    """Row after row."""
    return rows.ravel()


_PAIRS = "pairs of output channels, interleaved by fours"
_DSP_CONV_HELPERS = ("sb_two_pixels_s8_dsp.c", "sb_clamp_s8.c")

KERNELS = (
    Kernel(
        "sb_conv2d_1x1_s8_dsp",
        Conv2D,
        "twice",
        refuses=_refuses_pointwise_dsp,
        code=windowed_code("sb_conv2d_1x1_s8_dsp", interleaved_pairs, _PAIRS, words=True),
        scratch_bytes=_pointwise_dsp_scratch,
        overwrites=pointwise_overwrites,
        helpers=_DSP_CONV_HELPERS,
    ),
    Kernel(
        "sb_conv2d_s8_dsp",
        Conv2D,
        "twice",
        refuses=_refuses_conv2d_dsp,
        code=windowed_code("sb_conv2d_s8_dsp", interleaved_pairs, _PAIRS, words=True),
        scratch_bytes=_conv2d_dsp_scratch,
        helpers=(*_DSP_CONV_HELPERS, "sb_copy_window_s8.c"),
    ),
    Kernel(
        "sb_conv2d_1x1_s8",
        Conv2D,
        "twice",
        refuses=refuses_pointwise,
        code=windowed_code("sb_conv2d_1x1_s8", as_they_are, "they are"),
        scratch_bytes=_conv2d_scratch,
        overwrites=pointwise_overwrites,
    ),
    Kernel(
        "sb_conv2d_s8",
        Conv2D,
        "twice",
        refuses=refuses_plain,
        code=windowed_code("sb_conv2d_s8", as_they_are, "they are"),
        scratch_bytes=_conv2d_scratch,
        helpers=("sb_copy_window_s8.c",),
    ),
    Kernel(
        "sb_depthwise_conv2d_s8",
        DepthwiseConv2D,
        "twice",
        refuses=refuses_plain,
        code=windowed_code("sb_depthwise_conv2d_s8", as_they_are, "one window a channel"),
        scratch_bytes=depthwise_scratch,
        overwrites=depthwise_overwrites,
    ),
)
