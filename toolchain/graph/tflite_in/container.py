# SPDX-License-Identifier: Apache-2.0
"""What a .tflite file holds, unpacked and checked for itself, before anything is said about what it computes.

Here every index is within its list, every constant has as many bytes as its shape and type need, and every number
has a sane size. Whether operators and types are ones that we know is the business of operators.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError
from toolchain.graph.check import MAX_DIMENSION, MAX_ELEMENTS
from toolchain.graph.names import tidy_name, unique_names
from toolchain.graph.tflite_in import schema
from toolchain.graph.tflite_in.flatbuffer import Table

# Far above any network for a microcontroller; they bound the work that a hostile file can cause.
MAX_ENTRIES = 1 << 14
MAX_CONSTANT_BYTES = 1 << 28
MAX_RANK = 8

_DTYPES: dict[int, np.dtype[Any]] = {
    schema.TensorType.FLOAT32: np.dtype("<f4"),
    schema.TensorType.INT32: np.dtype("<i4"),
    schema.TensorType.UINT8: np.dtype("u1"),
    schema.TensorType.INT64: np.dtype("<i8"),
    schema.TensorType.INT16: np.dtype("<i2"),
    schema.TensorType.INT8: np.dtype("i1"),
}


@dataclass(frozen=True, eq=False)
class RawTensor:
    """A tensor of the file. `data`: the constant's values in its shape (int4 as int8); None for activations, and for
    types that are packed otherwise or unknown (`has_data` is true then)."""

    name: str
    shape: tuple[int, ...]
    type: int
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int
    has_data: bool
    data: NDArray[Any] | None


@dataclass(frozen=True, eq=False)
class RawOperator:
    """An operator of the file. Tensors by index; an input that is left out is None."""

    index: int
    code: int
    custom_code: str
    inputs: tuple[int | None, ...]
    outputs: tuple[int, ...]
    options_kind: int
    options: Table | None

    @property
    def where(self) -> str:
        """For messages: `operator 3 (CONV_2D)`."""
        name = f"custom {tidy_name(self.custom_code)}" if self.custom_code else schema.builtin_name(self.code)
        return f"operator {self.index} ({name})"


@dataclass(frozen=True, eq=False)
class RawModel:
    """A file's one subgraph, and its named metadata."""

    name: str
    tensors: tuple[RawTensor, ...]
    operators: tuple[RawOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    metadata: Mapping[str, bytes]


def unpack(content: bytes) -> RawModel:
    """Read a .tflite file's content. Raises ModelError for anything that does not hold together."""
    model = Table.root(content, schema.FILE_IDENTIFIER, "the model")
    subgraphs = _entries(model, schema.Model.SUBGRAPHS, "subgraph")
    if len(subgraphs) != 1:
        raise ModelError(f"the file has {len(subgraphs)} subgraphs; exactly one is supported")
    buffers = _entries(model, schema.Model.BUFFERS, "buffer")
    subgraph = subgraphs[0]
    tensors = _tensors(subgraph, buffers)
    codes = [_code(table) for table in _entries(model, schema.Model.OPERATOR_CODES, "operator code")]
    operators = [
        _operator(index, table, codes, len(tensors))
        for index, table in enumerate(_entries(subgraph, schema.SubGraph.OPERATORS, "operator"))
    ]
    return RawModel(
        name=subgraph.string(schema.SubGraph.NAME),
        tensors=tuple(tensors),
        operators=tuple(operators),
        inputs=_indices(subgraph, schema.SubGraph.INPUTS, len(tensors), "the graph's inputs"),
        outputs=_indices(subgraph, schema.SubGraph.OUTPUTS, len(tensors), "the graph's outputs"),
        metadata=_metadata(model, buffers),
    )


def _entries(table: Table, field: int, what: str) -> list[Table]:
    count = len(table.array(field, np.dtype("<u4"), what))
    if count > MAX_ENTRIES:
        raise ModelError(f"{count} times {what}: at most {MAX_ENTRIES} are supported")
    return table.tables(field, what)


def _tensors(subgraph: Table, buffers: list[Table]) -> list[RawTensor]:
    tables = _entries(subgraph, schema.SubGraph.TENSORS, "tensor")
    names = unique_names([tidy_name(table.string(schema.Tensor.NAME)) for table in tables])
    tensors, constant_bytes = [], 0
    for name, table in zip(names, tables, strict=True):
        tensor = _tensor(name, table, buffers)
        constant_bytes += 0 if tensor.data is None else tensor.data.nbytes
        if constant_bytes > MAX_CONSTANT_BYTES:
            raise ModelError(f"constants of more than {MAX_CONSTANT_BYTES} bytes are not supported")
        tensors.append(tensor)
    return tensors


def _tensor(name: str, table: Table, buffers: list[Table]) -> RawTensor:
    where = f"tensor {name}"
    shape = tuple(int(size) for size in table.array(schema.Tensor.SHAPE, np.dtype("<i4"), "shape"))
    if len(shape) > MAX_RANK or any(not 0 <= size <= MAX_DIMENSION for size in shape):
        raise ModelError(f"{where}: shape {list(shape)[: MAX_RANK + 1]} has a size outside 0..{MAX_DIMENSION}")
    elements = 1
    for size in shape:
        elements *= size
    if elements > MAX_ELEMENTS:
        raise ModelError(f"{where}: shape {list(shape)} has more than {MAX_ELEMENTS} elements")
    if table.has(schema.Tensor.SPARSITY):
        raise ModelError(f"{where} is stored sparsely; convert the model without sparsity")
    if table.integer(schema.Tensor.IS_VARIABLE, "B"):
        raise ModelError(f"{where} is a variable; networks with state are not supported")
    kind = table.integer(schema.Tensor.TYPE, "b")
    content = _buffer(buffers, table.integer(schema.Tensor.BUFFER, "I"), where)
    quantisation = table.table(schema.Tensor.QUANTIZATION, f"quantisation of {where}")
    scales, zero_points, axis = ((), (), 0) if quantisation is None else _quantisation(quantisation, where)
    data = None
    if len(content) and kind == schema.TensorType.INT4:
        data = _int4(where, content, elements).reshape(shape)
    elif len(content) and kind in _DTYPES:
        dtype = _DTYPES[kind]
        if len(content) != elements * dtype.itemsize:
            raise ModelError(
                f"{where}: {len(content)} bytes of data for a shape of {list(shape)} {schema.type_name(kind)}, "
                f"which takes {elements * dtype.itemsize}"
            )
        data = content.view(dtype).reshape(shape)
    return RawTensor(name, shape, kind, scales, zero_points, axis, len(content) > 0, data)


def _int4(where: str, content: NDArray[np.uint8], elements: int) -> NDArray[np.int8]:
    """Two elements a byte, the earlier one in the low four bits, as int8 [elements]."""
    if len(content) != (elements + 1) // 2:
        raise ModelError(f"{where}: {len(content)} bytes of data for {elements} INT4, which take {(elements + 1) // 2}")
    nibbles = np.stack([content << 4, content & 0xF0], axis=1).reshape(-1)[:elements]
    return nibbles.view(np.int8) >> 4


def _buffer(buffers: list[Table], index: int, where: str) -> NDArray[np.uint8]:
    if index >= len(buffers):
        raise ModelError(f"{where} lies in buffer {index}, but there are {len(buffers)}")
    if buffers[index].integer(schema.Buffer.OFFSET, "Q") > 1:
        raise ModelError(f"{where}: data behind the FlatBuffer (files above 2 GB) is not supported")
    # Copied, so that it is aligned for wider types.
    return np.array(buffers[index].array(schema.Buffer.DATA, np.dtype("u1"), f"data of {where}"), np.uint8)


def _quantisation(table: Table, where: str) -> tuple[tuple[float, ...], tuple[int, ...], int]:
    if table.integer(schema.QuantizationParameters.DETAILS_TYPE, "B"):
        raise ModelError(f"{where} has a custom quantisation; only scale and zero point are supported")
    scales = table.array(schema.QuantizationParameters.SCALE, np.dtype("<f4"), "scales")
    zero_points = table.array(schema.QuantizationParameters.ZERO_POINT, np.dtype("<i8"), "zero points")
    axis = table.integer(schema.QuantizationParameters.QUANTIZED_DIMENSION, "i")
    if len(zero_points) not in (0, 1, len(scales)):
        raise ModelError(f"{where} has {len(scales)} scales and {len(zero_points)} zero points")
    return tuple(float(scale) for scale in scales.tolist()), tuple(int(zero) for zero in zero_points.tolist()), axis


def _code(table: Table) -> tuple[int, str]:
    """The larger of both fields counts: old files fill only the first, new ones put a placeholder there."""
    code = max(
        table.integer(schema.OperatorCode.DEPRECATED_BUILTIN_CODE, "b"),
        table.integer(schema.OperatorCode.BUILTIN_CODE, "i"),
    )
    return code, table.string(schema.OperatorCode.CUSTOM_CODE) if code == schema.Builtin.CUSTOM else ""


def _operator(index: int, table: Table, codes: list[tuple[int, str]], n_tensors: int) -> RawOperator:
    opcode = table.integer(schema.Operator.OPCODE_INDEX, "I")
    if opcode >= len(codes):
        raise ModelError(f"operator {index} has code {opcode} of {len(codes)}")
    code, custom_code = codes[opcode]
    inputs = table.array(schema.Operator.INPUTS, np.dtype("<i4"), "inputs")
    for tensor in inputs.tolist():
        if not -1 <= tensor < n_tensors:
            raise ModelError(f"operator {index} reads tensor {tensor}, but there are {n_tensors}")
    return RawOperator(
        index=index,
        code=code,
        custom_code=custom_code,
        inputs=tuple(None if tensor < 0 else tensor for tensor in inputs.tolist()),
        outputs=_indices(table, schema.Operator.OUTPUTS, n_tensors, f"the outputs of operator {index}"),
        options_kind=table.integer(schema.Operator.BUILTIN_OPTIONS_TYPE, "B"),
        options=table.table(schema.Operator.BUILTIN_OPTIONS, f"options of operator {index}"),
    )


def _indices(table: Table, field: int, n_tensors: int, what: str) -> tuple[int, ...]:
    indices = tuple(int(index) for index in table.array(field, np.dtype("<i4"), what).tolist())
    for index in indices:
        if not 0 <= index < n_tensors:
            raise ModelError(f"{what} name tensor {index}, but there are {n_tensors}")
    return indices


def _metadata(model: Table, buffers: list[Table]) -> dict[str, bytes]:
    return {
        entry.string(schema.Metadata.NAME): _buffer(
            buffers, entry.integer(schema.Metadata.BUFFER, "I"), "metadata"
        ).tobytes()
        for entry in _entries(model, schema.Model.METADATA, "metadata entry")
    }
