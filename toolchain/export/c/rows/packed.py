# SPDX-License-Identifier: Apache-2.0
"""Kernels whose weights are stored at their width, 1 to 7 bits, and unpacked to RAM before they are read.

A convolution reads each weight once for every few pixels, so all of a layer's weights are unpacked first, for an
instruction or two each, and then any kernel for bytes runs from there:

    flash    planes of bits        sb_unpack_s8        scratch    weights as the kernel wants them | the kernel's own

A FullyConnected reads its weights once. They are unpacked for some outputs at a time, to a scratch that stays small
however large the layer is: sb_packed_rows.h.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from toolchain.core import Core
from toolchain.export.c.code import Activation, Array, ArrayRef, Call, LayerCode, Place, ScratchByte, Struct
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.layout import Rows, interleaved_fours, paired_rows
from toolchain.export.c.packing import BLOCK, Coding, Form, Packed, coding_of, field_pairs, joint_fields, packed
from toolchain.export.c.rows.convolutions import Weighted, Windowed, scales_text, tables, weight_rows
from toolchain.export.c.rows.scalar import unsigned_fours
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D, DepthwiseConv2D, FullyConnected
from toolchain.graph.requantisation import fully_connected_requantisation
from toolchain.graph.tensor import Tensor

# Bytes of unpacked weights of a FullyConnected, unless four outputs have more.
_ENOUGH = 1024
_FOUR = 4  # outputs: what kernels take at a time


def from_packed(kernels: Iterable[Kernel]) -> tuple[Kernel, ...]:
    """Those of `kernels` that have weights, with packed ones, in the same order."""
    return tuple(_rows(kernels))


def _rows(kernels: Iterable[Kernel]) -> Iterator[Kernel]:
    for kernel in kernels:
        if kernel.operator in (Conv2D, DepthwiseConv2D):
            yield _unpacked_before(kernel)
        elif kernel.operator is FullyConnected:
            yield _unpacked_by_rows(kernel)


def _packed_struct(stored: Packed) -> Struct:
    """sb_packed_weights."""
    coding = stored.coding
    members: tuple[tuple[str, str, int | ArrayRef | ScratchByte | Struct], ...] = (
        ("weights", "", ArrayRef("weights")),
        ("blocks", "uint16_t", stored.blocks),
        ("bits", "int8_t", coding.bits),
        ("step", "int8_t", coding.step),
        ("least", "int8_t", coding.least),
        ("paired", "int8_t", int(coding.paired)),
        ("corrected", "int8_t", int(stored.corrected)),
    )
    return Struct("sb_packed_weights", members)


def _stored(array: Array, parts: list[NDArray[np.int8]], weights: Tensor, form: Form) -> tuple[Array, Packed]:
    """The array of packed weights in place of `array`, whose values are `parts`."""
    stored = packed(parts, coding_of(weights, form))
    comment = array.comment.replace("; ", f", {weights.bits} bits each; ", 1)
    return replace(array, values=stored.values, comment=comment, words=True), stored


def _refuses_bytes(graph: Graph, op: Weighted) -> str | None:
    bits = graph.tensor(op.weights).bits
    return None if bits < 8 else f"its weights have {bits} bits, which packing makes no fewer"


def _weights_of(code: LayerCode) -> Array:
    return next(array for array in code.arrays if array.role == "weights")


def _unpacked_before(kernel: Kernel) -> Kernel:
    """`kernel` with all its weights unpacked to scratch before it runs."""
    sizes: WeakKeyDictionary[Tensor, int] = WeakKeyDictionary()  # of the weights as the kernel reads them

    def unpacked_bytes(graph: Graph, op: Windowed) -> int:
        weights = graph.tensor(op.weights)
        if weights not in sizes:
            sizes[weights] = _weights_of(kernel.code(graph, op)).n_bytes
        return -(-sizes[weights] // BLOCK) * BLOCK

    def refuses(graph: Graph, op: Windowed, core: Core) -> str | None:
        return _refuses_bytes(graph, op) or kernel.refuses(graph, op, core)

    def code(graph: Graph, op: Windowed) -> LayerCode:
        plain = kernel.code(graph, op)
        assert plain.parameters is not None
        form = Form.PAIRED if plain.parameters.c_type == "sb_paired_conv_layer" else Form.PLAIN
        array = _weights_of(plain)
        weights, stored = _stored(array, [array.values.astype(np.int8)], graph.tensor(op.weights), form)
        members = tuple(
            (name, c_type, ScratchByte(0) if value == ArrayRef("weights") else value)
            for name, c_type, value in plain.parameters.members
        )
        behind = ScratchByte(stored.unpacked_bytes)
        calls = [
            replace(call, arguments=tuple(behind if a is Place.SCRATCH else a for a in call.arguments))
            for call in plain.calls
        ]
        return LayerCode(
            calls=(Call("sb_unpack_s8", (Place.PACKED, ScratchByte(0))), *calls),
            arrays=tuple(weights if a is array else a for a in plain.arrays),
            parameters=replace(plain.parameters, members=members),
            packed=_packed_struct(stored),
        )

    def scratch_bytes(graph: Graph, op: Windowed) -> int:
        return unpacked_bytes(graph, op) + kernel.scratch_bytes(graph, op)

    refuses.__doc__ = f"Weights of less than 8 bits. {kernel.rule}"
    scratch_bytes.__doc__ = f"All weights; {kernel.scratch_bytes.__doc__}"
    return replace(
        kernel,
        refuses=refuses,
        code=code,
        scratch_bytes=scratch_bytes,
        helpers=(*kernel.helpers, "sb_unpack_s8.c"),
        few_bits=True,
        unpacks=kernel.function,
    )


# How the kernels of FullyConnected read the weights of some outputs.
_ORDERS: dict[str, tuple[Callable[[Rows], NDArray[np.int8]], Form]] = {
    "sb_fully_connected_paired_s8_dsp": (lambda rows: paired_rows(rows, rows.shape[1]), Form.PAIRED),
    "sb_fully_connected_s8_dsp": (interleaved_fours, Form.PLAIN),
    "sb_fully_connected_s8_scalar": (unsigned_fours, Form.UNSIGNED),
    "sb_fully_connected_s8_mve": (np.ravel, Form.PLAIN),
    "sb_fully_connected_s8": (np.ravel, Form.PLAIN),
}


def _block_size(outputs: int, row_bytes: int) -> int:
    """Outputs whose weights are unpacked at once: as many fours as fit into _ENOUGH, such that least is filled up."""
    most = max(min(_ENOUGH // (_FOUR * row_bytes), -(-outputs // _FOUR)), 1)

    def blocks(fours: int) -> int:
        return -(-outputs // (_FOUR * fours)) * -(-(_FOUR * fours * row_bytes) // BLOCK)

    return _FOUR * min(range(most, 0, -1), key=blocks)


def _unpacked_by_rows(kernel: Kernel) -> Kernel:
    """The kernel that unpacks some rows of weights at a time and calls `kernel` with them."""
    order, form = _ORDERS[kernel.function]
    function = kernel.function.replace("_connected_", "_connected_packed_")

    def size_of(graph: Graph, op: FullyConnected) -> int:
        outputs, inputs = graph.tensor(op.weights).shape
        return _block_size(outputs, -(-inputs // _FOUR) * _FOUR if form is Form.PAIRED else inputs)

    def refuses(graph: Graph, op: FullyConnected, core: Core) -> str | None:
        return _refuses_bytes(graph, op) or kernel.refuses(graph, op, core)

    def code(graph: Graph, op: FullyConnected) -> LayerCode:
        plain = kernel.code(graph, op)
        assert plain.parameters is not None
        array, rows, size = _weights_of(plain), weight_rows(graph, op), size_of(graph, op)
        parts = [order(rows[start : start + size]) for start in range(0, len(rows), size)]
        weights, stored = _stored(array, parts, graph.tensor(op.weights), form)
        members = tuple(
            ("packed", "", _packed_struct(stored)) if value == ArrayRef("weights") else (name, c_type, value)
            for name, c_type, value in plain.parameters.members
        )
        at = next(index for index, member in enumerate(members) if member[0] == "output_size") + 1
        members = (*members[:at], ("block_size", "int32_t", size), *members[at:])
        c_type = plain.parameters.c_type.replace("sb_", "sb_packed_", 1)
        arguments = (Place.PARAMETERS, Activation(op.input), Activation(op.output), Place.SCRATCH)
        return LayerCode(
            calls=(Call(function, arguments),),
            arrays=tuple(weights if a is array else a for a in plain.arrays),
            parameters=Struct(c_type, members),
        )

    def scratch_bytes(graph: Graph, op: FullyConnected) -> int:
        """The weights of some outputs."""
        size = size_of(graph, op)
        rows = weight_rows(graph, op)[:size]
        return -(-len(order(rows)) // BLOCK) * BLOCK

    refuses.__doc__ = f"Weights of less than 8 bits. {kernel.rule}"
    return replace(
        kernel,
        function=function,
        refuses=refuses,
        code=code,
        scratch_bytes=scratch_bytes,
        helpers=(f"{kernel.function}.c", *kernel.helpers, "sb_unpack_s8.c"),
        few_bits=True,
        unpacks=kernel.function,
    )


# A sum of so many products of an activation and a u of 7 bits, times 2, stays within an int32.
_MOST_INPUTS = 1 << 15


def _refuses_fields_dsp(graph: Graph, op: FullyConnected, core: Core) -> str | None:
    """Weights of less than 8 bits; DSP instructions; at most 32,768 inputs."""
    return _refuses_fields(graph, op) if core.dsp else f"{core.name} has no DSP instructions"


def refuses_fields_scalar(graph: Graph, op: FullyConnected, core: Core) -> str | None:
    """Weights of less than 8 bits; no DSP instructions; at most 32,768 inputs."""
    return f"{core.name} has DSP instructions" if core.dsp else _refuses_fields(graph, op)


def _refuses_fields(graph: Graph, op: FullyConnected) -> str | None:
    inputs = graph.tensor(op.weights).shape[1]
    return f"{inputs} inputs, more than {_MOST_INPUTS}" if inputs > _MOST_INPUTS else _refuses_bytes(graph, op)


def _fields_code(
    function: str, order: Callable[[Rows, Coding], NDArray[np.int8]]
) -> Callable[[Graph, FullyConnected], LayerCode]:
    """One call of `function`, the fields of the weights in that order."""

    def code(graph: Graph, op: FullyConnected) -> LayerCode:
        coding = coding_of(graph.tensor(op.weights), Form.PLAIN)
        layer_tables = tables(graph, op, fully_connected_requantisation(graph, op))
        return fields_layer(graph, op, function, order(weight_rows(graph, op), coding), coding, layer_tables)

    return code


def fields_layer(
    graph: Graph,
    op: FullyConnected,
    function: str,
    fields: NDArray[np.int8],
    coding: Coding,
    layer_tables: tuple[Array, Array],
) -> LayerCode:
    """One call of `function` with fields in its order."""
    weights, output = graph.tensor(op.weights), graph.tensor(op.output)
    comment = f"{list(weights.shape)} as fields of {coding.bits} bits each; {scales_text(weights)}"
    values = Array("weights", "int8_t", fields, comment, words=True)
    arrays = (values, *layer_tables)
    members: tuple[tuple[str, str, int | ArrayRef | ScratchByte | Struct], ...] = (
        *((array.role, "", ArrayRef(array.role)) for array in arrays),
        ("rows", "int32_t", output.shape[0]),
        ("input_size", "int32_t", weights.shape[1]),
        ("output_size", "int32_t", output.shape[1]),
        ("bits", "int8_t", coding.bits),
        ("step", "int8_t", coding.step),
        ("least", "int8_t", coding.least),
        ("output_zero_point", "int8_t", output.quantisation.zero_point),
        ("low", "int8_t", op.activation.low),
        ("high", "int8_t", op.activation.high),
    )
    call = Call(function, (Place.PARAMETERS, Activation(op.input), Activation(op.output)))
    return LayerCode((call,), arrays, Struct("sb_fields_fully_connected_layer", members))


KERNELS = (
    Kernel(
        "sb_fully_connected_fields_s8_dsp",
        FullyConnected,
        "twice",
        refuses=_refuses_fields_dsp,
        code=_fields_code("sb_fully_connected_fields_s8_dsp", field_pairs),
        few_bits=True,
    ),
    Kernel(
        "sb_fully_connected_fields_s8_scalar",
        FullyConnected,
        "twice",
        refuses=refuses_fields_scalar,
        code=_fields_code("sb_fully_connected_fields_s8_scalar", joint_fields),
        few_bits=True,
    ),
)
