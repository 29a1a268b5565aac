# SPDX-License-Identifier: Apache-2.0
"""DepthwiseConv2D on cores with DSP instructions: sb_depthwise_dsp.h says how."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.core import Core
from toolchain.export.c.code import Activation, Array, ArrayRef, Call, LayerCode, Place, Struct
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.layout import channel_table, sum_bounds
from toolchain.export.c.line import Lines, fit_lines
from toolchain.export.c.raised import Raised, raise_steep
from toolchain.export.c.rows.convolutions import bias_of, scales_text, weight_rows
from toolchain.graph.graph import Graph
from toolchain.graph.ops import DepthwiseConv2D, Pair
from toolchain.graph.requantisation import conv_requantisation

# Sums have 8 bits below them, and weights are int16.
_LIMITS = (1 << 23, 1 << 15)


def raised(graph: Graph, op: DepthwiseConv2D, sum_limit: int, weight_limit: int) -> Raised | None:
    """raise_steep of the operator."""
    zero_point = graph.tensor(op.output).quantisation.zero_point
    rows, bias, requantisation = weight_rows(graph, op), bias_of(graph, op), conv_requantisation(graph, op)
    limits = {"sum_limit": sum_limit, "weight_limit": weight_limit}
    return raise_steep(rows, bias, requantisation, zero_point, *op.activation, **limits)


def refuses_sums(graph: Graph, op: DepthwiseConv2D, sum_limit: int, weight_limit: int) -> str | None:
    """Why its sums cannot be shifted right, each below sum_limit; what is raised for it as in raise_steep."""
    if int(sum_bounds(weight_rows(graph, op), bias_of(graph, op)).max()) >= sum_limit:
        return f"a channel's sum can reach 2^{sum_limit.bit_length() - 1}"
    if raised(graph, op, sum_limit, weight_limit) is None:
        return "a channel's scale is at least half the output's, and no shift to the right gives its bytes"
    return None


def _refuses(graph: Graph, op: DepthwiseConv2D, core: Core) -> str | None:
    """DSP instructions; each channel's sums below 2^23; a factor of 1/2 or more where raised sums have its bytes
    (toolchain/export/c/raised.py)."""
    return refuses_sums(graph, op, *_LIMITS) if core.dsp else f"{core.name} has no DSP instructions"


def _refuses_3x3(graph: Graph, op: DepthwiseConv2D, core: Core) -> str | None:
    """3x3 without dilation; DSP instructions; each channel's sums below 2^23; a factor of 1/2 or more where raised sums
    have its bytes (toolchain/export/c/raised.py)."""
    return _refuses_shape(graph, op) or _refuses(graph, op, core)


def _refuses_shape(graph: Graph, op: DepthwiseConv2D) -> str | None:
    is_3x3 = graph.tensor(op.weights).shape[1:3] == (3, 3) and op.dilation == Pair()
    return None if is_3x3 else "not 3x3 without dilation"


def _refuses_3x3_relu(graph: Graph, op: DepthwiseConv2D, core: Core) -> str | None:
    """3x3 without dilation; DSP instructions; no output below the zero point; each channel's way from its sum to its
    output a straight line (toolchain/export/c/line.py), as it is for most weights that fill their bits."""
    if not core.dsp:
        return f"{core.name} has no DSP instructions"
    if op.activation.low < graph.tensor(op.output).quantisation.zero_point:
        return "outputs go below the zero point"
    shape = _refuses_shape(graph, op)
    if shape is not None:
        return shape
    return None if _lines(graph, op) else "a channel's way from sum to output is no straight line"


def _lines(graph: Graph, op: DepthwiseConv2D) -> Lines | None:
    zero_point = graph.tensor(op.output).quantisation.zero_point
    bias = bias_of(graph, op).astype(np.int64)
    requantisation = conv_requantisation(graph, op)
    return fit_lines(weight_rows(graph, op), bias, requantisation, zero_point, *op.activation)


@dataclass(frozen=True)
class _Along:
    """What the kernels do along the axis that they call H, or W: sb_window in C."""

    input: int
    output: int
    kernel: int
    stride: int
    dilation: int
    pad: int

    @property
    def reach(self) -> int:
        """Elements that all windows reach together."""
        return (self.output - 1) * self.stride + (self.kernel - 1) * self.dilation + 1


def _two_rows(rows: _Along, columns: _Along) -> bool:
    """sb_two_rows in C."""
    return rows.stride == rows.dilation == columns.stride == 1 < columns.output


def _shared(rows: _Along, columns: _Along) -> bool:
    """Whether row pairs serve several rows of outputs: `shared` in C."""
    return _two_rows(rows, columns) or (rows.stride == 2 and rows.dilation == 1)


def _axes(graph: Graph, op: DepthwiseConv2D) -> tuple[_Along, _Along, bool]:
    """What the kernels call H and W, and whether they have changed places: where row pairs are shared only then; else
    where there are more rows than columns, and these are the input's, so that it can still be in place."""
    sizes = [graph.tensor(name).shape[1:3] for name in (op.input, op.output, op.weights)]
    pads = (op.padding.top, op.padding.left)
    along_h, along_w = (_Along(*column) for column in zip(*sizes, op.stride, op.dilation, pads, strict=True))
    turned = along_h.output > along_w.output == along_w.input
    if _shared(along_h, along_w) != _shared(along_w, along_h):
        turned = _shared(along_w, along_h)
    return (along_w, along_h, True) if turned else (along_h, along_w, False)


