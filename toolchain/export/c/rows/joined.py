# SPDX-License-Identifier: Apache-2.0
"""Weights of 1 to 5 bits with several outputs in one int16: fewer multiplications than at 8 bits and no unpacking. The
idea stands in firmware_templates/kernels/sb_joined_dsp.h, and of the 1x1 convolution in sb_nibbles_dsp.h."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from toolchain.core import Core
from toolchain.export.c.code import Activation, Array, ArrayRef, Call, LayerCode, Place, Struct
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.layout import Rows, paired_channel_table
from toolchain.export.c.line import fit_raised_lines
from toolchain.export.c.rows.convolutions import bias_of, conv_code, pointwise_overwrites, scales_text, weight_rows
from toolchain.export.c.rows.paired import patches_bytes, refuses_paired, refuses_pixels
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D, FullyConnected
from toolchain.graph.requantisation import conv_requantisation, fully_connected_requantisation
from toolchain.graph.tensor import Grid, Tensor

_FOUR = 4  # inputs
_NIBBLE = 4  # bits
_AT_ONCE = {"nibbles": 4, "joined": 8, "fives": 6}  # outputs
# Within which the sums of nibbles a, b and d stay apart; those of c may be larger.
_NIBBLE_SUMS = (1 << 19) - 1
_PARTED = [True, True, False, True]
# The same for fives, of which every one is parted.
_FIVES_SUMS = (1 << 20) - (1 << 10)
# An int32 holds so many products of an activation and a v of 2 bits.
_MOST_INPUTS = 1 << 20


def signed_weights(weights: Tensor, rows: Rows) -> NDArray[np.int64]:
    """v of each weight: itself, or half of it, rounded downwards, where all are odd."""
    return rows.astype(np.int64) >> int(weights.grid is Grid.MID_RISE)


def _filled(v: NDArray[np.int64], at_once: int) -> NDArray[np.uint32]:
    """v in whole blocks of outputs and of four inputs, as bits: [blocks, outputs, fours, inputs]."""
    v = np.pad(v, ((0, -len(v) % at_once), (0, -v.shape[1] % _FOUR)))
    return v.reshape(len(v) // at_once, at_once, -1, _FOUR).astype(np.uint32)


def nibble_words(v: NDArray[np.int64]) -> NDArray[np.int8]:
    """v, int [C, K], for sb_fully_connected_nibbles_s8_dsp, which has the drawing.

    >>> v = np.array([[-8, 0, 0, 0], [-7, 0, -6, 0], [-4, 0, 0, 0], [-1, 0, -2, 0]])
    >>> [hex(word) for word in nibble_words(v).view("<u4")]
    ['0xe188f240', '0x8880888']
    """
    a, b, c, d = np.moveaxis(_filled(v, _AT_ONCE["nibbles"]), 1, 0)  # each [blocks, fours, inputs]
    a, b, c, d = (x & 15 for x in (a + 8, b + 8, c + 8, d))
    other = b[:, :, [2, 3, 0, 1]]
    halves = a | c << 4 | other << 8 | d << 12
    words = halves[:, :, :2] | halves[:, :, 2:] << 16  # [blocks, fours, 2]
    return np.ascontiguousarray(words, "<u4").reshape(-1).view(np.int8)


def fives_words(v: NDArray[np.int64], at_once: int = _AT_ONCE["fives"]) -> NDArray[np.int8]:
    """v, int [C, K], for sb_fully_connected_fives_s8_dsp, which has the drawing, or, three at once, for sb_fives_dsp.h.

    >>> v = np.array([[-15, 0, 0, 0], [-1, 0, -2, 0], [-13, 0, -12, 0]])
    >>> [hex(word) for word in fives_words(v).view("<u4")]
    ['0xf0d0f901', '0x4100410', '0x4100410', '0x4100410']
    """
    blocks = _filled(v, at_once)  # [blocks, outputs, fours, inputs]
    threes = blocks.reshape(len(blocks), at_once // 3, 3, -1, _FOUR)
    a, b, c = np.moveaxis(threes, 2, 0)  # each [blocks, threes, fours, inputs]
    a, b, c = a + 16 & 31, b & 31, c + 16 & 31
    halves = a | c[..., [2, 3, 0, 1]] << 6 | b << 11
    words = (halves[..., :2] | halves[..., 2:] << 16).transpose(0, 2, 1, 3)  # [blocks, fours, threes, 2]
    return np.ascontiguousarray(words, "<u4").reshape(-1).view(np.int8)


def joined_words(v: NDArray[np.int64], bits: int) -> NDArray[np.int8]:
    """v, int [C, K], of 1 or 2 bits, for sb_fully_connected_joined_s8_dsp, which has the drawing.

    >>> [hex(word) for word in joined_words(np.array([[1, 0, 0, 0], [-2, 0, 0, -1]]), 2).view("<u4")]
    ['0x2222a223', '0xe2222222']
    """
    filled = _filled(v, _AT_ONCE["joined"])  # [blocks, outputs, fours, inputs]
    fields = np.where(np.arange(_AT_ONCE["joined"])[:, None, None] % 2, filled, filled + (1 << bits - 1))
    fields &= (1 << bits) - 1
    of_a, of_b = (fields[:, first::2] for first in (0, 1))  # [blocks, pairs, fours, inputs]
    words = np.zeros((len(fields), fields.shape[2], bits), np.uint32)
    for pair in range(_AT_ONCE["joined"] // 2):
        for second in (0, 1):  # inputs 0 and 2, or 1 and 3
            low, high = ((of_a | of_b << 16 - bits)[:, pair, :, second + at] for at in (0, 2))
            turn = 2 * bits * pair + (8 * second if bits == 1 else 0)
            word = (low | high << 16).astype(np.uint64) << turn
            words[:, :, second * (bits - 1)] |= (word | word >> 32).astype(np.uint32)
    return words.astype("<u4").reshape(-1).view(np.int8)


def nibble_chunk(v: NDArray[np.int64]) -> int:
    """The most inputs, in fours, over which sums of a, b and d stay within 2^19, from any multiple of them on.

    >>> nibble_chunk(np.zeros((4, 500), int)), nibble_chunk(np.full((4, 500), 7))
    (500, 272)
    """
    u = np.where((np.arange(len(v)) % 4 == 3)[:, None], np.abs(v), v + 8)
    parted = u[np.resize(_PARTED, len(v))]
    return _longest_chunk(parted, _NIBBLE_SUMS // 128)


def fives_chunk(v: NDArray[np.int64]) -> int:
    """The most inputs, in fours, over which sums of fives stay apart, from any multiple of them on.

    >>> fives_chunk(np.zeros((3, 500), int)), fives_chunk(np.full((3, 500), 15))
    (500, 264)
    """
    u = np.where((np.arange(len(v)) % 3 == 1)[:, None], np.abs(v), v + 16)
    return _longest_chunk(u, _FIVES_SUMS // 128)


def joined_chunk(v: NDArray[np.int64], bits: int) -> int:
    """The most inputs, in fours, over which no sum of a leaves 16 - bits bits, from any multiple of them on.

    >>> [joined_chunk(np.full((2, n), w), b) for n, w, b in ((5, 0, 2), (500, 1, 2), (500, 0, 1))]
    [8, 20, 128]
    """
    return _longest_chunk(v[::2] + (1 << bits - 1), (1 << 15 - bits) // 128)


def _longest_chunk(u: NDArray[np.int64], most: int) -> int:
    """The most inputs, in fours, over which no row of u, [rows, K] and none negative, sums up to more than `most`."""
    u = np.pad(u, ((0, 0), (0, -u.shape[1] % _FOUR)))
    sums = np.pad(np.cumsum(u, axis=1), ((0, 0), (1, 0)))
    for chunk in range(u.shape[1], _FOUR, -_FOUR):
        ends = sums[:, [*range(0, u.shape[1], chunk), u.shape[1]]]
        if int(np.diff(ends, axis=1).max()) <= most:
            return chunk
    return _FOUR


def _refuses(graph: Graph, op: FullyConnected, core: Core, widths: tuple[int, ...]) -> str | None:
    weights = graph.tensor(op.weights)
    if core.mve:
        return f"{core.name} has Helium instructions"
    if weights.bits not in widths:
        return f"weights of {weights.bits} bits"
    inputs = weights.shape[1]
    if not _FOUR <= inputs <= _MOST_INPUTS:
        return f"{inputs} inputs, not {_FOUR} .. {_MOST_INPUTS}"
    return refuses_paired(graph, op, core, fully_connected_requantisation(graph, op))


def _refuses_joined(graph: Graph, op: FullyConnected, core: Core) -> str | None:
    """Weights of 1 or 2 bits; at least four inputs; DSP instructions and no Helium; every channel's factor below 1/2
    and its sums below 2^23."""
    return _refuses(graph, op, core, (1, 2))


def _refuses_nibbles(graph: Graph, op: FullyConnected, core: Core) -> str | None:
    """Weights of 3 or 4 bits; at least four inputs; DSP instructions and no Helium; every channel's factor below 1/2
    and its sums below 2^23."""
    return _refuses(graph, op, core, (3, 4))


def _refuses_fives(graph: Graph, op: FullyConnected, core: Core) -> str | None:
    """Weights of 5 bits; at least four inputs; DSP instructions and no Helium; every channel's factor below 1/2 and its
    sums below 2^23."""
    return _refuses(graph, op, core, (5,))


def _words(v: NDArray[np.int64], bits: int) -> tuple[int, int, NDArray[np.int8]]:
    """Bits of a field, inputs in a chunk, and weights, for weights of `bits` bits."""
    if bits > _NIBBLE:
        return bits, fives_chunk(v), fives_words(v)
    if bits > _NIBBLE // 2:
        return _NIBBLE, nibble_chunk(v), nibble_words(v)
    return bits, joined_chunk(v, bits), joined_words(v, bits)


def _code(function: str) -> Callable[[Graph, FullyConnected], LayerCode]:
    def code(graph: Graph, op: FullyConnected) -> LayerCode:
        weights, output = graph.tensor(op.weights), graph.tensor(op.output)
        v = signed_weights(weights, weight_rows(graph, op))
        bits, chunk, words = _words(v, weights.bits)
        table = paired_channel_table(bias_of(graph, op), fully_connected_requantisation(graph, op))
        comment = f"{list(weights.shape)} of {weights.bits} bits, joined; {scales_text(weights)}"
        arrays = (
            Array("weights", "int8_t", words, comment, words=True),
            Array("channels", "sb_paired_channel", table[: len(v)], "doubled multiplier, bias and shift"),
        )
        members: tuple[tuple[str, str, int | ArrayRef | Struct], ...] = (
            *((array.role, "", ArrayRef(array.role)) for array in arrays),
            ("rows", "int32_t", output.shape[0]),
            ("input_size", "int32_t", weights.shape[1]),
            ("output_size", "int32_t", output.shape[1]),
            ("chunk", "int32_t", chunk),
            ("bits", "int8_t", bits),
            ("doubled", "int8_t", int(weights.grid is Grid.MID_RISE)),
            ("output_zero_point", "int8_t", output.quantisation.zero_point),
            ("low", "int8_t", op.activation.low),
            ("high", "int8_t", op.activation.high),
        )
        call = Call(function, (Place.PARAMETERS, Activation(op.input), Activation(op.output)))
        return LayerCode((call,), arrays, Struct("sb_joined_fully_connected_layer", members))

    return code


def _refuses_conv(graph: Graph, op: Conv2D, core: Core) -> str | None:
    if not core.dsp or core.mve:
        return f"{core.name} has {'Helium' if core.mve else 'no DSP'} instructions"
    weights = graph.tensor(op.weights)
    if weights.bits not in (3, 4):
        return f"weights of {weights.bits} bits"
    v = signed_weights(weights, weight_rows(graph, op))
    sums = 128 * int(np.abs(v).sum(axis=1).max())
    return f"a channel's sum can reach {_NIBBLE_SUMS + 1}" if sums > _NIBBLE_SUMS else refuses_pixels(graph, op)


def _refuses_conv_any(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """Weights of 3 or 4 bits; 1x1, stride 1, no padding, four input channels or more; DSP instructions and no Helium;
    every channel's factor below 1/2 and its sums below 2^19, of mid-rise weights those of their halves."""
    return _refuses_conv(graph, op, core) or refuses_paired(graph, op, core, conv_requantisation(graph, op))


