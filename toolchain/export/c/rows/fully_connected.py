# SPDX-License-Identifier: Apache-2.0
"""The kernels of FullyConnected."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from toolchain.core import Core
from toolchain.export.c.code import Activation, Array, ArrayRef, Call, LayerCode, Place, Struct
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.layout import Rows, interleaved_fours, paired_channel_table, paired_rows
from toolchain.export.c.rows.convolutions import (
    bias_of,
    refuses_dsp,
    refuses_plain,
    scales_text,
    tables,
    weight_rows,
)
from toolchain.export.c.rows.paired import refuses_paired
from toolchain.graph.graph import Graph
from toolchain.graph.ops import FullyConnected
from toolchain.graph.requantisation import fully_connected_requantisation


def _refuses_dsp(graph: Graph, op: FullyConnected, core: Core) -> str | None:
    """DSP instructions; every channel's factor below 1/2 and its sums below 2^30."""
    return refuses_dsp(graph, op, core, fully_connected_requantisation(graph, op))


def fully_connected_code(
    function: str, order: Callable[[Rows], NDArray[np.int8]], layout: str, *, words: bool = False
) -> Callable[[Graph, FullyConnected], LayerCode]:
    """One call of `function`, the weights in that order, loaded by `words` or bytes; `layout` is for a comment."""

    def code(graph: Graph, op: FullyConnected) -> LayerCode:
        weights, output = graph.tensor(op.weights), graph.tensor(op.output)
        rows, output_size = output.shape
        comment = f"{list(weights.shape)} as {layout}; {scales_text(weights)}"
        values = Array("weights", "int8_t", order(weight_rows(graph, op)), comment, words=words)
        members = (
            ("weights", "", ArrayRef("weights")),
            ("channels", "", ArrayRef("channels")),
            ("shifts", "", ArrayRef("shifts")),
            ("rows", "int32_t", rows),
            ("input_size", "int32_t", weights.shape[1]),
            ("output_size", "int32_t", output_size),
            ("output_zero_point", "int8_t", output.quantisation.zero_point),
            ("low", "int8_t", op.activation.low),
            ("high", "int8_t", op.activation.high),
        )
        return LayerCode(
            calls=(Call(function, (Place.PARAMETERS, Activation(op.input), Activation(op.output))),),
            arrays=(values, *tables(graph, op, fully_connected_requantisation(graph, op))),
            parameters=Struct("sb_fully_connected_layer", members),
        )

    return code


def _refuses_paired(graph: Graph, op: FullyConnected, core: Core) -> str | None:
    """At least four inputs; DSP instructions; every channel's factor below 1/2 and its sums below 2^23; no weight of
    -128 beside one < 0."""
    if graph.tensor(op.weights).shape[1] < 4:
        return "fewer than four inputs"
    return refuses_paired(graph, op, core, fully_connected_requantisation(graph, op))


def _paired_code(graph: Graph, op: FullyConnected) -> LayerCode:
    weights, output = graph.tensor(op.weights), graph.tensor(op.output)
    rows = weight_rows(graph, op)
    comment = f"{list(weights.shape)} as pairs of outputs in int16; {scales_text(weights)}"
    table = paired_channel_table(bias_of(graph, op), fully_connected_requantisation(graph, op))
    arrays = (
        Array("weights", "int8_t", paired_rows(rows, rows.shape[1]), comment, words=True),
        Array("channels", "sb_paired_channel", table, "doubled multiplier, bias and shift"),
    )
    members: tuple[tuple[str, str, int | ArrayRef | Struct], ...] = (
        *((array.role, "", ArrayRef(array.role)) for array in arrays),
        ("rows", "int32_t", output.shape[0]),
        ("input_size", "int32_t", weights.shape[1]),
        ("output_size", "int32_t", output.shape[1]),
        ("output_zero_point", "int8_t", output.quantisation.zero_point),
        ("low", "int8_t", op.activation.low),
        ("high", "int8_t", op.activation.high),
    )
    call = Call("sb_fully_connected_paired_s8_dsp", (Place.PARAMETERS, Activation(op.input), Activation(op.output)))
    return LayerCode((call,), arrays, Struct("sb_paired_fully_connected_layer", members))


KERNELS = (
    Kernel(
        "sb_fully_connected_paired_s8_dsp",
        FullyConnected,
        "twice",
        refuses=_refuses_paired,
        code=_paired_code,
        helpers=("sb_clamp_s8.c",),
    ),
    Kernel(
        "sb_fully_connected_s8_dsp",
        FullyConnected,
        "twice",
        refuses=_refuses_dsp,
        code=fully_connected_code(
            "sb_fully_connected_s8_dsp", interleaved_fours, "four output channels, interleaved by fours", words=True
        ),
        helpers=("sb_clamp_s8.c",),
    ),
    Kernel(
        "sb_fully_connected_s8",
        FullyConnected,
        "twice",
        refuses=refuses_plain,
        code=fully_connected_code("sb_fully_connected_s8", np.ravel, "they are"),
    ),
)
