# SPDX-License-Identifier: Apache-2.0
"""1x1 Conv2D with weights of 5 bits, three channels in one int16, read as they are stored. The idea stands in
firmware_templates/kernels/sb_fives_dsp.h."""

import numpy as np
from numpy.typing import NDArray

from toolchain.core import Core
from toolchain.export.c.code import Array, LayerCode
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.line import fit_raised_lines
from toolchain.export.c.rows.convolutions import bias_of, conv_code, pointwise_overwrites, scales_text, weight_rows
from toolchain.export.c.rows.joined import fives_words, signed_weights
from toolchain.export.c.rows.paired import patches_bytes, refuses_pixels
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D
from toolchain.graph.requantisation import conv_requantisation
from toolchain.graph.tensor import Grid

_FUNCTION = "sb_conv2d_1x1_fives_relu_s8_dsp"
_BITS = 5
_THREE = 3  # channels
# Within which sums stay apart, see sb_fully_connected_fives_s8_dsp.c.
_SUMS = (1 << 20) - (1 << 10)
# How far b lies above a.
_APART_BITS = 11


def _refuses(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """Weights of 5 bits; 1x1, stride 1, no padding, four input channels or more; DSP instructions and no Helium; every
    channel's sums within 2^20 - 2^10, of mid-rise weights those of their halves, its factor below 2^4 and its way from
    sum to output a straight line, as most are where no output is below the zero point: toolchain/export/c/line.py."""
    if not core.dsp or core.mve:
        return f"{core.name} has {'Helium' if core.mve else 'no DSP'} instructions"
    weights = graph.tensor(op.weights)
    if weights.bits != _BITS:
        return f"weights of {weights.bits} bits"
    reason = refuses_pixels(graph, op)
    if reason is not None:
        return reason
    if 128 * int(np.abs(signed_weights(weights, weight_rows(graph, op))).sum(axis=1).max()) > _SUMS:
        return f"a channel's sum can be beyond {_SUMS}"
    return None if _lines(graph, op) else "a channel's way from sum to output is no straight line"


def _lines(graph: Graph, op: Conv2D) -> tuple[NDArray[np.int32], int] | None:
    """Lines of all channels, int32 [C, 2], and the power of 2 that raises their sums, of b by 11 bits less."""
    bias, zero_point = bias_of(graph, op).astype(np.int64), graph.tensor(op.output).quantisation.zero_point
    rows, requantisation = weight_rows(graph, op), conv_requantisation(graph, op)
    return fit_raised_lines(rows, bias, requantisation, zero_point, *op.activation, least=_APART_BITS)


def _code(graph: Graph, op: Conv2D) -> LayerCode:
    weights, lines = graph.tensor(op.weights), _lines(graph, op)
    assert lines is not None  # else it is refused
    table, raised = lines
    v = signed_weights(weights, weight_rows(graph, op))
    comment = f"{list(weights.shape)} of {weights.bits} bits, joined; {scales_text(weights)}"
    filled = np.pad(table, ((0, -len(table) % _THREE), (0, 0)))
    arrays = (
        Array("weights", "int8_t", fives_words(v, _THREE), comment, words=True),
        Array("lines", "sb_line", filled, "slope, start"),
    )
    doubled = int(weights.grid is Grid.MID_RISE)
    more = (("raised", "int8_t", raised), ("doubled", "int8_t", doubled))
    return conv_code(graph, op, _FUNCTION, arrays, "sb_paired_conv_layer", more)


KERNELS = (
    Kernel(
        _FUNCTION,
        Conv2D,
        "twice",
        refuses=_refuses,
        code=_code,
        scratch_bytes=patches_bytes,
        overwrites=pointwise_overwrites,
        helpers=("sb_widen_runs_s8_dsp.c", "sb_clamp_s8.c"),
        few_bits=True,
    ),
)
