# SPDX-License-Identifier: Apache-2.0
"""How a file of ours says on which grid its weights lie, where the file's own types cannot.

An int8 tensor of TFLite or ONNX has no place for a storage width or a grid, an INT4 one none for a grid. A metadata
entry named `subbyte.storage` carries both as JSON, {"tensor name": [bits, "grid"]}, for the weights that are not plain
8-bit mid-tread. Other readers skip it, and the file means the same numbers without it.
"""

import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError
from toolchain.graph.graph import Graph
from toolchain.graph.tensor import DType, Grid, fits

METADATA_NAME = "subbyte.storage"

# Tensor name -> (bits, grid).
Storage = Mapping[str, tuple[int, Grid]]

PLAIN = (8, Grid.MID_TREAD)


def storage_of(graph: Graph) -> Storage:
    """Width and grid of every weight of `graph`."""
    return {tensor.name: (tensor.bits, tensor.grid) for tensor in graph.constants() if tensor.dtype is DType.INT8}


def onnx_width(integers: NDArray[np.signedinteger], bits: int, grid: Grid) -> int:
    """Bits of the ONNX type that weights are written in: int2 (opset 25), int4 (21) or int8, the first that holds them.

    Plain 8-bit weights are int8, whatever their values: so a file without a note says their width.
    """
    if (bits, grid) == PLAIN:
        return 8
    return next((width for width in (2, 4) if fits(integers, width, Grid.MID_TREAD)), 8)


def storage_note(storage: Storage) -> str | None:
    """The entry's content; None where every weight is plain 8-bit."""
    unusual = {name: [bits, grid.value] for name, (bits, grid) in storage.items() if (bits, grid) != PLAIN}
    return json.dumps(unusual, sort_keys=True) if unusual else None


def read_storage_note(content: str | bytes) -> Storage:
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
