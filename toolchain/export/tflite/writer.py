# SPDX-License-Identifier: Apache-2.0
"""tflite_bytes: a Graph as an int8 .tflite file, made from the schema alone, without a converter.

The Graph's tensors come first and in its order, with the Graph's names; constants that only TFLite needs (axes,
shapes, paddings) follow. Weights of fewer than 8 bits stand in int8 containers (see tflite_in/storage_note.py).
"""

from collections.abc import Mapping

from toolchain.export.tflite.model_builder import ModelBuilder
from toolchain.export.tflite.operators import Target, write_operator
from toolchain.graph.graph import Graph
from toolchain.graph.tflite_in.storage_note import METADATA_NAME, storage_note

DESCRIPTION = "Written by Subbyte"


def tflite_bytes(graph: Graph, metadata: Mapping[str, str] | None = None) -> bytes:
    """The file's content; the same Graph and metadata give the same bytes.

    `metadata`: named texts that the file carries beside the network (graph/model.py: ModelInfo.metadata).
    Raises ModelError where TFLite has no way to say an operator (an average pool with irregular padding).
    """
    model = ModelBuilder(graph.name, DESCRIPTION)
    index = {
        tensor.name: model.tensor(tensor.name, tensor.shape, tensor.dtype.numpy, tensor.quantisation, tensor.data)
        for tensor in graph.tensors
    }
    target = Target(model, graph, index)
    for op in graph.operators:
        write_operator(op, target)
    note = storage_note(graph)
    if note is not None:
        model.metadata(METADATA_NAME, note)
    for name, text in sorted((metadata or {}).items()):
        model.metadata(name, text.encode("utf-8"))
    return model.pack([index[name] for name in graph.inputs], [index[name] for name in graph.outputs])
