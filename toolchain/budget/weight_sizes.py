# SPDX-License-Identifier: Apache-2.0
"""WeightSize: what the weights of one layer take in each output, beside what they would take at their bits.

Container and storage are two things: a weight of 5 bits stands in a byte of TFLite's int8, in an index of 5 bits where
the file has a look-up table, in a byte of ONNX, and in C as its kernel wants it. Biases, scales and rescaling tables
are left out. The C figure is the generator's own, of the constants that it made; no kernel but keeps all weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from toolchain.export.c import CLayer
from toolchain.export.tflite import Form, Forms, form_bytes, weight_forms
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D, DepthwiseConv2D, FullyConnected
from toolchain.graph.storage_note import onnx_width
from toolchain.graph.tensor import Grid


@dataclass(frozen=True)
class WeightSize:
    """Bytes of one layer's weights. c: None where the kernel's tables hold them mixed with other numbers.

    bits, grid: of the weights. container_bytes: one a byte. storage_bytes: at their bits. tflite, compressed: of the
    file as it is, and with look-up tables. onnx_bits: of the integer type that our training writes them in.
    """

    layer: str
    bits: int
    grid: Grid
    container_bytes: int
    storage_bytes: int
    c_bytes: int | None
    tflite_bytes: int
    tflite_form: Form
    compressed_bytes: int
    compressed_form: Form
    onnx_bytes: int
    onnx_bits: int


def weight_sizes(graph: Graph, code: Sequence[CLayer]) -> tuple[WeightSize, ...]:
    """One for each layer with weights, in order; code: of each operator. Shared weights stand at the first layer."""
    plain, compressed = weight_forms(graph, Forms()), weight_forms(graph, Forms(tables=True))
    found: list[WeightSize] = []
    seen: set[str] = set()
    for op, layer in zip(graph.operators, code, strict=True):
        if not isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected) or op.weights in seen:
            continue
        seen.add(op.weights)
        tensor = graph.tensor(op.weights)
        width = onnx_width(tensor.array, tensor.bits, tensor.grid)
        stored = [constant.n_bytes for constant in layer.constants if constant.role == "weights"]
        found.append(
            WeightSize(
                layer=op.name,
                bits=tensor.bits,
                grid=tensor.grid,
                container_bytes=tensor.container_bytes,
                storage_bytes=tensor.storage_bytes,
                c_bytes=sum(stored) if stored else None,
                tflite_bytes=form_bytes(tensor, plain[op.weights]),
                tflite_form=plain[op.weights],
                compressed_bytes=form_bytes(tensor, compressed[op.weights]),
                compressed_form=compressed[op.weights],
                onnx_bytes=(tensor.n_elements * width + 7) // 8,
                onnx_bits=width,
            )
        )
    return tuple(found)
