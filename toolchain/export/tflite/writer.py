# SPDX-License-Identifier: Apache-2.0
"""tflite_bytes: a Graph as an int8 .tflite file, made from the schema alone, without a converter.

The Graph's tensors come first and in its order, with the Graph's names; constants that only TFLite needs (axes,
shapes, paddings, look-up tables) follow. In which form weights of fewer than 8 bits stand is told in forms.py.
"""

from collections.abc import Mapping

import numpy as np

from toolchain.export.tflite.forms import Form, Forms, weight_forms
from toolchain.export.tflite.model_builder import ModelBuilder
from toolchain.export.tflite.operators import Coded, Target, write_operator
from toolchain.graph.graph import Graph
from toolchain.graph.storage_note import METADATA_NAME, storage_note, storage_of
from toolchain.graph.tensor import Tensor
from toolchain.graph.tflite_in.look_up import looked_up

DESCRIPTION = "Written by Subbyte"


def tflite_bytes(graph: Graph, metadata: Mapping[str, str] | None = None, forms: Forms = Forms()) -> bytes:
    """The file's content; the same Graph, metadata and forms give the same bytes.

    `metadata`: named texts that the file carries beside the network (graph/model.py: ModelInfo.metadata). `forms`:
    what whoever reads the file takes. Raises ModelError where TFLite has no way to say an operator (an average pool
    with irregular padding).
    """
    model = ModelBuilder(graph.name, DESCRIPTION)
    chosen = weight_forms(graph, forms)
    index = {tensor.name: _tensor(model, tensor, chosen.get(tensor.name, Form.INT8)) for tensor in graph.tensors}
    coded = {name: _coded(model, graph.tensor(name)) for name, form in chosen.items() if form is Form.TABLE}
    target = Target(model, graph, index, coded, frozenset(n for n, form in chosen.items() if form is Form.INT4))
    for op in graph.operators:
        write_operator(op, target)
    note = storage_note(storage_of(graph))
    if note is not None:
        model.metadata(METADATA_NAME, note.encode("utf-8"))
    for name, text in sorted((metadata or {}).items()):
        model.metadata(name, text.encode("utf-8"))
    return model.pack([index[name] for name in graph.inputs], [index[name] for name in graph.outputs])


def compressed_tflite_bytes(graph: Graph, metadata: Mapping[str, str] | None = None) -> bytes | None:
    """The same with look-up tables, for TFLite Micro alone; None where they make no weight tensor smaller."""
    forms = Forms(tables=True)
    if Form.TABLE not in weight_forms(graph, forms).values():
        return None
    return tflite_bytes(graph, metadata, forms)


def _tensor(model: ModelBuilder, tensor: Tensor, form: Form) -> int:
    if form is Form.INT4:
        return model.int4(tensor.name, tensor.array.astype(np.int8), tensor.quantisation)
    data = None if form is Form.TABLE else tensor.data  # behind a table it is made while the network runs
    return model.tensor(tensor.name, tensor.shape, tensor.dtype.numpy, tensor.quantisation, data)


def _coded(model: ModelBuilder, tensor: Tensor) -> Coded:
    found = looked_up(tensor.array.astype(np.int8))
    assert found is not None  # weight_forms saw it
    indices, table = (
        model.tensor(what, data.shape, data.dtype, None, data)  # short names: theirs are bytes of the file too
        for what, data in (("indices", found.indices), ("table", found.table))
    )
    return Coded(indices, table)
