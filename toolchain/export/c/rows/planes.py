# SPDX-License-Identifier: Apache-2.0
"""Conv2D with weights of few bits as planes of signs: the fastest kernels of cores with DSP instructions at 1 and 2
bits, the smaller the fewer the bits. The idea stands in firmware_templates/kernels/sb_planes.h."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from toolchain.core import Core
from toolchain.export.c.code import Array, LayerCode
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.layout import Rows, channel_table, shift_table, sum_bounds
from toolchain.export.c.line import fit_plane_lines
from toolchain.export.c.rows.convolutions import (
    bias_of,
    conv_code,
    is_pointwise,
    pointwise_overwrites,
    scales_text,
    weight_rows,
    window_size,
)
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D
from toolchain.graph.requantisation import conv_requantisation
from toolchain.graph.tensor import Grid, Tensor

# Signs in a word of weights; inputs whose sums are one table; bytes of a table of eight pixels, 16 words of each pair.
_WORD = 32
_INPUTS, _TABLE_BYTES = 4, 256
# Shifts to the left by which a factor of sums of signs stays within an int16.
_MOST_LEFT = 8


def sign_planes(rows: Rows, bits: int, grid: Grid) -> NDArray[np.int8]:
    """For sb_sum_planes: the planes of each row, that of the largest factor first, each filled up to whole words.

    >>> sign_planes(np.array([[1, -1, -1, 1]], np.int8), 1, Grid.MID_RISE).tolist()
    [9, 0, 0, 0]
    >>> sign_planes(np.array([[3, 1, -1, -3]], np.int8), 2, Grid.MID_RISE).tolist()
    [3, 0, 0, 0, 5, 0, 0, 0]
    >>> sign_planes(np.array([[1, 0, -1]], np.int8), 2, Grid.MID_TREAD).tolist()
    [3, 0, 0, 0, 1, 0, 0, 0]
    """
    if grid is Grid.MID_RISE:
        steps = (rows.astype(np.int16) + (1 << bits) - 1) >> 1
        planes = np.stack([steps >> bit & 1 for bit in range(bits)[::-1]], axis=1)
    else:
        planes = np.stack([rows >= 0, rows > 0], axis=1)
    padded = np.pad(planes.astype(np.uint8), ((0, 0), (0, 0), (0, -rows.shape[1] % _WORD)))
    return np.packbits(padded, axis=-1, bitorder="little").reshape(-1).view(np.int8)


def _unit(weights: Tensor) -> int:
    """What the signs' sums are multiples of the weights' sums by."""
    return 1 if weights.grid is Grid.MID_RISE else 2


def _refuses_planes(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """Weights of 1 .. 4 bits on the mid-rise grid or of 2 on the mid-tread grid; DSP instructions and no Helium; sums
    of signs within 16 bits; every channel's factor below 2^8 and its sums, times that, below 2^30."""
    weights = graph.tensor(op.weights)
    if not core.dsp or core.mve:
        return f"{core.name} has {'Helium' if core.mve else 'no DSP'} instructions"
    if weights.bits > (4 if weights.grid is Grid.MID_RISE else 2):
        return f"{weights.bits} bits {weights.grid} are too many planes of signs, or none"
    if weights.grid is Grid.MID_TREAD and int(weights.array.min()) < -1:
        return "a weight of -2, which is no sum of signs"
    rows = weight_rows(graph, op).astype(np.int64) * _unit(weights)
    lowest = np.minimum(127 * rows, -128 * rows).sum(axis=1)
    highest = np.maximum(127 * rows, -128 * rows).sum(axis=1)
    if int(lowest.min()) < -(1 << 15) or int(highest.max()) >= 1 << 15:
        return "a channel's sum of signs can leave 16 bits"
    left = np.maximum(conv_requantisation(graph, op).shifts.astype(np.int64), 0)
    if int(left.max()) > _MOST_LEFT:
        return f"a channel's scale is more than {1 << _MOST_LEFT} times the output's"
    if int((sum_bounds(weight_rows(graph, op), bias_of(graph, op)) << left).max()) >= 1 << 30:
        return "a channel's sum, shifted to the left as its scale asks for, can reach 2^30"
    return None


