# SPDX-License-Identifier: Apache-2.0
"""The kernels for cores with Helium (MVE). Weights stay int8 and, if not said otherwise, in the Graph's order."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.core import Core
from toolchain.export.c.code import Array, LayerCode
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.layout import Rows, channel_table, shift_table, sum_bounds
from toolchain.export.c.raised import even_multipliers
from toolchain.export.c.rows.convolutions import (
    as_they_are,
    bias_of,
    conv_code,
    depthwise_overwrites,
    depthwise_scratch,
    is_pointwise,
    pointwise_overwrites,
    reach,
    refuses_plain,
    scales_text,
    weight_rows,
    window_size,
    windowed_code,
)
from toolchain.export.c.rows.elements import add_linear_code, any_input, refuses_add_linear, requantise_code
from toolchain.export.c.rows.fully_connected import fully_connected_code
from toolchain.export.c.rows.images import mean_code, mean_overwrites, pool_code, pool_overwrites, refuses_mean
from toolchain.graph.graph import Graph
from toolchain.graph.ops import (
    Add,
    AveragePool2D,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Operator,
    Pair,
    Requantise,
)
from toolchain.graph.requantisation import Requantisation, conv_requantisation, fully_connected_requantisation

_VECTOR_BYTES = 16
_TILE = 32  # patches: SB_TILE in C
_SHORT = 64  # bytes of four vectors, which stay in registers
_LANES = 4
_PATCHES, _TILE_BYTES = 3, 2048  # of sb_conv2d_s8_mve
LARGEST_SHIFT = 23  # of sb_requantised
_WINDOW = 3  # of sb_depthwise_conv2d_3x3_s8_mve
_PLACES = 8  # pixels that sb_copy_plane_s8_mve gathers at once
_BYTE_MAX, _UINT16_MAX = 255, 65535
_LARGEST_AVERAGE = 2800  # elements: sb_average_pool2d_s8_mve
_INT8_MAX, _INT32 = 127, 1 << 31
_SLACK = 16  # bytes behind patches: SB_PATCH_SLACK in C


def _whole_vectors(n_bytes: int) -> int:
    return -(-n_bytes // _VECTOR_BYTES) * _VECTOR_BYTES


def _refuses_mve(core: Core, requantisation: Requantisation, largest: int = -1) -> str | None:
    """What every `_mve` kernel with weights asks for: see sb_requantised in sb_mve.h. largest: shift of a channel."""
    if not core.mve:
        return f"{core.name} has no Helium"
    shifts = shift_table(requantisation)
    if int(shifts.max()) > largest:
        return f"a channel's scale is at least {2.0**largest:g} of the output's: its sum is not shifted right"
    if int(shifts.min()) < -LARGEST_SHIFT:
        return f"a channel's scale is below 2^-{LARGEST_SHIFT} of the output's"
    return None


def _refuses_conv2d(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """Helium; every channel's factor within 2^-23 .. 1/2; at most 131,071 products an output."""
    return _refuses_mve(core, conv_requantisation(graph, op)) or refuses_plain(graph, op, core)


@dataclass(frozen=True, eq=False)
class _Level:
    """Channels of which as few as can be are shifted to the left: weights int8 [C, K], folded bias int32 [C]."""

    rows: Rows
    bias: NDArray[np.int32]
    requantisation: Requantisation


def _levelled(graph: Graph, op: DepthwiseConv2D) -> _Level:
    """A shift to the left comes before anything is rounded: the weights and the bias can have it as well, as far as
    weights stay within int8 and sums within int32."""
    rows, bias, of = weight_rows(graph, op), bias_of(graph, op), conv_requantisation(graph, op)
    left = of.shifts.clip(min=0).astype(np.int64)
    raised = rows.astype(np.int64) << left[:, None]
    fits = (np.abs(raised).max(axis=1) <= _INT8_MAX) & (sum_bounds(rows, bias) << left < _INT32)
    left = np.where(fits, left, 0)
    levelled = Requantisation(of.multipliers, (of.shifts - left).astype(np.int32))
    rows, bias = (rows.astype(np.int64) << left[:, None]).astype(np.int8), (bias << left).astype(np.int32)
    zero_point = graph.tensor(op.output).quantisation.zero_point
    return _Level(rows, bias, even_multipliers(rows, bias, levelled, zero_point, *op.activation))


def _depthwise_code(function: str) -> Callable[[Graph, DepthwiseConv2D], LayerCode]:
    """One call of `function`, with channels levelled."""

    def code(graph: Graph, op: DepthwiseConv2D) -> LayerCode:
        weights, level = graph.tensor(op.weights), _levelled(graph, op)
        comment = f"{list(weights.shape)} as one window a channel; {scales_text(weights)}"
        arrays = (
            Array("weights", "int8_t", level.rows.ravel(), comment),
            Array("channels", "sb_channel", channel_table(level.bias, level.requantisation), "bias, multiplier"),
            Array("shifts", "int8_t", shift_table(level.requantisation), "shift of each channel"),
        )
        return conv_code(graph, op, function, arrays)

    return code


