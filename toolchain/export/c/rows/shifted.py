# SPDX-License-Identifier: Apache-2.0
"""FullyConnected with weights of 1 to 6 bits for cores with Helium, read as they are stored: a byte of several fields
is multiplied as a whole. The idea stands in firmware_templates/kernels/sb_fields_mve.h."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from toolchain.core import Core
from toolchain.export.c.code import LayerCode
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.packing import Coding, Form, coding_of
from toolchain.export.c.rows.convolutions import tables, weight_rows
from toolchain.export.c.rows.packed import fields_layer
from toolchain.graph.fixedpoint import wrap_int32
from toolchain.graph.graph import Graph
from toolchain.graph.ops import FullyConnected
from toolchain.graph.requantisation import fully_connected_requantisation
from toolchain.graph.tensor import Grid, Tensor

_FOUR = 4  # outputs
_VECTOR, _BLOCK = 16, 32  # inputs
# Bits of the field in which a weight is stored.
_FIELD_OF = {1: 1, 2: 2, 3: 4, 4: 4, 5: 6, 6: 6}
# What such fields hold, with signs; SB_SIXES_OFFSET.
_LEAST_SIX, _SIXES_OFFSET = -31, 10
# Sums of so many products of two unsigned bytes stay within an uint32.
_MOST_INPUTS = 1 << 16
_HALF = 128


def shifted_fields(u: NDArray[np.int64], field: int) -> NDArray[np.int8]:
    """Rows of u, int64 [C, K], for sb_fully_connected_fields_s8_mve; sb_fields_mve.h has the drawing.

    field: bits that each takes, 1, 2, 4 or 6.

    >>> shifted_fields(np.array([[1], [2], [3], [15]]), 4)[[0, 1, 16]].tolist()
    [18, 0, 63]
    >>> shifted_fields(np.array([[1], [-2], [3], [11]]), 6)[[0, 16, 32]].tolist()
    [4, -8, 13]
    """
    inputs = _BLOCK if field == 1 else _VECTOR
    padded = np.pad(u, ((0, -len(u) % _FOUR), (0, -u.shape[1] % inputs)))
    a, b, c, d = padded.reshape(-1, _FOUR, padded.shape[1] // inputs, inputs).transpose(
        1, 0, 2, 3
    )  # [groups, blocks, K]
    if field == 1:
        halves = a << 3 | b << 2 | c << 1 | d
        vectors = [halves[..., :_VECTOR] << 4 | halves[..., _VECTOR:]]
    elif field == 2:
        vectors = [a << 6 | b << 4 | c << 2 | d]
    elif field == 4:
        vectors = [a << 4 | b, c << 4 | d]
    else:
        digits = d - _SIXES_OFFSET + 42  # 42 is three digits 2: unsigned ones, 0 .. 3, are these without it
        vectors = [4 * a + (digits >> 4) - 2, 4 * b + (digits >> 2 & 3) - 2, 4 * c + (digits & 3) - 2]
    return np.stack(vectors, axis=2).astype(np.uint8).view(np.int8).ravel()


def _refuses(graph: Graph, op: FullyConnected, core: Core) -> str | None:
    """Weights of 1 .. 6 bits, of 6 on the mid-tread grid; Helium; at most 65,536 inputs."""
    if not core.mve:
        return f"{core.name} has no Helium"
    weights = graph.tensor(op.weights)
    if weights.bits not in _FIELD_OF:
        return f"its weights have {weights.bits} bits, more than 6"
    if weights.bits == 6 and (weights.grid is Grid.MID_RISE or int(weights.array.min()) < _LEAST_SIX):
        return "a weight of 6 bits whose field has no room for a digit below it"
    inputs = weights.shape[1]
    return f"{inputs} inputs, more than {_MOST_INPUTS}" if inputs > _MOST_INPUTS else None


def _coding(weights: Tensor) -> Coding:
    """With the bits of a field; u of 6 bits has a sign."""
    coding = coding_of(weights, Form.PLAIN)
    field = _FIELD_OF[coding.bits]
    if field < 6:
        return replace(coding, bits=field)
    return replace(coding, bits=field, least=coding.step - 1)


def _code(graph: Graph, op: FullyConnected) -> LayerCode:
    coding = _coding(graph.tensor(op.weights))
    u = (weight_rows(graph, op).astype(np.int64) - coding.least) // coding.step
    channels, shifts = tables(graph, op, fully_connected_requantisation(graph, op))
    table = channels.values.astype(np.int64)
    if coding.bits < 6:
        table[:, 0] -= _HALF * coding.step * u.sum(axis=1)  # inputs are 128 more than they are
    filled = ((0, -len(u) % _FOUR), (0, 0))
    padded = (
        replace(channels, values=np.pad(np.asarray(wrap_int32(table), np.int32), filled)),
        replace(shifts, values=np.pad(shifts.values, filled[:1])),
    )
    function = "sb_fully_connected_fields_s8_mve"
    return fields_layer(graph, op, function, shifted_fields(u, coding.bits), coding, padded)


KERNELS = (
    Kernel(
        "sb_fully_connected_fields_s8_mve",
        FullyConnected,
        "twice",
        refuses=_refuses,
        code=_code,
        few_bits=True,
    ),
)
