# SPDX-License-Identifier: Apache-2.0
"""Ports: inputs and outputs of a network as its model.h names them, whatever runtime stands behind it."""

from dataclasses import dataclass

from toolchain.export.c.names import names_of
from toolchain.graph.graph import Graph
from toolchain.graph.names import tidy_name
from toolchain.graph.tensor import Tensor


@dataclass(frozen=True)
class PortView:
    """One input or output: the C function that gives its place, and what model.h says of it.

    argument: its name in <prefix>_predict. macro: what `_BYTES`, `_SCALE` and `_ZERO_POINT` are appended to.
    tensor: its name in the Graph, for comments. shape: without the batch, such as [49,10,1].
    """

    function: str
    argument: str
    macro: str
    tensor: str
    shape: str
    n_bytes: int
    scale: float
    zero_point: int


def ports_of(graph: Graph, tensors: tuple[str, ...], role: str) -> tuple[PortView, ...]:
    """The ports of graph.inputs (role `input`) or graph.outputs (`output`), each once."""
    names = names_of(graph)
    views = []
    for name in dict.fromkeys(tensors):
        tensor = graph.tensor(name)
        # One port alone needs no name of its own.
        function = f"{names.prefix}_{role}" if len(set(tensors)) == 1 else f"{names.ports[name]}_{role}"
        views.append(
            PortView(
                function=function,
                argument=function.removeprefix(f"{names.prefix}_"),
                macro=function.upper(),
                tensor=tidy_name(name),
                shape=shape_text(tensor),
                n_bytes=tensor.container_bytes,
                scale=tensor.quantisation.scale,
                zero_point=tensor.quantisation.zero_point,
            )
        )
    return tuple(views)


def predict_parameters(inputs: tuple[PortView, ...], outputs: tuple[PortView, ...]) -> str:
    """Those of <prefix>_predict in C."""
    return ", ".join(
        [f"const int8_t *{port.argument}" for port in inputs] + [f"int8_t *{port.argument}" for port in outputs]
    )


def shape_text(tensor: Tensor) -> str:
    """Its shape for a comment, without a batch of one."""
    shown = tensor.shape[1:] if len(tensor.shape) > 1 and tensor.shape[0] == 1 else tensor.shape
    return f"[{','.join(map(str, shown))}]"
