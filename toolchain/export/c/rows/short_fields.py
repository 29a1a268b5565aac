# SPDX-License-Identifier: Apache-2.0
"""Conv2D with weights of 1 to 4 bits for cores with Helium, read as they are stored and made bytes in registers. The
idea stands in firmware_templates/kernels/sb_short_rows_fields_s8_mve.c."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from toolchain.core import Core
from toolchain.export.c.code import Array, LayerCode, Struct
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.layout import Rows, shift_table
from toolchain.export.c.rows.convolutions import (
    conv_code,
    is_pointwise,
    pointwise_overwrites,
    scales_text,
    tables,
    weight_rows,
)
from toolchain.export.c.rows.helium import LARGEST_SHIFT, pointwise_short_scratch, refuses_long, short_scratch
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D
from toolchain.graph.requantisation import conv_requantisation
from toolchain.graph.tensor import Grid

_VECTOR = 16
_MOST_BITS = 4


def row_fields(rows: Rows, bits: int, rise: int) -> NDArray[np.int8]:
    """Rows of weights [C, K] for sb_short_rows_fields_s8_mve, which has the drawing. bits: of a field.

    >>> row_fields(np.array([[1], [-1], [0], [-2], [1]], np.int8), 2, 0)[[0, 16]].tolist()
    [-115, 1]
    """
    together = 8 // bits
    fields = (rows.astype(np.int64) - rise >> rise) & (1 << bits) - 1
    padded = np.pad(fields, ((0, -len(rows) % together), (0, -rows.shape[1] % _VECTOR)))
    groups = padded.reshape(-1, together, padded.shape[1]) << bits * np.arange(together)[:, None]
    return np.asarray(groups.sum(axis=1), np.uint8).view(np.int8).ravel()


def _refuses(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """Helium; weights of 1 .. 4 bits; outputs held at the zero point or above; at most 64 products an output, at least
    four output pixels; each channel's factor at least 2^-23."""
    if not core.mve:
        return f"{core.name} has no Helium"
    bits = graph.tensor(op.weights).bits
    if bits > _MOST_BITS:
        return f"its weights have {bits} bits, more than {_MOST_BITS}"
    if op.activation.low < graph.tensor(op.output).quantisation.zero_point:
        return "outputs below the zero point are not held at it"
    if int(shift_table(conv_requantisation(graph, op)).min()) < -LARGEST_SHIFT:
        return f"a channel's scale is below 2^-{LARGEST_SHIFT} of the output's"
    return refuses_long(graph, op)


def _refuses_pointwise(graph: Graph, op: Conv2D, core: Core) -> str | None:
    """1x1, stride 1, no padding; as sb_conv2d_fields_s8_mve."""
    if not is_pointwise(op, graph.tensor(op.weights)):
        return "not 1x1 with stride 1 and no padding"
    return _refuses(graph, op, core)


def _code(function: str) -> Callable[[Graph, Conv2D], LayerCode]:
    def code(graph: Graph, op: Conv2D) -> LayerCode:
        weights = graph.tensor(op.weights)
        bits, rise = 4 if weights.bits == 3 else weights.bits, int(weights.grid is Grid.MID_RISE)
        fields = row_fields(weight_rows(graph, op), bits, rise)
        comment = f"{list(weights.shape)} as fields of {bits} bits; {scales_text(weights)}"
        arrays = (Array("weights", "int8_t", fields, comment), *tables(graph, op, conv_requantisation(graph, op)))
        plain = conv_code(graph, op, function, arrays)
        assert plain.parameters is not None
        more = (("bits", "int8_t", bits), ("rise", "int8_t", rise))
        return LayerCode(plain.calls, arrays, Struct("sb_fields_conv_layer", (("conv", "", plain.parameters), *more)))

    return code


def _pointwise_scratch(graph: Graph, op: Conv2D) -> int:
    """A tile of 64 pixels of whole vectors."""
    return 2 * pointwise_short_scratch(graph, op)


def _scratch(graph: Graph, op: Conv2D) -> int:
    """A tile of 64 patches of whole vectors."""
    return _pointwise_scratch(graph, op) + short_scratch(graph, op) - pointwise_short_scratch(graph, op)


_ROWS = "sb_short_rows_fields_s8_mve.c"
_CLAMP = "sb_clamp_s8.c"

KERNELS = (
    Kernel(
        "sb_conv2d_1x1_fields_s8_mve",
        Conv2D,
        "twice",
        refuses=_refuses_pointwise,
        code=_code("sb_conv2d_1x1_fields_s8_mve"),
        scratch_bytes=_pointwise_scratch,
        overwrites=pointwise_overwrites,
        helpers=(_ROWS, _CLAMP),
        few_bits=True,
    ),
    Kernel(
        "sb_conv2d_fields_s8_mve",
        Conv2D,
        "twice",
        refuses=_refuses,
        code=_code("sb_conv2d_fields_s8_mve"),
        scratch_bytes=_scratch,
        helpers=(_ROWS, "sb_copy_patches_s8_mve.c", _CLAMP),
        few_bits=True,
    ),
)