def _row_pairs(rows: _Along, columns: _Along) -> int:
    """sb_row_pairs in C."""
    return rows.kernel // 2 + 1 if _two_rows(rows, columns) else (rows.kernel + 1) // 2


def _scratch(graph: Graph, op: DepthwiseConv2D, weight_words: int) -> int:
    """`lanes` in sb_depthwise_dsp, each with that many words of weights and its row pairs."""
    rows, columns, _ = _axes(graph, op)
    passes = (rows.output + 1) // 2 if _two_rows(rows, columns) else rows.output
    lanes = 4 if op.multiplier == 1 and graph.tensor(op.output).shape[3] >= 4 else 1
    return 4 * lanes * (weight_words + _row_pairs(rows, columns) * columns.reach + passes - 1)


def _scratch_3x3(graph: Graph, op: DepthwiseConv2D) -> int:
    """Of four channels the weights as pairs, and the rows of the image that two rows of outputs reach, as int16."""
    return _scratch(graph, op, 6)


def _scratch_any(graph: Graph, op: DepthwiseConv2D) -> int:
    """Of four channels the weights as pairs, twice for two rows of outputs, and the rows that these reach, as int16."""
    rows, columns, _ = _axes(graph, op)
    times = 2 if _two_rows(rows, columns) else 1
    return _scratch(graph, op, times * _row_pairs(rows, columns) * columns.kernel)


def _overwrites(graph: Graph, op: DepthwiseConv2D) -> tuple[str, ...]:
    """Its input, if each channel gives one, there are no more rows (turned: as many) and no more columns, either stride
    1 and more than one column or stride 2 along H, there no dilation, and less border above than rows of the kernel:
    the proof stands in sb_depthwise_dsp.h."""
    rows, columns, turned = _axes(graph, op)
    fewer_rows = rows.output == rows.input or (rows.output < rows.input and not turned)
    smaller = fewer_rows and columns.output <= columns.input and op.multiplier == 1
    return (op.input,) if smaller and _shared(rows, columns) and rows.pad < rows.kernel else ()


