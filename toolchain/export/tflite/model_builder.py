# SPDX-License-Identifier: Apache-2.0
"""ModelBuilder: collects the tensors, buffers and operators of one TFLite model and packs them into a file.

Knows TFLite's container and nothing of our operators. Deterministic: the same calls give the same bytes. Every
buffer starts at a multiple of 16 bytes of the file, as schema.fbs asks (force_align): a file that lies in flash at
such an address is used where it lies.
"""

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from toolchain.graph.tensor import Quantisation

FILE_IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
BUFFER_ALIGNMENT = 16
# Codes above this one do not fit the old one-byte field, which then holds this placeholder.
PLACEHOLDER_CODE = 127

_TYPES = {
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.uint8): schema.TensorType.UINT8,
    np.dtype(np.int32): schema.TensorType.INT32,
}

ABSENT = -1  # index of an optional tensor that is not there


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc]
    """A buffer whose data is aligned; the generated class packs without."""

    def Pack(self, builder: flatbuffers.Builder) -> int:
        data: NDArray[np.uint8] = self.data
        builder.StartVector(1, data.size, BUFFER_ALIGNMENT)
        start = builder.head - data.size
        builder.head = flatbuffers.number_types.UOffsetTFlags.py_type(start)
        builder.Bytes[start : start + data.size] = data.tobytes()
        vector = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, vector)
        return int(schema.BufferEnd(builder))


class ModelBuilder:
    """One model with one subgraph. Tensors and operators are numbered in the order in which they are added."""

    def __init__(self, name: str, description: str) -> None:
        self._name, self._description = name, description
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: list[tuple[int, int, str | None]] = []
        self._metadata: list[Any] = []
        self._buffers: list[Any] = [schema.BufferT()]  # buffer 0 is empty by convention: activations
        self._names: set[str] = set()

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: np.dtype[Any],
        quantisation: Quantisation | None,
        data: NDArray[Any] | None = None,
    ) -> int:
        """Add a tensor; `data` makes it a constant. Returns its index. A name that is taken gets a suffix."""
        content = None if data is None else np.ascontiguousarray(data, dtype).view(np.uint8)
        return self._add(name, shape, _TYPES[dtype], quantisation, content)

    def int4(self, name: str, data: NDArray[np.int8], quantisation: Quantisation) -> int:
        """Add a constant of integers -8..7, two a byte, the earlier one in the low four bits. Returns its index."""
        nibbles = np.zeros(data.size + data.size % 2, np.uint8)
        nibbles[: data.size] = data.reshape(-1).view(np.uint8) & 15
        packed = (nibbles[0::2] | nibbles[1::2] << 4).astype(np.uint8)
        return self._add(name, data.shape, schema.TensorType.INT4, quantisation, packed)

    def _add(
        self,
        name: str,
        shape: Sequence[int],
        kind: int,
        quantisation: Quantisation | None,
        content: NDArray[np.uint8] | None,
    ) -> int:
        parameters = schema.QuantizationParametersT()
        if quantisation is not None:
            parameters.scale = [float(scale) for scale in quantisation.scales]
            parameters.zeroPoint = [quantisation.zero_point] * len(quantisation.scales)
            parameters.quantizedDimension = quantisation.axis or 0
        self._tensors.append(
            schema.TensorT(
                shape=list(shape),
                type=kind,
                buffer=0 if content is None else self._buffer(content),
                name=self._unique(name),
                quantization=parameters,
                hasRank=True,
            )
        )
        return len(self._tensors) - 1

    def integers(self, name: str, values: Sequence[int] | NDArray[np.int32]) -> int:
        """Add a constant int32 tensor that is no quantity: axes, shapes, paddings. Returns its index."""
        data = np.asarray(values, np.int32)
        return self.tensor(name, data.shape, data.dtype, None, data)

    def operator(
        self, code: int, version: int, inputs: Sequence[int], outputs: Sequence[int], options: tuple[int, Any]
    ) -> None:
        """Add an operator. `options`: the BuiltinOptions kind and the table itself."""
        self._operator((code, version, None), inputs, outputs, options)

    def custom_operator(self, name: str, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Add an operator that only its name identifies, without options."""
        code = (schema.BuiltinOperator.CUSTOM, 1, name)
        self._operator(code, inputs, outputs, (schema.BuiltinOptions.NONE, None))

    def _operator(
        self, code: tuple[int, int, str | None], inputs: Sequence[int], outputs: Sequence[int], options: tuple[int, Any]
    ) -> None:
        if code not in self._codes:
            self._codes.append(code)
        kind, table = options
        self._operators.append(
            schema.OperatorT(
                opcodeIndex=self._codes.index(code),
                inputs=list(inputs),
                outputs=list(outputs),
                builtinOptionsType=kind,
                builtinOptions=table,
            )
        )

    def metadata(self, name: str, content: bytes) -> None:
        """Add a named piece of data that runtimes skip."""
        self._metadata.append(schema.MetadataT(name, self._buffer(np.frombuffer(content, np.uint8))))

    def pack(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """The file."""
        codes = [
            schema.OperatorCodeT(min(code, PLACEHOLDER_CODE), custom, version, code)
            for code, version, custom in self._codes
        ]
        subgraph = schema.SubGraphT(self._tensors, list(inputs), list(outputs), self._operators, self._name)
        model = schema.ModelT(SCHEMA_VERSION, codes, [subgraph], self._description, self._buffers)
        model.metadata = self._metadata or None
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
        return bytes(builder.Output())

    def _buffer(self, data: NDArray[np.uint8]) -> int:
        self._buffers.append(_AlignedBuffer(data.reshape(-1)))
        return len(self._buffers) - 1

    def _unique(self, name: str) -> str:
        unique, count = name, 1
        while unique in self._names:
            count += 1
            unique = f"{name}_{count}"
        self._names.add(unique)
        return unique
