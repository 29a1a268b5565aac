# SPDX-License-Identifier: Apache-2.0
"""The kernels for cores with Helium (MVE). Weights stay int8 and, if not said otherwise, in the Graph's order."""

from toolchain.core import Core
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.layout import shift_table
from toolchain.export.c.rows.convolutions import (
    Windowed,
    as_they_are,
    depthwise_overwrites,
    depthwise_scratch,
    is_pointwise,
    pointwise_overwrites,
    reach,
    refuses_plain,
    window_size,
    windowed_code,
)
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D, DepthwiseConv2D, Pair
from toolchain.graph.requantisation import Requantisation, conv_requantisation

_VECTOR_BYTES = 16
_TILE = 32  # patches: SB_TILE in C
_SHORT = 64  # bytes of four vectors, which stay in registers
_LANES = 4
_PATCHES = 3  # of sb_conv2d_s8_mve
_LARGEST_SHIFT = 23  # of sb_requantised
_WINDOW = 3  # of sb_depthwise_conv2d_3x3_s8_mve
_PLACES = 8  # pixels that sb_copy_plane_s8_mve gathers at once
_BYTE_MAX, _UINT16_MAX = 255, 65535
_SLACK = 16  # bytes behind patches: SB_PATCH_SLACK in C


def _whole_vectors(n_bytes: int) -> int:
    return -(-n_bytes // _VECTOR_BYTES) * _VECTOR_BYTES


def _refuses_mve(core: Core, requantisation: Requantisation) -> str | None:
    """What every `_mve` kernel with weights asks for: see sb_requantised in sb_mve.h."""
    if not core.mve:
        return f"{core.name} has no Helium"
    shifts = shift_table(requantisation)
    if int(shifts.max()) > -1:
        return "a channel's scale is at least half the output's: its sum is not shifted right"
    if int(shifts.min()) < -_LARGEST_SHIFT:
        return f"a channel's scale is below 2^-{_LARGEST_SHIFT} of the output's"
    return None


def _refuses_conv2d(graph: Graph, op: Windowed, core: Core) -> str | None:
    """Helium; every channel's factor within 2^-23 .. 1/2; at most 131,071 products an output."""
    return _refuses_mve(core, conv_requantisation(graph, op)) or refuses_plain(graph, op, core)


def _refuses_short(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """Helium; at most 64 products an output, at least four output pixels; each channel's factor within 2^-23 .. 1/2."""
    products = window_size(graph, op)
    if products > _SHORT:
        return f"{products} products an output, more than {_SHORT}"
    _, rows, columns, _ = graph.tensor(op.output).shape
    if rows * columns < _LANES:
        return f"{rows} x {columns} pixels, fewer than {_LANES}"
    return _refuses_conv2d(graph, op, core)


def _refuses_pointwise_short(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """1x1, stride 1, no padding; Helium; at most 64 channels in, four pixels or more; factors within 2^-23 .. 1/2."""
    if not is_pointwise(op, graph.tensor(op.weights)):
        return "not 1x1 with stride 1 and no padding"
    return _refuses_short(graph, op, core)


def _pointwise_short_scratch(graph: Graph, op: Conv2D) -> int:
    """A tile of pixels of whole vectors."""
    return _TILE * _whole_vectors(window_size(graph, op))


def _short_scratch(graph: Graph, op: Conv2D) -> int:
    """A tile of patches of whole vectors."""
    return _pointwise_short_scratch(graph, op) + _SLACK


def _conv2d_scratch(graph: Graph, op: Conv2D) -> int:
    """Three patches of whole vectors."""
    return _PATCHES * _whole_vectors(window_size(graph, op)) + _SLACK


def _conv2d_overwrites(graph: Graph, op: Conv2D) -> tuple[str, ...]:
    """Its input, if it is 1x1 and the output has no more channels: the proof stands in the kernels' files."""
    return pointwise_overwrites(graph, op) if is_pointwise(op, graph.tensor(op.weights)) else ()


def _refuses_depthwise_3x3(graph: Graph, op: DepthwiseConv2D, core: Core) -> str | None:
    """A kernel of at most 3x3, stride 1, no dilation, at most 84 columns; Helium; each factor within 2^-23 .. 1/2."""
    _, kernel_h, kernel_w, _ = graph.tensor(op.weights).shape
    if max(kernel_h, kernel_w) > _WINDOW or op.stride != Pair() or op.dilation != Pair():
        return "larger than 3x3, or with a stride or dilation"
    _, reach_w = reach(graph, op)
    if _WINDOW * (reach_w + 1) > _BYTE_MAX:
        return f"{reach_w} columns, too many to gather four rows from"
    if (_PLACES - 1) * graph.tensor(op.input).shape[3] > _UINT16_MAX:
        return "too many channels to gather eight pixels of one"
    return _refuses_conv2d(graph, op, core)


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
        scratch_bytes=_pointwise_short_scratch,
        overwrites=pointwise_overwrites,
        helpers=(_SHORT_ROWS, _CLAMP),
    ),
    Kernel(
        "sb_conv2d_short_s8_mve",
        Conv2D,
        "twice",
        refuses=_refuses_short,
        code=windowed_code("sb_conv2d_short_s8_mve", as_they_are, "they are"),
        scratch_bytes=_short_scratch,
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
        code=windowed_code("sb_depthwise_conv2d_3x3_s8_mve", as_they_are, "one window a channel"),
        scratch_bytes=depthwise_scratch,
        overwrites=depthwise_overwrites,
        helpers=("sb_copy_plane_s8_mve.c", _CLAMP),
    ),
)