def _refuses_conv_relu(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """As sb_conv2d_1x1_nibbles_s8_dsp, for factors below 2^4, and every channel a straight line from sum to output, as
    most are where no output is below the zero point: toolchain/export/c/line.py."""
    reason = _refuses_conv(graph, op, core)
    if reason is None and _lines(graph, op) is None:
        return "a channel's way from sum to output is no straight line"
    return reason


def _lines(graph: Graph, op: Conv2D) -> tuple[NDArray[np.int32], int] | None:
    """Lines of all channels, int32 [C, 2], and the power of 2 that raises their sums, of d by 12 bits less."""
    bias, zero_point = bias_of(graph, op).astype(np.int64), graph.tensor(op.output).quantisation.zero_point
    rows, requantisation = weight_rows(graph, op), conv_requantisation(graph, op)
    return fit_raised_lines(rows, bias, requantisation, zero_point, *op.activation, least=12)


def _conv(graph: Graph, op: Conv2D, function: str, table: Array, raised: int) -> LayerCode:
    """The call of `function` with nibbles, a table of channels, and its power of 2."""
    weights = graph.tensor(op.weights)
    comment = f"{list(weights.shape)} of {weights.bits} bits, joined; {scales_text(weights)}"
    values = Array(
        "weights", "int8_t", nibble_words(signed_weights(weights, weight_rows(graph, op))), comment, words=True
    )
    filled = np.pad(table.values, ((0, -len(table.values) % _AT_ONCE["nibbles"]), (0, 0)))
    arrays = (values, Array(table.role, table.c_type, filled, table.comment))
    paired = conv_code(graph, op, function, arrays, "sb_paired_conv_layer", (("raised", "int8_t", raised),))
    assert paired.parameters is not None
    doubled = int(weights.grid is Grid.MID_RISE)
    members = (("conv", "", paired.parameters), ("doubled", "int8_t", doubled))
    return LayerCode(paired.calls, arrays, Struct("sb_nibble_conv_layer", members))


def _conv_code(graph: Graph, op: Conv2D) -> LayerCode:
    channels = paired_channel_table(bias_of(graph, op), conv_requantisation(graph, op))
    table = Array("channels", "sb_paired_channel", channels, "doubled multiplier, bias and shift")
    return _conv(graph, op, "sb_conv2d_1x1_nibbles_s8_dsp", table, 0)


def _conv_relu_code(graph: Graph, op: Conv2D) -> LayerCode:
    lines = _lines(graph, op)
    assert lines is not None  # else it is refused
    values, raised = lines
    return _conv(
        graph, op, "sb_conv2d_1x1_nibbles_relu_s8_dsp", Array("lines", "sb_line", values, "slope, start"), raised
    )


KERNELS = (
    Kernel(
        "sb_conv2d_1x1_nibbles_relu_s8_dsp",
        Conv2D,
        "twice",
        refuses=_refuses_conv_relu,
        code=_conv_relu_code,
        scratch_bytes=patches_bytes,
        overwrites=pointwise_overwrites,
        helpers=("sb_widen_runs_s8_dsp.c", "sb_clamp_s8.c"),
        few_bits=True,
    ),
    Kernel(
        "sb_conv2d_1x1_nibbles_s8_dsp",
        Conv2D,
        "twice",
        refuses=_refuses_conv_any,
        code=_conv_code,
        scratch_bytes=patches_bytes,
        overwrites=pointwise_overwrites,
        helpers=("sb_widen_runs_s8_dsp.c", "sb_clamp_s8.c"),
        few_bits=True,
    ),
    Kernel(
        "sb_fully_connected_joined_s8_dsp",
        FullyConnected,
        "twice",
        refuses=_refuses_joined,
        code=_code("sb_fully_connected_joined_s8_dsp"),
        helpers=("sb_clamp_s8.c",),
        few_bits=True,
    ),
    Kernel(
        "sb_fully_connected_nibbles_s8_dsp",
        FullyConnected,
        "twice",
        refuses=_refuses_nibbles,
        code=_code("sb_fully_connected_nibbles_s8_dsp"),
        helpers=("sb_clamp_s8.c",),
        few_bits=True,
    ),
    Kernel(
        "sb_fully_connected_fives_s8_dsp",
        FullyConnected,
        "twice",
        refuses=_refuses_fives,
        code=_code("sb_fully_connected_fives_s8_dsp"),
        helpers=("sb_clamp_s8.c",),
        few_bits=True,
    ),
)
