# SPDX-License-Identifier: Apache-2.0
"""The kernels that take element after element, or row after row: Add, Requantise, Softmax; and what computes nothing.

Reshape never moves a byte of the arena. TakeRows and JoinRows are copies; where the planner put both ends on the same
bytes, generate.py leaves the copy out.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from toolchain.core import Core
from toolchain.export.c.code import Activation, Call, LayerCode, Place, Struct
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.linear import LinearSum, fit_sum
from toolchain.export.c.rows.convolutions import takes_any
from toolchain.export.c.rows.images import factor_struct
from toolchain.graph.fixedpoint import multiply_rounding_twice
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Add, JoinRows, Requantise, Reshape, Softmax, TakeRows
from toolchain.graph.requantisation import Factor, add_factors, requantise_factor, softmax_factor


def any_input(graph: Graph, op: Add | Requantise | Softmax) -> tuple[str, ...]:
    """Each input: the proof stands in the kernel's file."""
    return op.reads


def _add_code(graph: Graph, op: Add) -> LayerCode:
    factors = add_factors(graph, op)
    members = (
        ("input", "", factor_struct(factors.input)),
        ("other", "", factor_struct(factors.other)),
        ("output", "", factor_struct(factors.output)),
        ("size", "int32_t", graph.tensor(op.output).n_elements),
        ("input_zero_point", "int8_t", graph.tensor(op.input).quantisation.zero_point),
        ("other_zero_point", "int8_t", graph.tensor(op.other).quantisation.zero_point),
        ("output_zero_point", "int8_t", graph.tensor(op.output).quantisation.zero_point),
        ("low", "int8_t", op.activation.low),
        ("high", "int8_t", op.activation.high),
    )
    arguments = (Place.PARAMETERS, Activation(op.input), Activation(op.other), Activation(op.output))
    return LayerCode((Call("sb_add_s8", arguments),), parameters=Struct("sb_add_layer", members))


def _linear_sum(graph: Graph, op: Add) -> LinearSum | None:
    """Add as a linear function, over all pairs of inputs; the arithmetic is that of graph/reference/add.py."""
    factors, activation = add_factors(graph, op), op.activation
    input_, other, output = (graph.tensor(name).quantisation for name in (op.input, op.other, op.output))

    def scaled(zero_point: int, factor: Factor) -> NDArray[np.int64]:
        centred = np.arange(-128, 128) - zero_point
        return multiply_rounding_twice(centred << factors.left_shift, factor.multiplier, factor.shift)

    total = scaled(input_.zero_point, factors.input)[:, None] + scaled(other.zero_point, factors.other)[None, :]
    outputs = multiply_rounding_twice(total, factors.output.multiplier, factors.output.shift) + output.zero_point
    slopes = (input_.scale / output.scale, other.scale / output.scale)
    return fit_sum(np.clip(outputs, activation.low, activation.high), activation.low, activation.high, slopes)


def refuses_add_linear(graph: Graph, op: Add, core: Core) -> str | None:
    """The output is a linear function of the inputs for all 65,536 pairs (toolchain/export/c/linear.py), as it is for
    any but extreme scales; any core."""
    return None if _linear_sum(graph, op) else "the output is no linear function of the inputs"


def add_linear_code(function: str) -> Callable[[Graph, Add], LayerCode]:
    """One call of `function`."""

    def code(graph: Graph, op: Add) -> LayerCode:
        linear = _linear_sum(graph, op)
        assert linear is not None  # else it is refused
        members = (
            ("slope", "int32_t", linear.slope),
            ("other_slope", "int32_t", linear.other_slope),
            ("start", "int32_t", linear.start),
            ("shift", "int32_t", linear.shift),
            ("size", "int32_t", graph.tensor(op.output).n_elements),
            ("low", "int8_t", op.activation.low),
            ("high", "int8_t", op.activation.high),
        )
        arguments = (Place.PARAMETERS, Activation(op.input), Activation(op.other), Activation(op.output))
        return LayerCode((Call(function, arguments),), parameters=Struct("sb_add_linear_layer", members))

    return code


