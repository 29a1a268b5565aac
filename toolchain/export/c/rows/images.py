# SPDX-License-Identifier: Apache-2.0
"""The kernels without weights that know rows and columns: pooling, Mean, Pad, Concatenation."""

from collections.abc import Callable

from toolchain.core import Core
from toolchain.export.c.code import Activation, Call, LayerCode, Place, Struct
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.rows.convolutions import takes_any, window_struct
from toolchain.graph.graph import Graph
from toolchain.graph.ops import AveragePool2D, Concatenation, MaxPool2D, Mean, Pad, Padding
from toolchain.graph.requantisation import Factor, mean_factor

Pool = AveragePool2D | MaxPool2D

# A sum of so many differences of two int8 stays within an int32.
_LARGEST_MEAN = 1 << 22


def factor_struct(factor: Factor) -> Struct:
    """sb_factor."""
    return Struct("sb_factor", (("multiplier", "int32_t", factor.multiplier), ("shift", "int32_t", factor.shift)))


def pool_overwrites(graph: Graph, op: Pool) -> tuple[str, ...]:
    """Its input, if nothing is padded: the proof stands in the kernels' files."""
    return (op.input,) if op.padding == Padding() else ()


def pool_code(function: str) -> Callable[[Graph, Pool], LayerCode]:
    """One call of `function`."""

    def code(graph: Graph, op: Pool) -> LayerCode:
        members = (
            ("window", "", window_struct(graph, op)),
            ("channels", "uint16_t", graph.tensor(op.input).shape[3]),
            ("low", "int8_t", op.activation.low),
            ("high", "int8_t", op.activation.high),
        )
        call = Call(function, (Place.PARAMETERS, Activation(op.input), Activation(op.output)))
        return LayerCode((call,), parameters=Struct("sb_pool_layer", members))

    return code


def _refuses_pool_dsp(graph: Graph, op: Pool, core: Core) -> str | None:
    """At least four channels; DSP instructions."""
    return _refuses_words(graph, op, core)


def _refuses_words(graph: Graph, op: Pool | Mean, core: Core) -> str | None:
    if not core.dsp:
        return f"{core.name} has no DSP instructions"
    channels = graph.tensor(op.input).shape[3]
    return None if channels >= 4 else f"{channels} channels do not fill a word"


def refuses_mean(graph: Graph, op: Mean, core: Core) -> str | None:
    """At most 2^22 pixels; any core."""
    _, height, width, _ = graph.tensor(op.input).shape
    return None if height * width <= _LARGEST_MEAN else f"{height} x {width} pixels overflow its sum"


def _refuses_mean_dsp(graph: Graph, op: Mean, core: Core) -> str | None:
    """At least four channels, at most 2^22 pixels; DSP instructions."""
    return _refuses_words(graph, op, core) or refuses_mean(graph, op, core)


def mean_overwrites(graph: Graph, op: Mean) -> tuple[str, ...]:
    """Its input: the proof stands in the kernel's file."""
    return (op.input,)


def mean_code(function: str) -> Callable[[Graph, Mean], LayerCode]:
    def code(graph: Graph, op: Mean) -> LayerCode:
        _, height, width, channels = graph.tensor(op.input).shape
        members = (
            ("factor", "", factor_struct(mean_factor(graph, op))),
            ("pixels", "int32_t", height * width),
            ("channels", "uint16_t", channels),
            ("input_zero_point", "int8_t", graph.tensor(op.input).quantisation.zero_point),
            ("output_zero_point", "int8_t", graph.tensor(op.output).quantisation.zero_point),
        )
        call = Call(function, (Place.PARAMETERS, Activation(op.input), Activation(op.output)))
        return LayerCode((call,), parameters=Struct("sb_mean_layer", members))

    return code


def _pad_code(graph: Graph, op: Pad) -> LayerCode:
    _, height, width, channels = graph.tensor(op.input).shape
    members = (
        ("input_h", "uint16_t", height),
        ("input_w", "uint16_t", width),
        ("channels", "uint16_t", channels),
        ("top", "uint16_t", op.padding.top),
        ("bottom", "uint16_t", op.padding.bottom),
        ("left", "uint16_t", op.padding.left),
        ("right", "uint16_t", op.padding.right),
        ("value", "int8_t", graph.tensor(op.input).quantisation.zero_point),
    )
    call = Call("sb_pad_s8", (Place.PARAMETERS, Activation(op.input), Activation(op.output)))
    return LayerCode((call,), parameters=Struct("sb_pad_layer", members))


def _concatenation_code(graph: Graph, op: Concatenation) -> LayerCode:
    output = graph.tensor(op.output)
    pitch = output.shape[-1]
    calls = []
    offset = 0
    for name in op.inputs:
        width = graph.tensor(name).shape[-1]
        arguments = (output.n_elements // pitch, width, pitch, Activation(name), Activation(op.output, offset))
        calls.append(Call("sb_concatenation_s8", arguments))
        offset += width
    return LayerCode(tuple(calls))


KERNELS = (
    Kernel(
        "sb_average_pool2d_s8_dsp",
        AveragePool2D,
        "once, in the division",
        refuses=_refuses_pool_dsp,
        code=pool_code("sb_average_pool2d_s8_dsp"),
        overwrites=pool_overwrites,
        helpers=("sb_sum_four_s8_dsp.c",),
    ),
    Kernel(
        "sb_max_pool2d_s8_dsp",
        MaxPool2D,
        "never",
        refuses=_refuses_pool_dsp,
        code=pool_code("sb_max_pool2d_s8_dsp"),
        overwrites=pool_overwrites,
    ),
    Kernel(
        "sb_mean_s8_dsp",
        Mean,
        "twice",
        refuses=_refuses_mean_dsp,
        code=mean_code("sb_mean_s8_dsp"),
        overwrites=mean_overwrites,
        helpers=("sb_sum_four_s8_dsp.c",),
    ),
    Kernel(
        "sb_average_pool2d_s8",
        AveragePool2D,
        "once, in the division",
        refuses=takes_any,
        code=pool_code("sb_average_pool2d_s8"),
        overwrites=pool_overwrites,
    ),
    Kernel(
        "sb_max_pool2d_s8",
        MaxPool2D,
        "never",
        refuses=takes_any,
        code=pool_code("sb_max_pool2d_s8"),
        overwrites=pool_overwrites,
    ),
    Kernel("sb_mean_s8", Mean, "twice", refuses=refuses_mean, code=mean_code("sb_mean_s8"), overwrites=mean_overwrites),
    Kernel("sb_pad_s8", Pad, "never", refuses=takes_any, code=_pad_code),
    Kernel("sb_concatenation_s8", Concatenation, "never", refuses=takes_any, code=_concatenation_code),
)