def _refuses_level(graph: Graph, op: DepthwiseConv2D, core: Core) -> str | None:
    """Helium; each channel's factor within 2^-23 .. 1, or more where small weights can have it; no sum of 2^30 and an
    even multiplier where it is 1/2 or more; at most 131,071 products an output."""
    if not core.mve:
        return f"{core.name} has no Helium"
    of = _levelled(graph, op)
    single = shift_table(of.requantisation) == 0
    if bool((of.requantisation.multipliers[single] % 2 == 1).any()):
        return "a channel's scale is at least half the output's, and no even multiplier gives its bytes"
    if int(sum_bounds(of.rows, of.bias)[single].max(initial=0)) >= 1 << 30:
        return "a channel's sum can reach 2^30 where its scale is at least half the output's"
    return _refuses_mve(core, of.requantisation, 0) or refuses_plain(graph, op, core)


def refuses_long(graph: Graph, op: Conv2D) -> str | None:
    """At most 64 products an output, at least four output pixels."""
    products = window_size(graph, op)
    if products > _SHORT:
        return f"{products} products an output, more than {_SHORT}"
    _, rows, columns, _ = graph.tensor(op.output).shape
    return f"{rows} x {columns} pixels, fewer than {_LANES}" if rows * columns < _LANES else None


def _refuses_short(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """Helium; at most 64 products an output, at least four output pixels; each channel's factor within 2^-23 .. 1/2."""
    return refuses_long(graph, op) or _refuses_conv2d(graph, op, core)


def _refuses_pointwise_short(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """1x1, stride 1, no padding; Helium; at most 64 channels in, four pixels or more; factors within 2^-23 .. 1/2."""
    if not is_pointwise(op, graph.tensor(op.weights)):
        return "not 1x1 with stride 1 and no padding"
    return _refuses_short(graph, op, core)


def pointwise_short_scratch(graph: Graph, op: Conv2D) -> int:
    """A tile of pixels of whole vectors."""
    return _TILE * _whole_vectors(window_size(graph, op))


def short_scratch(graph: Graph, op: Conv2D) -> int:
    """A tile of patches of whole vectors."""
    return pointwise_short_scratch(graph, op) + _SLACK


def _conv2d_scratch(graph: Graph, op: Conv2D) -> int:
    """Three to twelve patches of whole vectors; tile_of in C."""
    three = _PATCHES * _whole_vectors(window_size(graph, op))
    return three * min(max(_TILE_BYTES // three, 1), 4) + _SLACK


def _conv2d_overwrites(graph: Graph, op: Conv2D) -> tuple[str, ...]:
    """Its input, if it is 1x1 and the output has no more channels: the proof stands in the kernels' files."""
    return pointwise_overwrites(graph, op) if is_pointwise(op, graph.tensor(op.weights)) else ()


def _refuses_plane(graph: Graph, op: DepthwiseConv2D, core: Core) -> str | None:
    if (_PLACES - 1) * graph.tensor(op.input).shape[3] > _UINT16_MAX:
        return "too many channels to gather eight pixels of one"
    return _refuses_level(graph, op, core)


def _refuses_depthwise_3x3(graph: Graph, op: DepthwiseConv2D, core: Core) -> str | None:
    """A kernel of at most 3x3, stride 1, no dilation, at most 84 columns; Helium; each factor within 2^-23 .. 1."""
    _, kernel_h, kernel_w, _ = graph.tensor(op.weights).shape
    if max(kernel_h, kernel_w) > _WINDOW or op.stride != Pair() or op.dilation != Pair():
        return "larger than 3x3, or with a stride or dilation"
    _, reach_w = reach(graph, op)
    if _WINDOW * (reach_w + 1) > _BYTE_MAX:
        return f"{reach_w} columns, too many to gather four rows from"
    return _refuses_plane(graph, op, core)


def _refuses_depthwise(graph: Graph, op: DepthwiseConv2D, core: Core) -> str | None:
    """Any 16 taps in a row, and the columns between them, within 256 bytes; Helium; each factor within 2^-23 .. 1."""
    _, kernel_h, kernel_w, _ = graph.tensor(op.weights).shape
    _, reach_w = reach(graph, op)
    rows, columns = np.divmod(np.arange(kernel_h * kernel_w), kernel_w)
    places = rows * op.dilation.h * reach_w + columns * op.dilation.w
    for first in range(0, len(places), _VECTOR_BYTES):
        if int(places[first : first + _VECTOR_BYTES].max() - places[first]) > _BYTE_MAX:
            return "too wide to gather 16 taps of a window"
    return _refuses_plane(graph, op, core)


def _depthwise_scratch(graph: Graph, op: DepthwiseConv2D) -> int:
    """20 bytes for each 16 taps, and one plane of bytes."""
    _, kernel_h, kernel_w, _ = graph.tensor(op.weights).shape
    return 20 * -(-kernel_h * kernel_w // _VECTOR_BYTES) + depthwise_scratch(graph, op)


def _refuses_fully_connected(graph: Graph, op: FullyConnected, core: Core) -> str | None:
    """Helium; every channel's factor within 2^-23 .. 1/2; at most 131,071 products an output."""
    return _refuses_mve(core, fully_connected_requantisation(graph, op)) or refuses_plain(graph, op, core)


def _refuses_average(graph: Graph, op: AveragePool2D, core: Core) -> str | None:
    """Helium; a window of at most 2800 elements."""
    if op.window.h * op.window.w > _LARGEST_AVERAGE:
        return f"a window of more than {_LARGEST_AVERAGE} elements"
    return _refuses_without_weights(graph, op, core)


def _refuses_without_weights(graph: Graph, op: Operator, core: Core) -> str | None:
    """Helium."""
    return None if core.mve else f"{core.name} has no Helium"


def _refuses_add(graph: Graph, op: Add, core: Core) -> str | None:
    """Helium; the output is a linear function of the inputs for all 65,536 pairs (toolchain/export/c/linear.py)."""
    return _refuses_without_weights(graph, op, core) or refuses_add_linear(graph, op, core)


def _refuses_mean(graph: Graph, op: Mean, core: Core) -> str | None:
    """Helium; at most 2^22 pixels."""
    return _refuses_without_weights(graph, op, core) or refuses_mean(graph, op, core)


_CLAMP = "sb_clamp_s8.c"
_SHORT_ROWS = "sb_short_rows_s8_mve.c"
_PATCHES_COPIED = "sb_copy_patches_s8_mve.c"

KERNELS = (
    Kernel(
        "sb_conv2d_1x1_short_s8_mve",
        Conv2D,
        "twice",
        refuses=_refuses_pointwise_short,
        code=windowed_code("sb_conv2d_1x1_short_s8_mve", as_they_are, "they are"),
        scratch_bytes=pointwise_short_scratch,
        overwrites=pointwise_overwrites,
        helpers=(_SHORT_ROWS, _CLAMP),
    ),
    Kernel(
        "sb_conv2d_short_s8_mve",
        Conv2D,
        "twice",
        refuses=_refuses_short,
        code=windowed_code("sb_conv2d_short_s8_mve", as_they_are, "they are"),
        scratch_bytes=short_scratch,
        helpers=(_SHORT_ROWS, _PATCHES_COPIED, _CLAMP),
    ),
    Kernel(
        "sb_conv2d_s8_mve",
        Conv2D,
        "twice",
        refuses=_refuses_conv2d,
        code=windowed_code("sb_conv2d_s8_mve", as_they_are, "they are"),
        scratch_bytes=_conv2d_scratch,
        overwrites=_conv2d_overwrites,
        helpers=(_PATCHES_COPIED, _CLAMP),
    ),
    Kernel(
        "sb_depthwise_conv2d_3x3_s8_mve",
        DepthwiseConv2D,
        "twice",
        refuses=_refuses_depthwise_3x3,
        code=_depthwise_code("sb_depthwise_conv2d_3x3_s8_mve"),
        scratch_bytes=depthwise_scratch,
        overwrites=depthwise_overwrites,
        helpers=("sb_copy_plane_s8_mve.c", _CLAMP),
    ),
    Kernel(
        "sb_depthwise_conv2d_s8_mve",
        DepthwiseConv2D,
        "twice",
        refuses=_refuses_depthwise,
        code=_depthwise_code("sb_depthwise_conv2d_s8_mve"),
        scratch_bytes=_depthwise_scratch,
        overwrites=depthwise_overwrites,
        helpers=("sb_copy_plane_s8_mve.c", _CLAMP),
    ),
    Kernel(
        "sb_fully_connected_s8_mve",
        FullyConnected,
        "twice",
        refuses=_refuses_fully_connected,
        code=fully_connected_code("sb_fully_connected_s8_mve", np.ravel, "they are"),
        helpers=(_CLAMP,),
    ),
    Kernel(
        "sb_average_pool2d_s8_mve",
        AveragePool2D,
        "once, in the division",
        refuses=_refuses_average,
        code=pool_code("sb_average_pool2d_s8_mve"),
        overwrites=pool_overwrites,
        helpers=(_CLAMP,),
    ),
    Kernel(
        "sb_max_pool2d_s8_mve",
        MaxPool2D,
        "never",
        refuses=_refuses_without_weights,
        code=pool_code("sb_max_pool2d_s8_mve"),
        overwrites=pool_overwrites,
    ),
    Kernel(
        "sb_add_linear_s8_mve",
        Add,
        "twice",
        refuses=_refuses_add,
        code=add_linear_code("sb_add_linear_s8_mve"),
        overwrites=any_input,
        helpers=(_CLAMP,),
    ),
    Kernel(
        "sb_requantise_s8_mve",
        Requantise,
        "twice",
        refuses=_refuses_without_weights,
        code=requantise_code("sb_requantise_s8_mve"),
        overwrites=any_input,
        helpers=(_CLAMP,),
    ),
    Kernel(
        "sb_mean_s8_mve",
        Mean,
        "twice",
        refuses=_refuses_mean,
        code=mean_code("sb_mean_s8_mve"),
        overwrites=mean_overwrites,
    ),
)
