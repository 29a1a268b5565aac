# SPDX-License-Identifier: Apache-2.0
"""graph_manifest: the Graph as plain values, so that anyone can see which integers a file stands for.

Constants appear by shape, widths, scales and the SHA-256 of their bytes; the numbers themselves are in the .tflite
file. Rounding is part of what an operator computes and so is stated for each: how often a value is rounded on its way
to the output's scale, as TFLite Micro's reference kernel of that operator does.
"""

import hashlib
from dataclasses import fields
from typing import Any

from toolchain.export.c.kernel_table import KERNELS
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Operator
from toolchain.graph.tensor import Tensor

FORMAT = 1


def graph_manifest(graph: Graph) -> dict[str, Any]:
    """JSON-able; the same Graph gives the same manifest."""
    return {
        "format": FORMAT,
        "name": graph.name,
        "graph_sha256": graph.sha256,
        "inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
        "tensors": [_tensor(tensor) for tensor in graph.tensors],
        "operators": [_operator(op) for op in graph.operators],
    }


def _tensor(tensor: Tensor) -> dict[str, Any]:
    q = tensor.quantisation
    stated: dict[str, Any] = {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype.value,
        "bits": tensor.bits,
        "scales": list(q.scales),
        "zero_point": q.zero_point,
        "axis": q.axis,
    }
    if tensor.data is not None:
        stated["grid"] = tensor.grid.value
        stated["data_sha256"] = hashlib.sha256(tensor.data.tobytes()).hexdigest()
    return stated


def _operator(op: Operator) -> dict[str, Any]:
    named = {field.name: getattr(op, field.name) for field in fields(op) if field.name != "name"}
    settings = {name: _plain(value) for name, value in named.items() if name not in (*op.READS, "output")}
    return {
        "name": op.name,
        "op": op.kind,
        "reads": list(op.reads),
        "writes": list(op.writes),
        "rounding": rounding_of(type(op)),
        **settings,
    }


def _plain(value: Any) -> Any:
    """A named tuple as a table."""
    return value._asdict() if hasattr(value, "_asdict") else value


def rounding_of(kind: type[Operator]) -> str:
    """`twice`, `once, ...` or `never`: one word for an operator, whichever of its kernels is taken."""
    (said,) = {kernel.rounding for kernel in KERNELS if kernel.operator is kind}
    return said
