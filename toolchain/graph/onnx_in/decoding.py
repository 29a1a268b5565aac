# SPDX-License-Identifier: Apache-2.0
"""Protobuf to plain data: nodes with decoded attributes, in running order, inputs with known sizes, a batch of 1."""

from math import prod

import numpy as np
import onnx
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, numpy_helper

from toolchain.errors import ModelError
from toolchain.graph.onnx_in.folding import MAX_CONSTANT_ELEMENTS
from toolchain.graph.onnx_in.layout import MAX_ACTIVATION_ELEMENTS
from toolchain.graph.onnx_in.node import Attribute, Literal, Network, Node, Port, in_running_order
from toolchain.graph.onnx_in.operator_form import in_qdq_form
from toolchain.graph.storage_note import METADATA_NAME, Storage, read_storage_note
from toolchain.graph.tensor import fits

# QuantizeLinear is an operator of ONNX from this version on.
OLDEST_OPSET = 10

MAX_PORTS = 64

INPUT_TYPES = {
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.DOUBLE: "float64",
    TensorProto.INT8: "int8",
    TensorProto.UINT8: "uint8",
}
_NARROW = {TensorProto.INT4: 4, TensorProto.UINT4: 4, TensorProto.INT2: 2, TensorProto.UINT2: 2}
_NARROW_SIGNED = (TensorProto.INT4, TensorProto.INT2)


def decoded(model: ModelProto) -> Network:
    """The file as a Network. Raises ModelError (without the file's name) for what is no sound network."""
    opset = max((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), default=0)
    if opset < OLDEST_OPSET:
        raise ModelError(f"ONNX operators of version {opset}; at least {OLDEST_OPSET} is needed (QuantizeLinear)")
    graph = model.graph
    if graph.sparse_initializer:
        raise ModelError("sparse initialisers are not supported; store the weights densely")
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    noted = read_storage_note(metadata[METADATA_NAME]) if METADATA_NAME in metadata else {}
    constants = {
        tensor.name: _noted(_literal(tensor, f"initialiser {tensor.name}"), tensor.name, noted)
        for tensor in graph.initializer
    }
    # Files up to IR version 3 list their initialisers among the inputs as well.
    inputs = tuple(_port(value) for value in graph.input if value.name not in constants)
    if not inputs:
        raise ModelError("the graph has no inputs")
    if len({port.name for port in inputs}) < len(inputs):
        raise ModelError("two inputs have one name")
    outputs = tuple(value.name for value in graph.output)
    if not outputs:
        raise ModelError("the graph has no outputs")
    if max(len(inputs), len(outputs)) > MAX_PORTS:
        raise ModelError(f"{len(inputs)} inputs and {len(outputs)} outputs; at most {MAX_PORTS} of each are read")
    known = constants.keys() | {port.name for port in inputs}
    nodes = in_running_order(in_qdq_form(_node(node) for node in graph.node), set(known))
    return Network(nodes, inputs, outputs, constants, metadata, opset)


def _node(node: NodeProto) -> Node:
    plain = Node(
        node.op_type,
        node.name,
        tuple(node.input),
        tuple(node.output),
        domain="" if node.domain == "ai.onnx" else node.domain,
    )
    if not any(plain.outputs):
        raise ModelError(f"{plain}: writes nothing")
    attributes = {attribute.name: _attribute(plain, attribute) for attribute in node.attribute}
    return Node(plain.op, plain.name, plain.inputs, plain.outputs, attributes, plain.domain)


def _attribute(node: Node, attribute: AttributeProto) -> Attribute:
    """The value of an attribute; None for kinds (graphs, types) that no operator read here has."""
    where = f"{node}: attribute {attribute.name}"
    try:
        match attribute.type:
            case AttributeProto.INT:
                return int(attribute.i)
            case AttributeProto.FLOAT:
                return float(attribute.f)
            case AttributeProto.STRING:
                return str(attribute.s.decode())
            case AttributeProto.INTS:
                return [int(value) for value in attribute.ints]
            case AttributeProto.FLOATS:
                return [float(value) for value in attribute.floats]
            case AttributeProto.STRINGS:
                return [value.decode() for value in attribute.strings]
            case AttributeProto.TENSOR:
                return _literal(attribute.t, where)
            case _:
                return None
    except UnicodeDecodeError as error:
        raise ModelError(f"{where}: is no UTF-8 text") from error


def _literal(tensor: TensorProto, where: str) -> Literal:
    """A tensor of the file as an array: floats of 16 bits as float32, 4 bits in int8 or uint8."""
    if any(size < 0 for size in tensor.dims) or prod(tensor.dims) > MAX_CONSTANT_ELEMENTS:
        raise ModelError(f"{where}: shape {list(tensor.dims)} is not possible, or too large")
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError, OverflowError, MemoryError, RuntimeError, OSError) as error:
        raise ModelError(f"{where}: cannot be read: {error}") from error
    except onnx.checker.ValidationError as error:
        raise ModelError(f"{where}: cannot be read: {error}") from error
    bits = _NARROW.get(tensor.data_type)
    if bits is not None:
        return Literal(array.astype(np.int8 if tensor.data_type in _NARROW_SIGNED else np.uint8), bits)
    if tensor.data_type == TensorProto.BFLOAT16:
        return Literal(array.astype(np.float32))
    if array.dtype.kind not in "fiub":
        kind = TensorProto.DataType.Name(tensor.data_type)
        raise ModelError(f"{where}: type {kind} is not supported")
    return Literal(array)


def _noted(literal: Literal, name: str, noted: Storage) -> Literal:
    """The literal with the width and grid that the file's metadata states."""
    if name not in noted:
        return literal
    bits, grid = noted[name]
    if literal.array.dtype != np.int8 or not fits(literal.array.astype(np.int8), bits, grid):
        raise ModelError(
            f"metadata {METADATA_NAME}: initialiser {name} is said to be {bits} bits {grid.value}; its values are not"
        )
    return Literal(literal.array, bits, grid)


def _port(value: ValueInfoProto) -> Port:
    """An input with its sizes; a batch that is not given is 1."""
    kind = value.type.tensor_type
    if kind.elem_type not in INPUT_TYPES:
        raise ModelError(f"input {value.name}: must be a tensor of float32, int8 or uint8")
    if not kind.HasField("shape") or not kind.shape.dim:
        raise ModelError(f"input {value.name}: the file does not say its shape; export it with a fixed shape")
    shape: list[int] = []
    for axis, dimension in enumerate(kind.shape.dim):
        size = dimension.dim_value if dimension.HasField("dim_value") else None
        if size is None and axis == 0:
            size = 1
        if size is None:
            called = f" ({dimension.dim_param})" if dimension.dim_param else ""
            raise ModelError(
                f"input {value.name}: the size of axis {axis}{called} is not fixed; only the batch may be dynamic"
            )
        shape.append(size)
    if any(size < 1 for size in shape) or prod(shape) > MAX_ACTIVATION_ELEMENTS:
        raise ModelError(
            f"input {value.name}: shape {shape}; each size must be at least 1, and all together at most "
            f"{MAX_ACTIVATION_ELEMENTS} elements"
        )
    return Port(value.name, tuple(shape), INPUT_TYPES[kind.elem_type])
