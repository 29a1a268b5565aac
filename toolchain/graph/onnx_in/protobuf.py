# SPDX-License-Identifier: Apache-2.0
"""Opening an .onnx file that may be anything: truncated, hostile, not ONNX at all.

External data is read only from inside the model's folder (the onnx package refuses `..`, absolute paths, symbolic and
hard links from 1.21 on) and only up to a limit. Functions that the file defines are put in line, after a count of
how large that would make it. What comes out is protobuf; decoding.py makes plain data of it.
"""

import warnings
from collections.abc import Iterable
from pathlib import Path

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from onnx import ModelProto, NodeProto, TensorProto
from onnx.external_data_helper import ExternalDataInfo, load_external_data_for_tensor
from onnx.inliner import inline_local_functions

from toolchain.errors import ModelError

# A network for a microcontroller has a few megabytes of float weights and some hundred operators.
MAX_FILE_BYTES = 256 << 20
MAX_NODES = 10_000


def load_proto(path: Path) -> ModelProto:
    """The file as protobuf, external data taken in, functions in line. Raises ModelError that names the file."""
    model = _parsed(path)
    _check_texts(path, model)
    if not model.HasField("graph") or not model.graph.node:
        raise ModelError(f"{path}: holds no ONNX graph; it is no .onnx file, or an empty one")
    if len(model.graph.node) > MAX_NODES:
        raise ModelError(f"{path}: {len(model.graph.node)} operators; at most {MAX_NODES} are read")
    if model.functions:
        model = _without_functions(path, model)
    _load_external(path, model)
    return model


def _parsed(path: Path) -> ModelProto:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ModelError(f"{path}: {size} bytes; at most {MAX_FILE_BYTES} are read")
        return ModelProto.FromString(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (DecodeError, ValueError) as error:
        raise ModelError(f"{path}: is no ONNX file, or a truncated one: {error}") from error


def _check_texts(path: Path, message: Message) -> None:
    """Python's protobuf hands out text that is no UTF-8 as bytes; names must be text. Nesting ends at its own limit."""
    for field, value in message.ListFields():
        if field.type not in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_MESSAGE):
            continue
        for item in [value] if isinstance(value, str | bytes | Message) else value:
            if isinstance(item, Message):
                _check_texts(path, item)
            elif not isinstance(item, str):
                raise ModelError(f"{path}: field {field.name} of its {message.DESCRIPTOR.name} is no UTF-8 text")


def _without_functions(path: Path, model: ModelProto) -> ModelProto:
    """The model with its functions in line. Raises ModelError where they are cyclic or multiply beyond the limit."""
    bodies = {(function.domain, function.name): function.node for function in model.functions}
    sizes: dict[tuple[str, str], int] = {}
    # Innermost first: a function is counted once all that it calls are. Cyclic ones never are.
    while len(sizes) < len(bodies):
        ready = [key for key in bodies if key not in sizes and _calls(bodies[key], bodies) <= sizes.keys()]
        if not ready:
            raise ModelError(f"{path}: its functions call each other in a circle")
        for key in ready:
            sizes[key] = _inlined_size(bodies[key], sizes)
            if sizes[key] > MAX_NODES:
                raise ModelError(f"{path}: function {key[1]} has more than {MAX_NODES} operators")
    if _inlined_size(model.graph.node, sizes) > MAX_NODES:
        raise ModelError(f"{path}: more than {MAX_NODES} operators once its functions are in line")
    try:
        return inline_local_functions(model)
    except (ValueError, RuntimeError, TypeError, IndexError, KeyError) as error:
        raise ModelError(f"{path}: its functions cannot be put in line: {error}") from error


def _calls(nodes: Iterable[NodeProto], bodies: dict[tuple[str, str], object]) -> set[tuple[str, str]]:
    return {(node.domain, node.op_type) for node in nodes} & bodies.keys()


def _inlined_size(nodes: Iterable[NodeProto], sizes: dict[tuple[str, str], int]) -> int:
    return sum(sizes.get((node.domain, node.op_type), 1) for node in nodes)


def _load_external(path: Path, model: ModelProto) -> None:
    """Take in every tensor that lies in another file."""
    total = 0
    for tensor in _tensors(model):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # keys of the description that onnx does not know
                info = ExternalDataInfo(tensor)
                length = info.length
                if length is None:
                    length = (path.parent / info.location).stat().st_size
                total += length
                if total > MAX_FILE_BYTES:
                    raise ModelError(f"{path}: more than {MAX_FILE_BYTES} bytes of external data")
                load_external_data_for_tensor(tensor, str(path.parent))
        except (OSError, ValueError, RuntimeError, TypeError, onnx.checker.ValidationError) as error:
            raise ModelError(f"{path}: the external data of {tensor.name} cannot be read: {error}") from error
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]


def _tensors(model: ModelProto) -> Iterable[TensorProto]:
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
