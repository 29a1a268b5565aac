# SPDX-License-Identifier: Apache-2.0
"""FullyConnected with weights of 3, 5 and 6 bits for cores without SIMD, each in one field: three fields of 5 bits, or
five of 3, in every half of a word. The idea stands in the kernel's file; packing.py makes the words."""

from toolchain.core import Core
from toolchain.export.c.code import LayerCode, Struct
from toolchain.export.c.kernel import Kernel
from toolchain.export.c.packing import Form, coding_of, whole_fields
from toolchain.export.c.rows.convolutions import tables, weight_rows
from toolchain.export.c.rows.packed import fields_layer, refuses_fields_scalar
from toolchain.graph.graph import Graph
from toolchain.graph.ops import FullyConnected
from toolchain.graph.requantisation import fully_connected_requantisation

_FUNCTION = "sb_fully_connected_whole_fields_s8_scalar"
# Inputs whose weights fill whole words and are summed up before the next ones, by the bits of a field.
_BLOCKS = {3: 20, 5: 12, 6: 8}


def _refuses(graph: Graph, op: FullyConnected, core: Core) -> str | None:
    """Weights of 3, 5 or 6 bits; no DSP instructions; at most 32,768 inputs."""
    bits = graph.tensor(op.weights).bits
    return refuses_fields_scalar(graph, op, core) if bits in _BLOCKS else f"weights of {bits} bits"


def _code(graph: Graph, op: FullyConnected) -> LayerCode:
    weights = graph.tensor(op.weights)
    coding, block = coding_of(weights, Form.PLAIN), _BLOCKS[weights.bits]
    values = whole_fields(weight_rows(graph, op), coding, block)
    layer_tables = tables(graph, op, fully_connected_requantisation(graph, op))
    fields = fields_layer(graph, op, _FUNCTION, values, coding, layer_tables)
    assert fields.parameters is not None
    more = (("block", "int8_t", block), ("over", "int8_t", weights.shape[1] % block))
    layer = Struct("sb_whole_fields_fully_connected_layer", (("fields", "", fields.parameters), *more))
    return LayerCode(fields.calls, fields.arrays, layer)


KERNELS = (Kernel(_FUNCTION, FullyConnected, "twice", refuses=_refuses, code=_code, few_bits=True),)