def requantise_code(function: str) -> Callable[[Graph, Requantise], LayerCode]:
    """One call of `function`."""

    def code(graph: Graph, op: Requantise) -> LayerCode:
        members = (
            ("factor", "", factor_struct(requantise_factor(graph, op))),
            ("size", "int32_t", graph.tensor(op.output).n_elements),
            ("input_zero_point", "int8_t", graph.tensor(op.input).quantisation.zero_point),
            ("output_zero_point", "int8_t", graph.tensor(op.output).quantisation.zero_point),
            ("low", "int8_t", op.activation.low),
            ("high", "int8_t", op.activation.high),
        )
        call = Call(function, (Place.PARAMETERS, Activation(op.input), Activation(op.output)))
        return LayerCode((call,), parameters=Struct("sb_requantise_layer", members))

    return code


def _softmax_code(graph: Graph, op: Softmax) -> LayerCode:
    softmax = softmax_factor(graph, op)
    shape = graph.tensor(op.input).shape
    members = (
        ("factor", "", factor_struct(softmax.factor)),
        ("difference", "int32_t", softmax.diff_min),
        ("rows", "int32_t", graph.tensor(op.input).n_elements // shape[-1]),
        ("size", "int32_t", shape[-1]),
    )
    call = Call("sb_softmax_s8", (Place.PARAMETERS, Activation(op.input), Activation(op.output)))
    return LayerCode((call,), parameters=Struct("sb_softmax_layer", members))


def _refuses_view(graph: Graph, op: Reshape, core: Core) -> str | None:
    """The input is no constant: then input and output are the same bytes."""
    return "its input lies in flash" if graph.tensor(op.input).is_constant else None


def _refuses_copy(graph: Graph, op: Reshape, core: Core) -> str | None:
    """The input is a constant: its bytes are copied from flash."""
    return None if graph.tensor(op.input).is_constant else "input and output are the same bytes"


def _view_code(graph: Graph, op: Reshape) -> LayerCode:
    return LayerCode(())


def _copy_code(graph: Graph, op: Reshape) -> LayerCode:
    size = graph.tensor(op.output).n_elements
    return LayerCode((Call("memcpy", (Activation(op.output), Activation(op.input), size)),))


def _take_rows_code(graph: Graph, op: TakeRows) -> LayerCode:
    output = graph.tensor(op.output)
    offset = op.first * (output.n_elements // output.shape[1])
    return LayerCode((Call("memcpy", (Activation(op.output), Activation(op.input, offset), output.n_elements)),))


def _join_rows_code(graph: Graph, op: JoinRows) -> LayerCode:
    calls, offset = [], 0
    for name in op.inputs:
        size = graph.tensor(name).n_elements
        calls.append(Call("memcpy", (Activation(op.output, offset), Activation(name), size)))
        offset += size
    return LayerCode(tuple(calls))


KERNELS = (
    Kernel(
        "sb_add_linear_s8",
        Add,
        "twice",
        refuses=refuses_add_linear,
        code=add_linear_code("sb_add_linear_s8"),
        overwrites=any_input,
        helpers=("sb_clamp_s8.c",),
    ),
    Kernel("sb_add_s8", Add, "twice", refuses=takes_any, code=_add_code, overwrites=any_input),
    Kernel(
        "sb_requantise_s8",
        Requantise,
        "twice",
        refuses=takes_any,
        code=requantise_code("sb_requantise_s8"),
        overwrites=any_input,
    ),
    Kernel("sb_softmax_s8", Softmax, "twice", refuses=takes_any, code=_softmax_code, overwrites=any_input),
    Kernel("", Reshape, "never", refuses=_refuses_view, code=_view_code),
    Kernel("memcpy", Reshape, "never", refuses=_refuses_copy, code=_copy_code),
    Kernel("memcpy", TakeRows, "never", refuses=takes_any, code=_take_rows_code),
    Kernel("memcpy", JoinRows, "never", refuses=takes_any, code=_join_rows_code),
)
