# SPDX-License-Identifier: Apache-2.0
"""tflm_sources: a network for users of TensorFlow Lite for Microcontrollers, as C++ sources.

    model/model.h                  the same functions as plain C offers, and <name>_init()
    model/model.cc                 interpreter and arena
    model/<name>_op_resolver.h     MicroMutableOpResolver with just the operators that the file uses
    model/<name>_model_data.h/.cc  g_<name>_model_data: the .tflite file

A project of TFLite Micro's own can take the last three alone. C++17, no exceptions, no RTTI, no heap.
"""

import hashlib
import textwrap
from dataclasses import dataclass

from toolchain.core import Core
from toolchain.export.c.names import names_of
from toolchain.export.c.ports import PortView, ports_of, predict_parameters
from toolchain.export.templates import VALUES_A_LINE, render
from toolchain.export.tflite import Form, Forms, no_tables, tflite_bytes, weight_forms
from toolchain.export.tflite.forms import WEIGHTED
from toolchain.export.tflm.arena import ArenaSize, arena_size
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D, FullyConnected
from toolchain.graph.tflite_in.container import RawModel, unpack
from toolchain.graph.tflite_in.schema import Builtin

REMAKE = "subbyte pack MODEL --board BOARD --runtime tflm -o DIR"

# Methods of MicroMutableOpResolver. Source: tflite-micro, tensorflow/lite/micro/micro_mutable_op_resolver.h.
_METHODS = {
    Builtin.ADD: "AddAdd",
    Builtin.AVERAGE_POOL_2D: "AddAveragePool2D",
    Builtin.CONCATENATION: "AddConcatenation",
    Builtin.CONV_2D: "AddConv2D",
    Builtin.CUSTOM: "AddDecode",  # the one custom operator that our files have, TFLM_DECODE
    Builtin.DEPTHWISE_CONV_2D: "AddDepthwiseConv2D",
    Builtin.FULLY_CONNECTED: "AddFullyConnected",
    Builtin.MAXIMUM: "AddMaximum",
    Builtin.MAX_POOL_2D: "AddMaxPool2D",
    Builtin.MEAN: "AddMean",
    Builtin.MINIMUM: "AddMinimum",
    Builtin.PAD: "AddPad",
    Builtin.PADV2: "AddPadV2",
    Builtin.QUANTIZE: "AddQuantize",
    Builtin.RELU: "AddRelu",
    Builtin.RELU6: "AddRelu6",
    Builtin.RESHAPE: "AddReshape",
    Builtin.SLICE: "AddSlice",
    Builtin.SOFTMAX: "AddSoftmax",
}


# CMSIS-NN's int4 depthwise convolution gives wrong results on Helium. Source: the project's study of kernels,
# research/kernels.md, layers on the M55.
_INT4_ON_HELIUM = (Conv2D, FullyConnected)


@dataclass(frozen=True)
class TflmView:
    """What the templates get."""

    prefix: str
    macro: str
    name: str
    sha256: str
    core: str
    remake: str
    inputs: tuple[PortView, ...]
    outputs: tuple[PortView, ...]
    predict_parameters: str
    operators: tuple[str, ...]
    arena_bytes: int
    arena_how: tuple[str, ...]
    model_bytes: int
    model_sha256: str
    model_text: str

    @property
    def ports(self) -> tuple[PortView, ...]:
        """Inputs, then outputs."""
        return (*self.inputs, *self.outputs)


@dataclass(frozen=True, eq=False)
class TflmModel:
    """sources: path in the project -> text. tflite: the file inside. operators: methods of the resolver."""

    sources: dict[str, str]
    tflite: bytes
    arena: ArenaSize
    operators: tuple[str, ...]


def tflm_file(graph: Graph, core: Core, *, compress: bool = False) -> bytes:
    """The .tflite file for TFLite Micro on `core`. Raises ModelError where TFLite cannot say the graph.

    compress: weights as look-up tables where that makes the file smaller, for RAM and time; ModelError where it
    never does.
    """
    forms = Forms(_INT4_ON_HELIUM if core.mve else WEIGHTED, compress)
    if compress and Form.TABLE not in weight_forms(graph, forms).values():
        raise no_tables(graph)
    return tflite_bytes(graph, forms=forms)


def tflm_sources(graph: Graph, core: Core, *, compress: bool = False, remake: str = REMAKE) -> TflmModel:
    """The C++ of `graph` for `core` around tflm_file; same graph and core, same bytes. Raises what tflm_file does."""
    content = tflm_file(graph, core, compress=compress)
    model = unpack(content)
    arena = arena_size(model, core)
    prefix = names_of(graph).prefix
    inputs, outputs = ports_of(graph, graph.inputs, "input"), ports_of(graph, graph.outputs, "output")
    view = TflmView(
        prefix=prefix,
        macro=prefix.upper(),
        name=graph.name,
        sha256=graph.sha256,
        core=core.name,
        remake=remake,
        inputs=inputs,
        outputs=outputs,
        predict_parameters=predict_parameters(inputs, outputs),
        operators=_operators(model),
        arena_bytes=arena.total_bytes,
        arena_how=tuple(textwrap.wrap(arena.how + ".", 112)),
        model_bytes=len(content),
        model_sha256=hashlib.sha256(content).hexdigest(),
        model_text=_hexadecimal(content),
    )
    files = {
        "model/model.h": "model.h.j2",
        "model/model.cc": "model.cc.j2",
        f"model/{prefix}_op_resolver.h": "op_resolver.h.j2",
        f"model/{prefix}_model_data.h": "model_data.h.j2",
        f"model/{prefix}_model_data.cc": "model_data.cc.j2",
    }
    sources = {path: render(f"tflm/{template}", view) for path, template in files.items()}
    return TflmModel(sources, content, arena, view.operators)


def _operators(model: RawModel) -> tuple[str, ...]:
    return tuple(sorted({_METHODS[Builtin(op.code)] for op in model.operators}))


def _hexadecimal(content: bytes) -> str:
    lines = [content[start : start + VALUES_A_LINE] for start in range(0, len(content), VALUES_A_LINE)]
    return "\n".join("  " + " ".join(f"0x{byte:02x}," for byte in line) for line in lines)