def _refuses_pointwise(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """1x1, stride 1, no padding; as sb_conv2d_planes_s8_dsp."""
    if not is_pointwise(op, graph.tensor(op.weights)):
        return "not 1x1 with stride 1 and no padding"
    return _refuses_planes(graph, op, core)


def _refuses_planes_relu(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """As sb_conv2d_planes_s8_dsp, and every channel a straight line from sum to output, as most are where no output is
    below the zero point: toolchain/export/c/line.py."""
    return _refuses_planes(graph, op, core) or _refuses_relu(graph, op)


def _refuses_pointwise_relu(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """As sb_conv2d_1x1_planes_s8_dsp, and every channel a straight line from sum to output, as most are where no output
    is below the zero point: toolchain/export/c/line.py."""
    return _refuses_pointwise(graph, op, core) or _refuses_relu(graph, op)


def _refuses_relu(graph: Graph, op: Conv2D) -> str | None:
    return None if _lines(graph, op) is not None else "a channel's way from sum to output is no straight line"


def _lines(graph: Graph, op: Conv2D) -> NDArray[np.int32] | None:
    """Lines of all channels, int32 [C, 2], from sums of signs."""
    bias, zero_point = bias_of(graph, op).astype(np.int64), graph.tensor(op.output).quantisation.zero_point
    unit, requantisation = _unit(graph.tensor(op.weights)), conv_requantisation(graph, op)
    return fit_plane_lines(weight_rows(graph, op), unit, bias, requantisation, zero_point, *op.activation)


def _tables_bytes(graph: Graph, op: Conv2D) -> int:
    """A table for each four values of eight pixels."""
    return _TABLE_BYTES * -(-window_size(graph, op) // _INPUTS)


def _tables_and_windows_bytes(graph: Graph, op: Conv2D) -> int:
    """A table for each four values of eight windows, and these."""
    return _tables_bytes(graph, op) + 8 * window_size(graph, op)


def _layer(graph: Graph, op: Conv2D, function: str, tables: tuple[Array, ...]) -> LayerCode:
    """The call of `function` with planes of signs and tables of channels."""
    weights = graph.tensor(op.weights)
    planes = sign_planes(weight_rows(graph, op), weights.bits, weights.grid)
    comment = f"{list(weights.shape)} of {weights.bits} bits {weights.grid} as planes of signs; {scales_text(weights)}"
    arrays = (Array("weights", "int8_t", planes, comment, words=True), *tables)
    doubled = int(weights.grid is Grid.MID_RISE)
    more: tuple[tuple[str, str, int], ...] = (("planes", "int8_t", weights.bits), ("doubled", "int8_t", doubled))
    if len(tables) == 1:  # lines, and no shifts: a null pointer
        more = (("shifts", "int32_t", 0), *more)
    return conv_code(graph, op, function, arrays, "sb_planes_conv_layer", more)


def _code(function: str) -> Callable[[Graph, Conv2D], LayerCode]:
    def code(graph: Graph, op: Conv2D) -> LayerCode:
        requantisation = conv_requantisation(graph, op)
        channels = channel_table(bias_of(graph, op), requantisation)
        shifts = Array("shifts", "int8_t", shift_table(requantisation), "shift of each channel")
        return _layer(graph, op, function, (Array("channels", "sb_channel", channels, "bias, multiplier"), shifts))

    return code


def _relu_code(function: str) -> Callable[[Graph, Conv2D], LayerCode]:
    def code(graph: Graph, op: Conv2D) -> LayerCode:
        lines = _lines(graph, op)
        assert lines is not None  # else it is refused
        return _layer(graph, op, function, (Array("lines", "sb_line", lines, "slope, start"),))

    return code


_COMMON = ("sb_sum_signs_s8.c", "sb_clamp_s8.c")
_HELPERS = ("sb_eight_pixels_planes_s8_dsp.c", *_COMMON)
_RELU_HELPERS = ("sb_eight_pixels_planes_relu_s8_dsp.c", *_COMMON)
_WINDOW = "sb_copy_window_s8.c"

KERNELS = (
    Kernel(
        "sb_conv2d_1x1_planes_relu_s8_dsp",
        Conv2D,
        "twice",
        refuses=_refuses_pointwise_relu,
        code=_relu_code("sb_conv2d_1x1_planes_relu_s8_dsp"),
        scratch_bytes=_tables_bytes,
        overwrites=pointwise_overwrites,
        helpers=_RELU_HELPERS,
        few_bits=True,
    ),
    Kernel(
        "sb_conv2d_1x1_planes_s8_dsp",
        Conv2D,
        "twice",
        refuses=_refuses_pointwise,
        code=_code("sb_conv2d_1x1_planes_s8_dsp"),
        scratch_bytes=_tables_bytes,
        overwrites=pointwise_overwrites,
        helpers=_HELPERS,
        few_bits=True,
    ),
    Kernel(
        "sb_conv2d_planes_relu_s8_dsp",
        Conv2D,
        "twice",
        refuses=_refuses_planes_relu,
        code=_relu_code("sb_conv2d_planes_relu_s8_dsp"),
        scratch_bytes=_tables_and_windows_bytes,
        helpers=(*_RELU_HELPERS, _WINDOW),
        few_bits=True,
    ),
    Kernel(
        "sb_conv2d_planes_s8_dsp",
        Conv2D,
        "twice",
        refuses=_refuses_planes,
        code=_code("sb_conv2d_planes_s8_dsp"),
        scratch_bytes=_tables_and_windows_bytes,
        helpers=(*_HELPERS, _WINDOW),
        few_bits=True,
    ),
)
