# SPDX-License-Identifier: Apache-2.0
"""Conv2D with weights of two to six bits, three channels in two int16: fewer multiplications than at 8 bits. The idea
stands in firmware_templates/kernels/sb_triple_dsp.h."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from toolchain.core import Core
from toolchain.export.c.code import Array, LayerCode, Struct
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.layout import Rows, in_patch_order, paired_channel_table, sum_bounds
from toolchain.export.c.line import fit_raised_lines
from toolchain.export.c.rows.convolutions import (
    bias_of,
    conv_code,
    pointwise_overwrites,
    scales_text,
    weight_rows,
    window_size,
)
from toolchain.export.c.rows.paired import (
    band_overwrites,
    patches_and_band_bytes,
    patches_bytes,
    refuses_pixels,
    refuses_runs,
    run_of,
)
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D
from toolchain.graph.requantisation import conv_requantisation
from toolchain.graph.tensor import Grid, Tensor

# SB_APART_BITS, and the largest weight of which 2^10 and one times are an int16.
_APART_BITS, _MOST = 10, 31
# What every sum stays below, see sb_triple_dsp.h.
_SUMS = (1 << 2 * _APART_BITS - 1) - (1 << _APART_BITS)


def _code_of(weights: Tensor) -> tuple[int, int]:
    """(step, least) of step * u + least, which weights are. On the mid-tread grid one value more can be, as in INT4."""
    if weights.grid is Grid.MID_RISE:
        return 2, 1 - (1 << weights.bits)
    return 1, min(1 - (1 << weights.bits - 1), int(weights.array.min()))


def triple_planes(rows: Rows, run: int, bits: int, step: int, least: int) -> NDArray[np.int8]:
    """For sb_unpack_triples_dsp: three rows after the other, in planes of 4, 2 and 1 bits.

    run: as for paired_rows. A plane of a row is filled up to whole words.

    >>> triple_planes(np.array([[1, 2, 3, 4]], np.int8), 4, 4, 1, 0).view(np.uint32).tolist()[0] == 0x00430021
    True
    """
    ordered = (in_patch_order(rows, run).astype(np.int16) - least) // step & ((1 << bits) - 1)  # [C, K]
    halves = ordered.reshape(len(rows), -1, 2)  # low and high half of a word
    fields = [size for size in (4, 2, 1) if bits & size]
    parts = []
    for first in range(0, len(rows), 3):
        below = bits
        for size in fields:
            below -= size
            plane = halves[first : first + 3] >> below & ((1 << size) - 1)
            words = np.pad(plane, ((0, 0), (0, -plane.shape[1] % (16 // size)), (0, 0)))
            split = words.reshape(len(plane), -1, 16 // size, 2).astype(np.uint32)  # [channels, words, fields, halves]
            places = np.arange(0, 16, size, dtype=np.uint32)[:, None] + np.array([0, 16], np.uint32)
            parts.append((split << places).sum(axis=(2, 3), dtype=np.uint32).T.ravel())
    return np.concatenate(parts).astype("<u4").view(np.int8)


def _refuses_weights(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """DSP instructions and no Helium; weights within 31, of 6 bits on the mid-tread grid or 5 on the other at most."""
    if not core.dsp or core.mve:
        return f"{core.name} has {'Helium' if core.mve else 'no DSP'} instructions"
    weights = graph.tensor(op.weights)
    if -_code_of(weights)[1] > _MOST:
        return f"weights of {weights.bits} bits {weights.grid} go beyond {_MOST}"
    return None


def _refuses_triple(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """DSP instructions and no Helium; input channels in fours where it is dilated along W; weights within 31, of 6 bits
    on the mid-tread grid or 5 on the other at most; every channel's factor below 1/2 and its sums within 2^19 - 2^10.
    """
    reason = refuses_runs(graph, op) or _refuses_weights(graph, op, core)
    if reason is not None:
        return reason
    requantisation = conv_requantisation(graph, op)
    if bool(((requantisation.shifts > -1) & (requantisation.multipliers != 0)).any()):
        return "a channel's scale is at least half the output's: its sum is not shifted right"
    if int(sum_bounds(weight_rows(graph, op), bias_of(graph, op)).max()) > _SUMS:
        return f"a channel's sum can be beyond {_SUMS}"
    return None


def _refuses_triple_relu(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """As sb_conv2d_triple_s8_dsp, for factors below 2^4 and sums without bias, and every channel a straight line from
    sum to output, as most are where no output is below the zero point: toolchain/export/c/line.py."""
    reason = refuses_runs(graph, op) or _refuses_weights(graph, op, core)
    if reason is not None:
        return reason
    if int(sum_bounds(weight_rows(graph, op), np.zeros(1, np.int32)).max()) > _SUMS:
        return f"a channel's sum can be beyond {_SUMS}"
    return None if _lines(graph, op) else "a channel's way from sum to output is no straight line"


def _refuses_pointwise(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """1x1, stride 1, no padding, four input channels or more; as sb_conv2d_triple_s8_dsp."""
    return refuses_pixels(graph, op) or _refuses_triple(graph, op, core)


def _refuses_pointwise_relu(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """1x1, stride 1, no padding, four input channels or more; as sb_conv2d_triple_relu_s8_dsp."""
    return refuses_pixels(graph, op) or _refuses_triple_relu(graph, op, core)


def _lines(graph: Graph, op: Conv2D) -> tuple[NDArray[np.int32], int] | None:
    """Lines of all channels, int32 [C, 2], and the power of 2 that raises their sums."""
    bias, zero_point = bias_of(graph, op).astype(np.int64), graph.tensor(op.output).quantisation.zero_point
    rows, requantisation = weight_rows(graph, op), conv_requantisation(graph, op)
    return fit_raised_lines(rows, bias, requantisation, zero_point, *op.activation, least=_APART_BITS)


def _quads(graph: Graph, op: Conv2D) -> int:
    return -(-window_size(graph, op) // 4)


def _weights_bytes(graph: Graph, op: Conv2D) -> int:
    """The weights, unpacked."""
    return 16 * _quads(graph, op) * -(-graph.tensor(op.output).shape[3] // 3)


def _pointwise_scratch(graph: Graph, op: Conv2D) -> int:
    """The weights, unpacked; three pixels of int16, filled up to a multiple of four."""
    return _weights_bytes(graph, op) + patches_bytes(graph, op)


def _band_scratch(graph: Graph, op: Conv2D) -> int:
    """The weights, unpacked; three windows of int16, the rows of the image that they come from, 3 bytes."""
    return _weights_bytes(graph, op) + patches_and_band_bytes(graph, op)


def _layer(graph: Graph, op: Conv2D, function: str, table: Array, raised: int) -> LayerCode:
    """The call of `function` with packed weights, a table of channels, and its power of 2."""
    weights = graph.tensor(op.weights)
    step, least = _code_of(weights)
    values = triple_planes(weight_rows(graph, op), run_of(graph, op), weights.bits, step, least)
    comment = (
        f"{list(weights.shape)} of {weights.bits} bits {weights.grid} as threes of output channels; "
        f"{scales_text(weights)}"
    )
    padded = Array(table.role, table.c_type, np.pad(table.values, ((0, -len(table.values) % 3), (0, 0))), table.comment)
    arrays = (Array("weights", "int8_t", values, comment, words=True), padded)
    paired = conv_code(graph, op, function, arrays, "sb_paired_conv_layer", (("raised", "int8_t", raised),))
    assert paired.parameters is not None
    more = (
        ("quads", "uint16_t", _quads(graph, op)),
        ("bits", "int8_t", weights.bits),
        ("step", "int8_t", step),
        ("least", "int8_t", least),
    )
    return LayerCode(paired.calls, arrays, Struct("sb_triple_conv_layer", (("conv", "", paired.parameters), *more)))


def _code(function: str) -> Callable[[Graph, Conv2D], LayerCode]:
    def code(graph: Graph, op: Conv2D) -> LayerCode:
        channels = paired_channel_table(bias_of(graph, op), conv_requantisation(graph, op))
        used = channels[: graph.tensor(op.output).shape[3]]
        return _layer(graph, op, function, Array("channels", "sb_paired_channel", used, _CHANNELS), 0)

    return code


def _relu_code(function: str) -> Callable[[Graph, Conv2D], LayerCode]:
    def code(graph: Graph, op: Conv2D) -> LayerCode:
        lines = _lines(graph, op)
        assert lines is not None  # else it is refused
        values, raised = lines
        return _layer(graph, op, function, Array("lines", "sb_line", values, "slope, start"), raised)

    return code


_CHANNELS = "doubled multiplier, bias and shift"
_COMMON = ("sb_unpack_triples_dsp.c", "sb_widen_runs_s8_dsp.c", "sb_clamp_s8.c")
_HELPERS = ("sb_three_pixels_triple_s8_dsp.c", *_COMMON)
_RELU_HELPERS = ("sb_three_pixels_triple_relu_s8_dsp.c", *_COMMON)
_BAND = "sb_move_band_s8_dsp.c"

KERNELS = (
    Kernel(
        "sb_conv2d_1x1_triple_relu_s8_dsp",
        Conv2D,
        "twice",
        refuses=_refuses_pointwise_relu,
        code=_relu_code("sb_conv2d_1x1_triple_relu_s8_dsp"),
        scratch_bytes=_pointwise_scratch,
        overwrites=pointwise_overwrites,
        helpers=_RELU_HELPERS,
        few_bits=True,
    ),
    Kernel(
        "sb_conv2d_1x1_triple_s8_dsp",
        Conv2D,
        "twice",
        refuses=_refuses_pointwise,
        code=_code("sb_conv2d_1x1_triple_s8_dsp"),
        scratch_bytes=_pointwise_scratch,
        overwrites=pointwise_overwrites,
        helpers=_HELPERS,
        few_bits=True,
    ),
    Kernel(
        "sb_conv2d_triple_relu_s8_dsp",
        Conv2D,
        "twice",
        refuses=_refuses_triple_relu,
        code=_relu_code("sb_conv2d_triple_relu_s8_dsp"),
        scratch_bytes=_band_scratch,
        overwrites=band_overwrites,
        helpers=(*_RELU_HELPERS, _BAND),
        few_bits=True,
    ),
    Kernel(
        "sb_conv2d_triple_s8_dsp",
        Conv2D,
        "twice",
        refuses=_refuses_triple,
        code=_code("sb_conv2d_triple_s8_dsp"),
        scratch_bytes=_band_scratch,
        overwrites=band_overwrites,
        helpers=(*_HELPERS, _BAND),
        few_bits=True,
    ),
)
