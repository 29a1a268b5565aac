# SPDX-License-Identifier: Apache-2.0
"""Conv2D with the weights of two channels in one int16: the fastest kernels of cores with DSP instructions."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from toolchain.core import Core
from toolchain.export.c.code import Array, LayerCode
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.layout import paired_channel_table, paired_rows, paired_weights, sum_bounds
from toolchain.export.c.line import fit_raised_lines
from toolchain.export.c.rows.convolutions import (
    Weighted,
    bias_of,
    conv_code,
    is_pointwise,
    pointwise_overwrites,
    reach,
    scales_text,
    weight_rows,
    window_size,
)
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D
from toolchain.graph.requantisation import Requantisation, conv_requantisation


def refuses_paired(graph: Graph, op: Weighted, core: Core, requantisation: Requantisation) -> str | None:
    """What every `paired` kernel asks for: see sb_paired_dsp.h and sb_output_doubled in sb_dsp.h."""
    reason = _refuses_sums(graph, op, core)
    if reason is None and bool(((requantisation.shifts > -1) & (requantisation.multipliers != 0)).any()):
        return "a channel's scale is at least half the output's: its sum is not shifted right"
    return reason


def _refuses_sums(graph: Graph, op: Weighted, core: Core) -> str | None:
    if not core.dsp:
        return f"{core.name} has no DSP instructions"
    rows = weight_rows(graph, op)
    if int(sum_bounds(rows, bias_of(graph, op)).max()) >= 1 << 23:
        return "a channel's sum can reach 2^23"
    if int(paired_weights(rows).min()) < np.iinfo(np.int16).min:
        return "a weight of -128 has a negative one beside it, in the even channel before"
    return None


def _refuses_paired(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """DSP instructions; every channel's factor below 1/2 and its sums below 2^23; no weight of -128 beside one < 0."""
    return refuses_paired(graph, op, core, conv_requantisation(graph, op))


