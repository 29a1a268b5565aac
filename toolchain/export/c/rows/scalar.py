# SPDX-License-Identifier: Apache-2.0
"""The `_scalar` kernels, for cores without SIMD: two products in one multiplication, see sb_scalar.h.

They ask for sums of products that stay within 16 bits for a few products at least. Weights that are too large for
that are cut here; what was cut off is a list that the kernel adds afterwards.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from toolchain.core import Core
from toolchain.export.c.code import Array, LayerCode, Struct
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.layout import Rows, shift_table, sum_bounds
from toolchain.export.c.rows.convolutions import (
    Weighted,
    bias_of,
    conv_code,
    depthwise_overwrites,
    depthwise_scratch,
    pointwise_overwrites,
    refuses_pointwise,
    scales_text,
    weight_rows,
    window_struct,
    windowed_code,
)
from toolchain.export.c.rows.depthwise import raised, raised_tables, refuses_sums
from toolchain.export.c.rows.fully_connected import fully_connected_code
from toolchain.graph.fixedpoint import wrap_int32
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D, DepthwiseConv2D, FullyConnected
from toolchain.graph.requantisation import Requantisation, conv_requantisation, fully_connected_requantisation

# Magnitudes of weights whose products are summed up in 16 bits: times 128, that of an activation, it is below 2^15.
_CHUNK = 255
# Sums and weights of DepthwiseConv2D, which are words.
_LIMITS = (1 << 29, 1 << 31)
# Values that one byte of the rest can skip.
_SKIP = 255


# Shifts to the left up to which a sum that is small enough is shifted without a thought.
_MOST_LEFT = 8


def _refuses_left(graph: Graph, op: Weighted, core: Core, requantisation: Requantisation) -> str | None:
    """What every `_scalar` kernel asks for: see sb_output_scalar and sb_output_scalar_left in sb_scalar.h."""
    if core.dsp:
        return f"{core.name} has DSP instructions"
    left = np.maximum(shift_table(requantisation).astype(np.int64), 0)
    if int(left.max()) > _MOST_LEFT:
        return f"a channel's scale is more than {1 << _MOST_LEFT} times the output's"
    if int((sum_bounds(weight_rows(graph, op), bias_of(graph, op)) << left).max()) >= 1 << 29:
        return "a channel's sum, shifted to the left as its scale asks for, can reach 2^29"
    return None


def _refuses_scalar(graph: Graph, op: Weighted, core: Core, requantisation: Requantisation) -> str | None:
    """What those ask for that only shift to the right."""
    if bool((shift_table(requantisation) > -1).any()):
        return "a channel's scale is at least half the output's: its sum is not shifted right"
    return _refuses_left(graph, op, core, requantisation)


def _refuses_single(graph: Graph, op: Conv2D) -> str | None:
    if graph.tensor(op.output).shape[1:3] == (1, 1):
        return "a single pixel has none beside it to share its multiplications with"
    return None


def _refuses_conv2d(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """More than one pixel out; no DSP instructions; every channel's factor below 1/2 and its sums below 2^29."""
    return _refuses_single(graph, op) or _refuses_scalar(graph, op, core, conv_requantisation(graph, op))


