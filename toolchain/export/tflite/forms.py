# SPDX-License-Identifier: Apache-2.0
"""Forms: in what a .tflite file holds each weight tensor.

    int8    one a byte: any runtime, any width up to 8 bits
    int4    two a byte, where all integers are within -8..7: TFLite Micro, LiteRT
    table   indices of 1..7 bits into a table of values (graph/tflite_in/look_up.py): TFLite Micro alone, and RAM for
            the whole tensor while its layer runs

Asked for are the forms that a reader takes; chosen is the smallest of them in the file, and int4 before a table of
the same size. A table costs descriptions of two more tensors and an operator beside its bytes, so small tensors have
none: no form makes the file larger.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from toolchain.errors import ModelError
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D, DepthwiseConv2D, FullyConnected, Operator
from toolchain.graph.storage_note import PLAIN
from toolchain.graph.tensor import Grid, Tensor, fits
from toolchain.graph.tflite_in.look_up import looked_up

WEIGHTED = (Conv2D, DepthwiseConv2D, FullyConnected)


class Form(StrEnum):
    """How a weight tensor stands in the file."""

    INT8 = "int8"
    INT4 = "int4"
    TABLE = "table"


@dataclass(frozen=True)
class Forms:
    """What the file's reader takes besides int8. int4: operators that take such weights. tables: it decodes them."""

    int4: tuple[type[Operator], ...] = WEIGHTED
    tables: bool = False


# What stands in the file for one table beside its two constants: two tensors, two buffers, an operator, its code, and
# alignment of all of these. Measured: 204 to 230 (tests/export/tflite/test_forms.py holds files to it).
TABLE_OVERHEAD_BYTES = 256


def weight_forms(graph: Graph, forms: Forms) -> dict[str, Form]:
    """Name of each weight tensor -> its form."""
    found: dict[str, Form] = {}
    for op in graph.operators:
        if isinstance(op, WEIGHTED) and op.weights not in found:
            readers = graph.consumers(op.weights)
            int4 = all(isinstance(each, forms.int4) and _takes_int4(each, graph, op.weights) for each in readers)
            found[op.weights] = _form(graph.tensor(op.weights), int4, forms.tables and len(readers) == 1)
    return found


def _takes_int4(op: Operator, graph: Graph, name: str) -> bool:
    """Whether TFLite Micro has a kernel of `op` for `name` as int4: not for fully connected with a scale a channel."""
    if not isinstance(op, WEIGHTED) or op.weights != name:
        return False
    return not isinstance(op, FullyConnected) or len(graph.tensor(name).quantisation.scales) == 1


def no_tables(graph: Graph) -> ModelError:
    """The error for whoever asks for look-up tables where no weight tensor has one."""
    return ModelError(
        f"{graph.name}: no weight tensor gets smaller as a look-up table, which takes 1 to 7 bits a weight and some "
        f"{TABLE_OVERHEAD_BYTES} bytes; export it without"
    )


def form_bytes(tensor: Tensor, form: Form) -> int:
    """Bytes of the weights' constants in the file. Raises ValueError for a table of too many values."""
    match form:
        case Form.INT8:
            return tensor.n_elements
        case Form.INT4:
            return (tensor.n_elements + 1) // 2
        case Form.TABLE:
            coded = looked_up(tensor.array.astype(np.int8))
            if coded is None:
                raise ValueError(f"tensor {tensor.name} has too many values for a table")
            return coded.n_bytes


def _form(tensor: Tensor, int4: bool, table: bool) -> Form:
    integers = tensor.array.astype(np.int8)
    # Plain 8-bit weights stay int8 whatever their values, so that a file without a note says their width.
    narrow = (tensor.bits, tensor.grid) != PLAIN and fits(integers, 4, Grid.MID_TREAD)
    best = Form.INT4 if int4 and narrow else Form.INT8
    coded = looked_up(integers) if table else None
    if coded is not None and coded.n_bytes + TABLE_OVERHEAD_BYTES < form_bytes(tensor, best):
        return Form.TABLE
    return best
