# SPDX-License-Identifier: Apache-2.0
"""Numbers of TFLite's schema: of each table's fields, and of the enumerations that the reader knows.

Source: tensorflow/compiler/mlir/lite/schema/schema.fbs. A test holds them against the generated schema.
"""

from enum import IntEnum
from typing import TypeVar

FILE_IDENTIFIER = b"TFL3"

Member = TypeVar("Member", bound=IntEnum)


def member(kind: type[Member], value: int) -> Member | None:
    """The member of `kind` with that value; None where there is none."""
    return next((each for each in kind if each == value), None)


class Model(IntEnum):
    """Fields of the root table."""

    VERSION = 0
    OPERATOR_CODES = 1
    SUBGRAPHS = 2
    BUFFERS = 4
    METADATA = 6


class OperatorCode(IntEnum):
    """Fields: which operator, twice, because the first field has one byte only."""

    DEPRECATED_BUILTIN_CODE = 0
    CUSTOM_CODE = 1
    VERSION = 2
    BUILTIN_CODE = 3


class SubGraph(IntEnum):
    """Fields of a graph."""

    TENSORS = 0
    INPUTS = 1
    OUTPUTS = 2
    OPERATORS = 3
    NAME = 4


class Tensor(IntEnum):
    """Fields of a tensor."""

    SHAPE = 0
    TYPE = 1
    BUFFER = 2
    NAME = 3
    QUANTIZATION = 4
    IS_VARIABLE = 5
    SPARSITY = 6


class QuantizationParameters(IntEnum):
    """Fields of a quantisation."""

    SCALE = 2
    ZERO_POINT = 3
    DETAILS_TYPE = 4
    QUANTIZED_DIMENSION = 6


class Buffer(IntEnum):
    """Fields of a buffer; OFFSET and SIZE point behind the FlatBuffer in files above 2 GB."""

    DATA = 0
    OFFSET = 1
    SIZE = 2


class Operator(IntEnum):
    """Fields of an operator."""

    OPCODE_INDEX = 0
    INPUTS = 1
    OUTPUTS = 2
    BUILTIN_OPTIONS_TYPE = 3
    BUILTIN_OPTIONS = 4


class Metadata(IntEnum):
    """Fields of a metadata entry."""

    NAME = 0
    BUFFER = 1


class Conv2DOptions(IntEnum):
    """Fields."""

    PADDING = 0
    STRIDE_W = 1
    STRIDE_H = 2
    FUSED_ACTIVATION_FUNCTION = 3
    DILATION_W_FACTOR = 4
    DILATION_H_FACTOR = 5


class DepthwiseConv2DOptions(IntEnum):
    """Fields."""

    PADDING = 0
    STRIDE_W = 1
    STRIDE_H = 2
    DEPTH_MULTIPLIER = 3
    FUSED_ACTIVATION_FUNCTION = 4
    DILATION_W_FACTOR = 5
    DILATION_H_FACTOR = 6


class Pool2DOptions(IntEnum):
    """Fields."""

    PADDING = 0
    STRIDE_W = 1
    STRIDE_H = 2
    FILTER_WIDTH = 3
    FILTER_HEIGHT = 4
    FUSED_ACTIVATION_FUNCTION = 5


class FullyConnectedOptions(IntEnum):
    """Fields."""

    FUSED_ACTIVATION_FUNCTION = 0
    WEIGHTS_FORMAT = 1


class AddOptions(IntEnum):
    """Fields."""

    FUSED_ACTIVATION_FUNCTION = 0


class ConcatenationOptions(IntEnum):
    """Fields."""

    AXIS = 0
    FUSED_ACTIVATION_FUNCTION = 1


class StridedSliceOptions(IntEnum):
    """Fields."""

    BEGIN_MASK = 0
    END_MASK = 1
    ELLIPSIS_MASK = 2
    NEW_AXIS_MASK = 3
    SHRINK_AXIS_MASK = 4
    OFFSET = 5


class SoftmaxOptions(IntEnum):
    """Fields."""

    BETA = 0


class BuiltinOptions(IntEnum):
    """Which table of options an operator carries."""

    NONE = 0
    CONV2D = 1
    DEPTHWISE_CONV2D = 2
    POOL2D = 5
    FULLY_CONNECTED = 8
    SOFTMAX = 9
    CONCATENATION = 10
    ADD = 11
    STRIDED_SLICE = 32


class PaddingKind(IntEnum):
    """Values of Padding."""

    SAME = 0
    VALID = 1


class TensorType(IntEnum):
    """Values of TensorType."""

    FLOAT32 = 0
    FLOAT16 = 1
    INT32 = 2
    UINT8 = 3
    INT64 = 4
    STRING = 5
    BOOL = 6
    INT16 = 7
    COMPLEX64 = 8
    INT8 = 9
    FLOAT64 = 10
    COMPLEX128 = 11
    UINT64 = 12
    RESOURCE = 13
    VARIANT = 14
    UINT32 = 15
    UINT16 = 16
    INT4 = 17
    BFLOAT16 = 18
    INT2 = 19


def type_name(value: int) -> str:
    """Name of a TensorType, or its number."""
    known = member(TensorType, value)
    return f"type {value}" if known is None else known.name


class Builtin(IntEnum):
    """Values of BuiltinOperator that the reader takes; the names are TFLite's."""

    ADD = 0
    AVERAGE_POOL_2D = 1
    CONCATENATION = 2
    CONV_2D = 3
    DEPTHWISE_CONV_2D = 4
    DEQUANTIZE = 6
    FULLY_CONNECTED = 9
    MAX_POOL_2D = 17
    RELU = 19
    RELU_N1_TO_1 = 20
    RELU6 = 21
    RESHAPE = 22
    SOFTMAX = 25
    CUSTOM = 32
    PAD = 34
    MEAN = 40
    SQUEEZE = 43
    STRIDED_SLICE = 45
    MAXIMUM = 55
    MINIMUM = 57
    PADV2 = 60
    SLICE = 65
    EXPAND_DIMS = 70
    SHAPE = 77
    QUANTIZE = 114


def builtin_name(code: int) -> str:
    """TFLite's name of any builtin operator, for messages; its number where the schema has none."""
    known = member(Builtin, code)
    if known is not None:
        return known.name
    # Here, not above: only an error about a foreign operator needs the long list.
    from ai_edge_litert.schema_py_generated import BuiltinOperator

    names = {value: name for name, value in vars(BuiltinOperator).items() if isinstance(value, int)}
    return str(names.get(code, f"builtin operator {code}"))
