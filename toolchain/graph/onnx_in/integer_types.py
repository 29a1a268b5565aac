# SPDX-License-Identifier: Apache-2.0
"""The integer types of ONNX that quantised tensors come in, and how each lies in the Graph's int8."""

from dataclasses import dataclass

from onnx import TensorProto


@dataclass(frozen=True)
class IntegerType:
    """An ONNX integer type. container: numpy's. offset: its integer minus the Graph's, for an activation."""

    name: str
    container: str
    bits: int
    low: int
    high: int
    offset: int = 0


INT8 = IntegerType("int8", "int8", 8, -128, 127)
UINT8 = IntegerType("uint8", "uint8", 8, 0, 255, offset=128)
INTEGER_TYPES = {
    TensorProto.INT8: INT8,
    TensorProto.UINT8: UINT8,
    TensorProto.INT4: IntegerType("int4", "int8", 4, -8, 7),
    TensorProto.UINT4: IntegerType("uint4", "uint8", 4, 0, 15),
    TensorProto.INT2: IntegerType("int2", "int8", 2, -2, 1),
    TensorProto.UINT2: IntegerType("uint2", "uint8", 2, 0, 3),
    TensorProto.INT16: IntegerType("int16", "int16", 16, -(1 << 15), (1 << 15) - 1),
    TensorProto.UINT16: IntegerType("uint16", "uint16", 16, 0, (1 << 16) - 1),
    TensorProto.INT32: IntegerType("int32", "int32", 32, -(1 << 31), (1 << 31) - 1),
}