def _refuses_pointwise(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """1x1, stride 1, no padding, four input channels or more; DSP instructions; every channel's factor below 1/2 and
    its sums below 2^23; no weight of -128 beside one < 0."""
    return refuses_pixels(graph, op) or _refuses_paired(graph, op, core)


def refuses_pixels(graph: Graph, op: Conv2D) -> str | None:
    if not is_pointwise(op, graph.tensor(op.weights)):
        return "not 1x1 with stride 1 and no padding"
    return "fewer than four input channels" if graph.tensor(op.input).shape[3] < 4 else None


def _refuses_band(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """DSP instructions; input channels in fours where it is dilated along W; every channel's factor below 1/2 and its
    sums below 2^23; no weight of -128 beside one < 0."""
    return refuses_runs(graph, op) or _refuses_paired(graph, op, core)


def refuses_runs(graph: Graph, op: Conv2D) -> str | None:
    """Of a window that is read by its taps, as each of them has to be whole fours."""
    taps = run_of(graph, op) % 4 and op.dilation.w > 1
    return "dilated along W, and input channels not in fours" if taps else None


def _refuses_pointwise_relu(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """As sb_conv2d_1x1_paired_s8_dsp, for factors below 2^4, and every channel a straight line from sum to output, as
    most are where no output is below the zero point: toolchain/export/c/line.py."""
    return refuses_pixels(graph, op) or _refuses_sums(graph, op, core) or _refuses_relu(graph, op)


def _refuses_band_relu(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """As sb_conv2d_paired_s8_dsp, for factors below 2^4, and every channel a straight line from sum to output, as most
    are where no output is below the zero point: toolchain/export/c/line.py."""
    return refuses_runs(graph, op) or _refuses_sums(graph, op, core) or _refuses_relu(graph, op)


def _refuses_relu(graph: Graph, op: Conv2D) -> str | None:
    return None if _lines(graph, op) else "a channel's way from sum to output is no straight line"


def _lines(graph: Graph, op: Conv2D) -> tuple[NDArray[np.int32], int] | None:
    """Lines of all channels, int32 [C, 2], and the power of 2 that raises their sums."""
    bias, zero_point = bias_of(graph, op).astype(np.int64), graph.tensor(op.output).quantisation.zero_point
    return fit_raised_lines(weight_rows(graph, op), bias, conv_requantisation(graph, op), zero_point, *op.activation)


def run_of(graph: Graph, op: Conv2D) -> int:
    """Length of the runs in which a window is read: a row of it, or a tap where it is dilated."""
    _, _, kernel_w, depth = graph.tensor(op.weights).shape
    return depth * (kernel_w if op.dilation.w == 1 else 1)


def patches_bytes(graph: Graph, op: Conv2D) -> int:
    """Three windows of int16, filled up to a multiple of four."""
    return 24 * -(-window_size(graph, op) // 4)


def _band_rows(graph: Graph, op: Conv2D) -> int:
    """Rows of the image that one row of outputs meets, border included."""
    return (graph.tensor(op.weights).shape[1] - 1) * op.dilation.h + 1


def patches_and_band_bytes(graph: Graph, op: Conv2D) -> int:
    """Three windows of int16, filled up to a multiple of four, the rows of the image that they come from, 3 bytes."""
    _, reach_w = reach(graph, op)
    return patches_bytes(graph, op) + _band_rows(graph, op) * reach_w * graph.tensor(op.input).shape[3] + 3


def band_overwrites(graph: Graph, op: Conv2D) -> tuple[str, ...]:
    """Its input, if each row of outputs ends at or before the first row of it that is not yet in the band."""
    _, height, width, depth = graph.tensor(op.input).shape
    _, rows, columns, channels = graph.tensor(op.output).shape
    ends = np.arange(1, rows + 1) * columns * channels
    copied = np.arange(rows) * op.stride.h - op.padding.top + _band_rows(graph, op)  # rows in or past the band
    last = min(height, int(copied[-1]))
    unread = np.where(copied >= last, rows * columns * channels, np.maximum(copied, 0) * width * depth)
    return (op.input,) if bool((ends <= unread).all()) else ()


def _layer(graph: Graph, op: Conv2D, function: str, table: Array, raised: int) -> LayerCode:
    """The call of `function` with paired weights, a table of channels, and its power of 2."""
    weights = graph.tensor(op.weights)
    comment = f"{list(weights.shape)} as pairs of output channels in int16; {scales_text(weights)}"
    values = paired_rows(weight_rows(graph, op), run_of(graph, op))
    arrays = (Array("weights", "int8_t", values, comment, words=True), table)
    return conv_code(graph, op, function, arrays, "sb_paired_conv_layer", (("raised", "int8_t", raised),))


def _code(function: str) -> Callable[[Graph, Conv2D], LayerCode]:
    def code(graph: Graph, op: Conv2D) -> LayerCode:
        channels = paired_channel_table(bias_of(graph, op), conv_requantisation(graph, op))
        table = Array("channels", "sb_paired_channel", channels, "doubled multiplier, bias and shift")
        return _layer(graph, op, function, table, 0)

    return code


def _relu_code(function: str) -> Callable[[Graph, Conv2D], LayerCode]:
    def code(graph: Graph, op: Conv2D) -> LayerCode:
        lines = _lines(graph, op)
        assert lines is not None  # else it is refused
        values, raised = lines
        filled = np.pad(values, ((0, len(values) % 2), (0, 0)))
        return _layer(graph, op, function, Array("lines", "sb_line", filled, "slope, start"), raised)

    return code


_HELPERS = ("sb_three_pixels_s8_dsp.c", "sb_widen_runs_s8_dsp.c", "sb_clamp_s8.c")
_RELU_HELPERS = ("sb_three_pixels_relu_s8_dsp.c", "sb_widen_runs_s8_dsp.c", "sb_clamp_s8.c")
_BAND = "sb_move_band_s8_dsp.c"

KERNELS = (
    Kernel(
        "sb_conv2d_1x1_paired_relu_s8_dsp",
        Conv2D,
        "twice",
        refuses=_refuses_pointwise_relu,
        code=_relu_code("sb_conv2d_1x1_paired_relu_s8_dsp"),
        scratch_bytes=patches_bytes,
        overwrites=pointwise_overwrites,
        helpers=_RELU_HELPERS,
    ),
    Kernel(
        "sb_conv2d_1x1_paired_s8_dsp",
        Conv2D,
        "twice",
        refuses=_refuses_pointwise,
        code=_code("sb_conv2d_1x1_paired_s8_dsp"),
        scratch_bytes=patches_bytes,
        overwrites=pointwise_overwrites,
        helpers=_HELPERS,
    ),
    Kernel(
        "sb_conv2d_paired_relu_s8_dsp",
        Conv2D,
        "twice",
        refuses=_refuses_band_relu,
        code=_relu_code("sb_conv2d_paired_relu_s8_dsp"),
        scratch_bytes=patches_and_band_bytes,
        overwrites=band_overwrites,
        helpers=(*_RELU_HELPERS, _BAND),
    ),
    Kernel(
        "sb_conv2d_paired_s8_dsp",
        Conv2D,
        "twice",
        refuses=_refuses_band,
        code=_code("sb_conv2d_paired_s8_dsp"),
        scratch_bytes=patches_and_band_bytes,
        overwrites=band_overwrites,
        helpers=(*_HELPERS, _BAND),
    ),
)
