# SPDX-License-Identifier: Apache-2.0
"""c_sources: the plain C of a Graph. No interpreter, no heap, no parser on the device: one call a layer.

    model/model.h     what the firmware sees: sizes, scales, <name>_input(), <name>_run(), <name>_output()
    model/model.c     the arena, and the calls in order
    model/weights.c   constants, model/weights.h their declarations
    kernels/          the C files and headers that those calls need, as they stand in firmware_templates/kernels/

Input and output live in the arena: the caller writes to <name>_input(), runs, and reads <name>_output(). That costs
no RAM beyond the plan's, at the price that a run overwrites its input; <name>_predict copies in and out.
The same Graph and core give the same bytes: no date, path or host is in the text.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from toolchain.assets import asset_folder
from toolchain.core import Core
from toolchain.export.c.aims import Aims
from toolchain.export.c.arrange import Arrangement, arranged
from toolchain.export.c.choice import choose_kernels
from toolchain.export.c.cmodel import CLayer, CModel, Constant
from toolchain.export.c.code import Activation, Call, LayerCode, Place, ScratchByte
from toolchain.export.c.constants import ConstantPool, Definition
from toolchain.export.c.costs import Estimate, cost_table
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.kernel_table import Choice, first_kernels
from toolchain.export.c.names import names_of
from toolchain.export.c.ports import PortView, ports_of, predict_parameters, shape_text
from toolchain.export.templates import render
from toolchain.graph.bands import Banded
from toolchain.graph.cost import macs
from toolchain.graph.graph import Graph
from toolchain.graph.names import identifier, tidy_name
from toolchain.graph.ops import AveragePool2D, Conv2D, DepthwiseConv2D, MaxPool2D, Operator
from toolchain.graph.plan import Plan

REMAKE = "subbyte pack MODEL --board BOARD -o DIR"


@dataclass(frozen=True)
class LayerView:
    """One layer: its constants in weights.c, its calls in model.c."""

    index: int
    comment: str
    title: str
    definitions: tuple[Definition, ...]
    calls: tuple[str, ...]
    output: str
    n_bytes: int


@dataclass(frozen=True)
class ModelView:
    """What the templates get."""

    prefix: str
    macro: str
    name: str
    sha256: str
    core: str
    remake: str
    inputs: tuple[PortView, ...]
    outputs: tuple[PortView, ...]
    layers: tuple[LayerView, ...]
    arena_bytes: int
    arena_in_use: str  # how many of its bytes, in words
    arena_is_shared: bool  # whether constants point into it
    places: Mapping[str, str]  # argument of a port -> what to add to the arena: "" or " + 64"
    alignment: int
    constant_bytes: int
    predict_parameters: str

    @property
    def ports(self) -> tuple[PortView, ...]:
        """Inputs, then outputs."""
        return (*self.inputs, *self.outputs)

    @property
    def input_bytes(self) -> int:
        """Of all inputs together."""
        return sum(port.n_bytes for port in self.inputs)

    @property
    def output_bytes(self) -> int:
        """Of all outputs together."""
        return sum(port.n_bytes for port in self.outputs)

    @property
    def layers_with_constants(self) -> tuple[LayerView, ...]:
        """Layers that weights.c has anything to say about."""
        return tuple(layer for layer in self.layers if layer.definitions)

    @property
    def shared_constants(self) -> tuple[Definition, ...]:
        """What model.c refers to."""
        return tuple(d for layer in self.layers for d in layer.definitions if d.shared)


def c_sources(
    source: Graph,
    core: Core,
    *,
    aims: Aims = Aims(),
    reserved_ram_bytes: int = 0,
    remake: str = REMAKE,
    table: Sequence[Kernel] | None = None,
) -> CModel:
    """The C of the Graph `source` for `core`.

    aims: what the C is to be good at. reserved_ram_bytes: what of aims.max_ram_bytes is not for the arena. remake: the
    command that makes it again, for the heads of the files. table: kernels to choose from, the first that takes an
    operator gets it; without one all of them, by their measured costs.

    Raises ModelError where an operator is beyond what the C kernels take, naming it and the limit, and where
    activations and scratch cannot be made to fit.
    """
    arrangement = _arrangement(source, core, aims, reserved_ram_bytes, None if table is None else tuple(table))
    banded, choices, plan = arrangement.banded, arrangement.choices, arrangement.plan
    graph = banded.graph
    names = names_of(graph)
    costs = cost_table(core.name)
    pool = ConstantPool(graph.name, f"{names.prefix}_arena")
    layers, views = [], []
    literals: dict[str, str] = {}  # constant read as an activation -> its symbol
    for index, op in enumerate(graph.operators):
        kernel = choices[op.name].kernel
        code = kernel.code(graph, op)
        whole = f"{names.prefix}_{identifier(banded.origins[op.name])}"
        scratch = plan.scratch_of(op.name)
        offset = 0 if scratch is None else scratch.offset
        definitions, constants, structs = pool.layer(names.layers[op.name], code, whole, offset)
        for name in _literals(graph, code):
            if name not in literals:
                label = f"{names.layers[op.name]}_{len(literals)}"
                more, sizes, literals[name] = pool.activation(label, graph.tensor(name).array.astype(np.int8))
                definitions, constants = definitions + more, constants + sizes
        texts = (_call_text(call, op, plan, literals, structs) for call in code.calls)
        calls = tuple(text for text in texts if text is not None)
        function = kernel.function if calls else ""
        estimate = costs.estimate(graph, op, kernel, code) if costs else None
        layers.append(_layer(banded, op, choices[op.name], function, constants, plan, estimate))
        views.append(_layer_view(graph, op, index, layers[-1], plan, tuple(definitions), calls))
    kernels = tuple(sorted({file for layer in layers for file in layer.files}))
    inputs, outputs = ports_of(graph, graph.inputs, "input"), ports_of(graph, graph.outputs, "output")
    view = ModelView(
        prefix=names.prefix,
        macro=names.prefix.upper(),
        name=graph.name,
        sha256=source.sha256,
        core=_core_text(core),
        remake=remake,
        inputs=inputs,
        outputs=outputs,
        layers=tuple(views),
        arena_bytes=plan.arena_bytes,
        arena_in_use="All" if plan.peak_bytes == plan.arena_bytes else f"At most {plan.peak_bytes}",
        arena_is_shared=pool.arena_is_shared,
        places=_port_places(graph, inputs + outputs, plan),
        alignment=plan.alignment,
        constant_bytes=sum(layer.constant_bytes for layer in layers),
        predict_parameters=predict_parameters(inputs, outputs),
    )
    files = ("model.h", "model.c", "weights.h", "weights.c")
    sources = {f"model/{file}": render(f"model/{file}.j2", view) for file in files} | _kernel_sources(kernels)
    host = render("model/host.c.j2", view)
    return CModel(
        banded, arrangement.plain_arena_bytes, core, aims, names.prefix, sources, host, plan, tuple(layers), kernels
    )


# A firmware's sources and its report ask for the same one, and to fit a limit of RAM takes seconds.
@lru_cache(maxsize=4)
def _arrangement(
    source: Graph, core: Core, aims: Aims, reserved_ram_bytes: int, table: tuple[Kernel, ...] | None
) -> Arrangement:
    def choose(graph: Graph, most_scratch: int | None) -> Mapping[str, Choice]:
        if table is None:
            return choose_kernels(graph, core, aims, most_scratch)
        return first_kernels(graph, core, table, most_scratch)

    return arranged(source, core, choose, aims.max_ram_bytes, reserved_ram_bytes)


def _literals(graph: Graph, code: LayerCode) -> list[str]:
    pointers = [a.tensor for call in code.calls for a in call.arguments if isinstance(a, Activation)]
    return [name for name in dict.fromkeys(pointers) if graph.tensor(name).is_constant]


def _layer(
    banded: Banded,
    op: Operator,
    choice: Choice,
    function: str,
    constants: list[Constant],
    plan: Plan,
    estimate: Estimate | None,
) -> CLayer:
    scratch = plan.scratch_of(op.name)
    return CLayer(
        name=op.name,
        origin=banded.origins[op.name],
        kind=op.kind,
        kernel=function,
        files=choice.kernel.files,
        passed_over=choice.passed_over,
        rounding=choice.kernel.rounding,
        macs=macs(op, banded.graph.tensor),
        constants=tuple(constants),
        scratch_bytes=0 if scratch is None else scratch.n_bytes,
        in_place=plan.allocation(op.writes[0]).takes_over,
        estimate=estimate,
    )


def _call_text(
    call: Call, op: Operator, plan: Plan, literals: Mapping[str, str], structs: Mapping[Place, str]
) -> str | None:
    """The call as C; None for a copy of bytes to where they lie already, as the planner arranges it for rows."""

    def text(argument: Activation | Place | ScratchByte | int) -> str:
        if isinstance(argument, int):
            return str(argument)
        if isinstance(argument, Activation):
            if argument.tensor in literals:
                return f"{literals[argument.tensor]}{_plus(argument.offset)}"
            return f"arena{_plus(plan.allocation(argument.tensor).offset + argument.offset)}"
        if isinstance(argument, Place) and argument is not Place.SCRATCH:
            return f"&{structs[argument]}"
        scratch = plan.scratch_of(op.name)
        assert scratch is not None  # a kernel that asks for scratch has at least one byte of it
        within = argument.offset if isinstance(argument, ScratchByte) else 0
        return f"arena{_plus(scratch.offset + within)}"

    arguments = [text(argument) for argument in call.arguments]
    if call.function == "memcpy" and arguments[0] == arguments[1]:
        return None
    return f"{call.function}({', '.join(arguments)});"


def _plus(offset: int) -> str:
    """What stands behind the name of an array for its element `offset`."""
    return f" + {offset}" if offset else ""


def _layer_view(
    graph: Graph,
    op: Operator,
    index: int,
    layer: CLayer,
    plan: Plan,
    definitions: tuple[Definition, ...],
    calls: tuple[str, ...],
) -> LayerView:
    output = plan.allocation(op.writes[0])
    title = f"{index} {tidy_name(op.name)}: {layer.kernel.removeprefix('sb_') or 'the same bytes'}"
    activations = [name for name in op.reads if not graph.tensor(name).is_constant]
    shapes = ", ".join(shape_text(graph.tensor(name)) for name in activations)
    facts = [f"{shapes} -> {shape_text(graph.tensor(op.writes[0]))}", *_window_facts(graph, op)]
    if layer.macs:
        facts.append(f"{layer.macs} MAC")
    places = [f"{plan.allocation(name).offset}..{plan.allocation(name).end}" for name in dict.fromkeys(activations)]
    where = f"arena {' and '.join(places)} -> {output.offset}..{output.end}" if places else f"arena {output.offset}"
    scratch = plan.scratch_of(op.name)
    if scratch is not None:
        where += f", scratch {scratch.offset}..{scratch.end}"
    return LayerView(
        index=index,
        comment=f"{title}: {', '.join(facts)};\n     {where}",
        title=title,
        definitions=definitions,
        calls=calls,
        output=f"arena{_plus(output.offset)}",
        n_bytes=output.n_bytes,
    )


def _window_facts(graph: Graph, op: Operator) -> list[str]:
    if isinstance(op, Conv2D | DepthwiseConv2D):
        height, width = graph.tensor(op.weights).shape[1:3]
    elif isinstance(op, AveragePool2D | MaxPool2D):
        height, width = op.window
    else:
        return []
    stride = str(op.stride.h) if op.stride.h == op.stride.w else f"{op.stride.h}x{op.stride.w}"
    return [f"{height}x{width} stride {stride}"]


def _port_places(graph: Graph, ports: tuple[PortView, ...], plan: Plan) -> dict[str, str]:
    tensors = (*dict.fromkeys(graph.inputs), *dict.fromkeys(graph.outputs))
    return {port.argument: _plus(plan.allocation(name).offset) for port, name in zip(ports, tensors, strict=True)}


def _core_text(core: Core) -> str:
    if core.mve:
        return f"{core.name}, with DSP instructions and Helium"
    return f"{core.name}, {'with' if core.dsp else 'without'} DSP instructions"


def _kernel_sources(kernels: tuple[str, ...]) -> dict[str, str]:
    """Those files and the headers that they include, sb_kernels.h in any case."""
    folder = asset_folder("firmware_templates") / "kernels"
    wanted = ["sb_kernels.h", *kernels]
    texts: dict[str, str] = {}
    while wanted:
        file = wanted.pop()
        if file not in texts:
            texts[file] = (folder / file).read_text(encoding="utf-8")
            wanted += re.findall(r'^#include "(sb_\w+\.h)"', texts[file], re.MULTILINE)
    return {f"kernels/{file}": texts[file] for file in sorted(texts)}
