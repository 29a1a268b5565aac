# SPDX-License-Identifier: Apache-2.0
"""read_tflite: an int8 .tflite file as a Graph.

    file -> container (sound indices and sizes) -> look-up tables -> operators -> folding (PAD, clamps) -> check_graph

A float model's QUANTIZE at the start and DEQUANTIZE at the end are left off: the Graph begins and ends in int8.
So are the operators with which Keras computes a RESHAPE's shape where the batch was left open: the file states the
shapes of all tensors for a batch of one.
Tensors that no operator of the Graph reads or writes are left out; the others keep the file's order.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from toolchain.errors import ModelError
from toolchain.graph.check import check_graph
from toolchain.graph.graph import Graph
from toolchain.graph.names import identifier
from toolchain.graph.ops import Operator
from toolchain.graph.storage_note import METADATA_NAME, read_storage_note
from toolchain.graph.tensor import Tensor
from toolchain.graph.tflite_in.container import RawModel, RawOperator, unpack
from toolchain.graph.tflite_in.decoding import with_weights_decoded
from toolchain.graph.tflite_in.folding import fold
from toolchain.graph.tflite_in.operators import read_operator
from toolchain.graph.tflite_in.schema import Builtin, TensorType
from toolchain.graph.tflite_in.source import Source

# Converters call every subgraph this; the file's name says more.
_NAMELESS = ("", "main")


@dataclass(frozen=True, eq=False)
class TfliteModel:
    """A file's Graph, and the named texts that it carries beside (labels, the front end's numbers)."""

    graph: Graph
    metadata: Mapping[str, str]


def read_tflite(path: Path) -> Graph:
    """The Graph of the file at `path`, checked.

    Raises ModelError, naming the file, the operator and what is wrong, for a file that cannot be read, is damaged,
    or holds an operator, a type or an option that the Graph has not.
    """
    return read_tflite_model(path).graph


def read_tflite_model(path: Path) -> TfliteModel:
    """As read_tflite, with the file's metadata; entries that are no UTF-8 text are left out."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        model = unpack(content)
        return TfliteModel(_graph(model, path.stem), _texts(model.metadata))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def parse_tflite(content: bytes, name: str) -> Graph:
    """The Graph of a file's content; `name` is taken where the file does not name its graph. Raises ModelError."""
    return _graph(unpack(content), name)


def _graph(model: RawModel, name: str) -> Graph:
    note = model.metadata.get(METADATA_NAME)
    model = with_weights_decoded(model)
    source = Source(model, {} if note is None else read_storage_note(note))
    quantised, body = _without_float_ends(model)
    operators = [each for op in _without_shapes(model, body) for each in read_operator(op, source)]
    inputs, outputs = (
        tuple(source.activation(model.tensors[quantised.get(index, index)], where) for index in ends)
        for ends, where in ((model.inputs, "the graph's input"), (model.outputs, "the graph's output"))
    )
    operators = fold(operators, source.tensors, outputs)
    return check_graph(
        Graph(
            name=identifier(name if model.name in _NAMELESS else model.name),
            tensors=_used(source, operators, (*inputs, *outputs)),
            operators=tuple(operators),
            inputs=inputs,
            outputs=outputs,
        )
    )


def _texts(metadata: Mapping[str, bytes]) -> dict[str, str]:
    texts = {}
    for name, content in metadata.items():
        with suppress(UnicodeDecodeError):
            texts[name] = content.decode("utf-8")
    return texts


def _without_float_ends(model: RawModel) -> tuple[dict[int, int], list[RawOperator]]:
    """Float input or output -> the int8 tensor beside it; and the operators without those that convert."""
    beside: dict[int, int] = {}
    body = []
    for op in model.operators:
        if len(op.inputs) == len(op.outputs) == 1 and op.inputs[0] is not None and not op.custom_code:
            read, written = op.inputs[0], op.outputs[0]
            if op.code == Builtin.QUANTIZE and _is_float(model, read) and read in model.inputs:
                beside[read] = written
                continue
            if op.code == Builtin.DEQUANTIZE and _is_float(model, written) and written in model.outputs:
                beside[written] = read
                continue
        body.append(op)
    return beside, body


def _without_shapes(model: RawModel, operators: list[RawOperator]) -> list[RawOperator]:
    """Without SHAPE and what computes integers from its results and constants alone.

    RESHAPE needs none of them; any other operator that asks for such integers finds them not constant, and says so.
    """
    of_shapes: set[int] = set()
    body = []
    for op in operators:
        read = {index for index in op.inputs if index is not None and not model.tensors[index].has_data}
        integers = all(model.tensors[index].type in (TensorType.INT32, TensorType.INT64) for index in op.outputs)
        starts = op.code == Builtin.SHAPE and not op.custom_code
        if integers and (starts or (read and read <= of_shapes)):
            of_shapes.update(op.outputs)
        else:
            body.append(op)
    return body


def _is_float(model: RawModel, index: int) -> bool:
    return model.tensors[index].type == TensorType.FLOAT32


def _used(source: Source, operators: list[Operator], ends: tuple[str, ...]) -> tuple[Tensor, ...]:
    used = set(ends).union(*((*op.reads, *op.writes) for op in operators))
    in_file_order = [raw.name for raw in source.model.tensors]
    order = [*in_file_order, *(name for name in source.tensors if name not in set(in_file_order))]
    return tuple(source.tensors[name] for name in order if name in used)
