# SPDX-License-Identifier: Apache-2.0
"""How a .tflite file of ours says that weights in int8 containers need fewer bits.

TFLite's int8 tensors have no place for a storage width or a grid. A metadata entry named `subbyte.storage` carries
both as JSON, {"tensor name": [bits, "grid"]}, for the tensors that are not plain 8-bit mid-tread. Other readers
skip it, and the file means the same numbers without it.
"""

import json
from collections.abc import Mapping

from toolchain.errors import ModelError
from toolchain.graph.graph import Graph
from toolchain.graph.tensor import DType, Grid

METADATA_NAME = "subbyte.storage"

Storage = Mapping[str, tuple[int, Grid]]


def storage_note(graph: Graph) -> bytes | None:
    """The entry's content; None where every weight is plain 8-bit."""
    unusual = {
        tensor.name: [tensor.bits, tensor.grid.value]
        for tensor in graph.constants()
        if tensor.dtype is DType.INT8 and (tensor.bits, tensor.grid) != (8, Grid.MID_TREAD)
    }
    return json.dumps(unusual, sort_keys=True).encode() if unusual else None


def read_storage_note(content: bytes) -> Storage:
    """Tensor name -> (bits, grid). Raises ModelError where the content is not what `storage_note` writes."""
    try:
        entries = json.loads(content)
        return {str(name): (_bits(bits), Grid(grid)) for name, (bits, grid) in entries.items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"metadata {METADATA_NAME} is damaged: {error}") from error


def _bits(value: object) -> int:
    if not isinstance(value, int) or not 1 <= value <= 8:
        raise ValueError(f"{value} is no width from 1 to 8")
    return value
