# SPDX-License-Identifier: Apache-2.0
"""TfliteSize: what TFLite Micro would need for a network, with weights as they are and as look-up tables.

A table saves flash and costs RAM: its layer's weights are decoded into the arena at every inference. Both stand side
by side here, so that nobody pays the one without seeing the other.
"""

from dataclasses import dataclass

from toolchain.core import Core
from toolchain.errors import ModelError
from toolchain.export.tflite import Form, Forms, weight_forms
from toolchain.export.tflm import arena_size, tflm_file
from toolchain.graph.graph import Graph
from toolchain.graph.tflite_in.container import unpack


@dataclass(frozen=True)
class TfliteSize:
    """file_bytes: of the .tflite file for this core. arena_bytes: an upper bound (export/tflm/arena.py)."""

    weights: str
    file_bytes: int
    arena_bytes: int


def tflite_sizes(graph: Graph, core: Core) -> tuple[TfliteSize, ...]:
    """The file as it is, then with look-up tables if it has any. Empty where TFLite cannot say the graph."""
    ways = {"int8 and int4": False}
    if Form.TABLE in weight_forms(graph, Forms(tables=True)).values():
        ways["look-up tables"] = True
    try:
        files = {name: tflm_file(graph, core, compress=compress) for name, compress in ways.items()}
    except ModelError:
        return ()
    return tuple(
        TfliteSize(name, len(content), arena_size(unpack(content), core).total_bytes) for name, content in files.items()
    )