def _layer_code(
    graph: Graph, op: DepthwiseConv2D, function: str, tables: tuple[Array, Array], raised: int = 0
) -> LayerCode:
    """One call of `function`. tables: of the channels. raised: by how many bits weights of some are."""
    weights = graph.tensor(op.weights)
    rows, columns, turned = _axes(graph, op)
    shape = weights.shape[1:3]
    values = weight_rows(graph, op).reshape(-1, *shape)  # [C, H, W]
    order = "one window a channel, turned" if turned else "one window a channel"
    comment = f"{list(weights.shape)} as {order}; {scales_text(weights)}"
    ordered = (values.transpose(0, 2, 1) if turned else values).ravel()
    arrays = (Array("weights", "int8_t", ordered, comment), *tables)
    pairs = [
        (f"{size}_{axis}", "uint16_t", getattr(along, size))
        for size in ("input", "output", "kernel", "stride", "dilation")
        for axis, along in (("h", rows), ("w", columns))
    ]
    window = Struct("sb_window", (*pairs, ("pad_top", "uint16_t", rows.pad), ("pad_left", "uint16_t", columns.pad)))
    members: tuple[tuple[str, str, int | ArrayRef | Struct], ...] = (
        *((array.role, "", ArrayRef(array.role)) for array in arrays),
        ("window", "", window),
        ("input_channels", "uint16_t", graph.tensor(op.input).shape[3]),
        ("output_channels", "uint16_t", graph.tensor(op.output).shape[3]),
        ("input_zero_point", "int8_t", graph.tensor(op.input).quantisation.zero_point),
        ("output_zero_point", "int8_t", graph.tensor(op.output).quantisation.zero_point),
        ("low", "int8_t", op.activation.low),
        ("high", "int8_t", op.activation.high),
        ("turned", "int8_t", int(turned)),
        ("raised", "int8_t", raised),
    )
    arguments = (Place.PARAMETERS, Activation(op.input), Activation(op.output), Place.SCRATCH)
    return LayerCode((Call(function, arguments),), arrays, Struct("sb_turned_conv_layer", members))


def raised_tables(of: Raised, bias: NDArray[np.int32]) -> tuple[Array, Array]:
    """The two tables of the output channels; bias: folded, int32 [C]."""
    return (
        Array("channels", "sb_channel", channel_table(bias, of.requantisation), "bias, multiplier"),
        Array("shifts", "int8_t", of.shifts, "shift of each channel"),
    )


def _code(function: str) -> Callable[[Graph, DepthwiseConv2D], LayerCode]:
    def code(graph: Graph, op: DepthwiseConv2D) -> LayerCode:
        found = raised(graph, op, *_LIMITS)
        assert found is not None  # else it is refused
        return _layer_code(graph, op, function, raised_tables(found, found.bias), found.bits)

    return code


def _code_3x3_relu(graph: Graph, op: DepthwiseConv2D) -> LayerCode:
    lines = _lines(graph, op)
    assert lines is not None  # else it is refused
    table = np.stack([lines.slopes, lines.starts], axis=1)
    arrays = (
        Array("lines", "sb_line", table, "slope, start"),
        Array("shifts", "int8_t", lines.shifts, "shift of each channel's weights"),
    )
    return _layer_code(graph, op, "sb_depthwise_conv2d_3x3_relu_s8_dsp", arrays)


_HELPERS = ("sb_widen_rows_s8_dsp.c", "sb_clamp_s8.c")

KERNELS = (
    Kernel(
        "sb_depthwise_conv2d_3x3_relu_s8_dsp",
        DepthwiseConv2D,
        "twice",
        refuses=_refuses_3x3_relu,
        code=_code_3x3_relu,
        scratch_bytes=_scratch_3x3,
        overwrites=_overwrites,
        helpers=_HELPERS,
    ),
    Kernel(
        "sb_depthwise_conv2d_3x3_s8_dsp",
        DepthwiseConv2D,
        "twice",
        refuses=_refuses_3x3,
        code=_code("sb_depthwise_conv2d_3x3_s8_dsp"),
        scratch_bytes=_scratch_3x3,
        overwrites=_overwrites,
        helpers=_HELPERS,
    ),
    Kernel(
        "sb_depthwise_conv2d_s8_dsp",
        DepthwiseConv2D,
        "twice",
        refuses=_refuses,
        code=_code("sb_depthwise_conv2d_s8_dsp"),
        scratch_bytes=_scratch_any,
        overwrites=_overwrites,
        helpers=_HELPERS,
    ),
)