def _refuses_conv2d_left(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """As sb_conv2d_s8_scalar, but a channel's factor 1/2 or more, up to 2^8, and its sums, times that, below 2^29."""
    return _refuses_single(graph, op) or _refuses_all_right(graph, op, core)


def _refuses_depthwise(graph: Graph, op: DepthwiseConv2D, core: Core) -> str | None:
    """No DSP instructions; each channel's sums below 2^29; a factor of 1/2 or more where raised sums have its bytes
    (toolchain/export/c/raised.py)."""
    return f"{core.name} has DSP instructions" if core.dsp else refuses_sums(graph, op, *_LIMITS)


def _refuses_all_right(graph: Graph, op: Conv2D, core: Core) -> str | None:
    requantisation = conv_requantisation(graph, op)
    if int(shift_table(requantisation).max()) < 0:
        return "every channel's sum is shifted right"
    return _refuses_left(graph, op, core, requantisation)


def _refuses_fully_connected(graph: Graph, op: FullyConnected, core: Core) -> str | None:
    """No DSP instructions; every channel's factor below 1/2 and its sums below 2^29."""
    return _refuses_scalar(graph, op, core, fully_connected_requantisation(graph, op))


def _refuses_pointwise(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """1x1, stride 1, no padding, more than one pixel; no DSP instructions; every channel's factor below 1/2 and sums
    below 2^29."""
    return refuses_pointwise(graph, op, core) or _refuses_conv2d(graph, op, core)


def _refuses_pointwise_left(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """As sb_conv2d_1x1_s8_scalar, but a channel's factor 1/2 or more, to 2^8, and its sums, times that, below 2^29."""
    return refuses_pointwise(graph, op, core) or _refuses_conv2d_left(graph, op, core)


def cut_quads(rows: Rows) -> NDArray[np.int8]:
    """For sb_four_pixels_s8_scalar: all rows, K filled up to a multiple of four with zeros, no four of them summing up
    to more than 255 in magnitude; then for each row pairs (values to skip, rest of the next), the last (0, 0).

    >>> cut_quads(np.array([[100, -100, 50, 9, 1], [1, 2, 3, 4, 5]], np.int8)).tolist()
    [96, -100, 50, 9, 1, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 4, 0, 0, 0, 0]
    """
    padded = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    rest: list[int] = []
    for row in padded:
        behind = 0  # of the value that was cut last
        for place, cut in _cuts(row):
            row[place] -= cut
            while place - behind > _SKIP:
                rest += [_SKIP, 0]
                behind += _SKIP
            rest += [place - behind, cut]
            behind = place
        rest += [0, 0]
    return np.concatenate([padded.ravel(), np.array(rest, np.int64).astype(np.int8)])


def unsigned_fours(rows: Rows) -> NDArray[np.int8]:
    """For sb_fully_connected_s8_scalar: weights + 128, as bytes; four rows interleaved, those left over behind.

    >>> unsigned_fours(np.array([[-128, -127], [-126, -125], [0, 127], [-1, 1], [-2, 2]], np.int8)).tolist()
    [0, 2, -128, 127, 1, 3, -1, -127, 126, -126]
    """
    stored = rows ^ np.int8(-128)
    even = len(rows) & ~3
    fours = stored[:even].reshape(even // 4, 4, rows.shape[1]).transpose(0, 2, 1)
    return np.concatenate([fours.ravel(), stored[even:].ravel()])


def _cuts(row: NDArray[np.int8]) -> list[tuple[int, int]]:
    """What to take off a row: (place, how much) in the order of places."""
    cuts = {}
    for start in range(0, len(row), 4):
        quad = row[start : start + 4].astype(int)
        while (above := int(np.abs(quad).sum()) - _CHUNK) > 0:
            largest = int(np.abs(quad).argmax())
            cuts[start + largest] = int(np.sign(quad[largest])) * min(above, abs(int(quad[largest])))
            quad[largest] -= cuts[start + largest]
    return sorted(cuts.items())


def _patches_bytes(graph: Graph, op: Conv2D) -> int:
    """Four pixels as pairs, filled up to a multiple of four."""
    return 32 * -(-int(weight_rows(graph, op).shape[1]) // 4)


def _windows_bytes(graph: Graph, op: Conv2D) -> int:
    """Four windows as pairs, filled up to a multiple of four, and two runs of taps for the border."""
    _, _, kernel_w, depth = graph.tensor(op.weights).shape
    return _patches_bytes(graph, op) + 2 * (kernel_w if op.dilation.w == 1 else 1) * depth


def _turned(graph: Graph, op: DepthwiseConv2D) -> bool:
    """Whether the plane has H and W exchanged, so that the longer of its outputs' axes runs fastest."""
    _, rows, columns, _ = graph.tensor(op.output).shape
    return rows > columns


def _plane_bytes(graph: Graph, op: DepthwiseConv2D) -> int:
    """The taps of a channel as words, one plane of bytes, and three strides behind it."""
    _, kernel_h, kernel_w, _ = graph.tensor(op.weights).shape
    stride = op.stride.h if _turned(graph, op) else op.stride.w
    return 4 * kernel_h * kernel_w + depthwise_scratch(graph, op) + 3 * stride


def _turned_window(window: Struct) -> Struct:
    """The same window with H and W exchanged."""
    values = {name: (c_type, value) for name, c_type, value in window.members}
    other = {name: name[:-1] + "hw"[name.endswith("h")] for name in values} | {
        "pad_top": "pad_left",
        "pad_left": "pad_top",
    }
    return Struct(window.c_type, tuple((name, *values[other[name]]) for name in values))


def _depthwise_code(graph: Graph, op: DepthwiseConv2D) -> LayerCode:
    weights, found = graph.tensor(op.weights), raised(graph, op, *_LIMITS)
    assert found is not None  # else it is refused
    _, kernel_h, kernel_w, channels = weights.shape
    turned = _turned(graph, op)
    rows, window = weight_rows(graph, op), window_struct(graph, op)
    order = "one window a channel"
    # The plane holds each byte + 128.
    bias = np.asarray(wrap_int32(found.bias - 128 * found.raised_rows(rows).sum(axis=1)), np.int32)
    if turned:
        rows = rows.reshape(channels, kernel_h, kernel_w).transpose(0, 2, 1)
        window = _turned_window(window)
        order += ", H and W exchanged"
    comment = f"{list(weights.shape)} as {order}; {scales_text(weights)}"
    arrays = (Array("weights", "int8_t", rows.ravel(), comment), *raised_tables(found, bias))
    code = conv_code(graph, op, "sb_depthwise_conv2d_s8_scalar", arrays, "sb_turned_conv_layer")
    assert code.parameters is not None
    members = tuple((n, t, window if n == "window" else v) for n, t, v in code.parameters.members)
    more = (("turned", "int8_t", int(turned)), ("raised", "int8_t", found.bits))
    parameters = Struct("sb_turned_conv_layer", (*members, *more))
    return replace(code, parameters=parameters)


_QUADS = "fours within 255 and what is above"
_CONV_HELPERS = ("sb_four_pixels_s8_scalar.c", "sb_clamp_s8.c")
_LEFT_HELPERS = ("sb_four_pixels_left_s8_scalar.c", "sb_clamp_s8.c")

KERNELS = (
    Kernel(
        "sb_conv2d_1x1_s8_scalar",
        Conv2D,
        "twice",
        refuses=_refuses_pointwise,
        code=windowed_code("sb_conv2d_1x1_s8_scalar", cut_quads, _QUADS, words=True),
        scratch_bytes=_patches_bytes,
        overwrites=pointwise_overwrites,
        helpers=_CONV_HELPERS,
    ),
    Kernel(
        "sb_conv2d_s8_scalar",
        Conv2D,
        "twice",
        refuses=_refuses_conv2d,
        code=windowed_code("sb_conv2d_s8_scalar", cut_quads, _QUADS, words=True),
        scratch_bytes=_windows_bytes,
        helpers=_CONV_HELPERS,
    ),
    Kernel(
        "sb_conv2d_1x1_left_s8_scalar",
        Conv2D,
        "twice",
        refuses=_refuses_pointwise_left,
        code=windowed_code("sb_conv2d_1x1_left_s8_scalar", cut_quads, _QUADS, words=True),
        scratch_bytes=_patches_bytes,
        overwrites=pointwise_overwrites,
        helpers=_LEFT_HELPERS,
    ),
    Kernel(
        "sb_conv2d_left_s8_scalar",
        Conv2D,
        "twice",
        refuses=_refuses_conv2d_left,
        code=windowed_code("sb_conv2d_left_s8_scalar", cut_quads, _QUADS, words=True),
        scratch_bytes=_windows_bytes,
        helpers=_LEFT_HELPERS,
    ),
    Kernel(
        "sb_depthwise_conv2d_s8_scalar",
        DepthwiseConv2D,
        "twice",
        refuses=_refuses_depthwise,
        code=_depthwise_code,
        scratch_bytes=_plane_bytes,
        overwrites=depthwise_overwrites,
        helpers=("sb_clamp_s8.c",),
    ),
    Kernel(
        "sb_fully_connected_s8_scalar",
        FullyConnected,
        "twice",
        refuses=_refuses_fully_connected,
        code=fully_connected_code(
            "sb_fully_connected_s8_scalar", unsigned_fours, "four output channels, interleaved, each weight + 128"
        ),
        helpers=("sb_clamp_s8.c",),
    ),
)
