# SPDX-License-Identifier: Apache-2.0
"""read_onnx: the door from ONNX into the Graph.

    file ── protobuf.py ──> ModelProto ── decoding.py ──> Network ── walk.py ──> raw Graph ── passes/ ──> Graph

Read are quantised networks of any producer in QDQ form (QuantizeLinear/DequantizeLinear around each operator), or in
ONNX Runtime's operator form, which is rewritten as QDQ. The Graph has NHWC activations, no transpositions, batch norm
folded, uint8 activations shifted to int8, and the rules of TFLite's int8 operators established by the passes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolchain.errors import ModelError
from toolchain.graph.graph import Graph
from toolchain.graph.names import identifier
from toolchain.graph.onnx_in.builder import Tap
from toolchain.graph.onnx_in.decoding import decoded
from toolchain.graph.onnx_in.node import Network
from toolchain.graph.onnx_in.protobuf import load_proto
from toolchain.graph.onnx_in.walk import walked
from toolchain.graph.passes import run_passes


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """An ONNX file as it was read.

    metadata: the file's metadata_props, as text (our training writes labels, feature_spec and normalisation as JSON).
    taps: for activations of the Graph, inputs and outputs among them, where the file has the same value.
    """

    path: Path
    graph: Graph
    metadata: Mapping[str, str]
    taps: Mapping[str, Tap]


def read_onnx(path: Path) -> Graph:
    """The Graph of a quantised .onnx file. Raises ModelError: what is wrong, at which node, what to do."""
    return read_onnx_model(path).graph


def read_onnx_model(path: Path) -> OnnxModel:
    """As read_onnx, with the file's metadata and the places of its values."""
    path = Path(path)
    model = load_proto(path)
    try:
        # Overflows and divisions by zero are looked for in what they leave behind, where the node can be named.
        with np.errstate(all="ignore"):
            network = decoded(model)
            _check_quantised(network)
            raw = walked(network, identifier(path.stem))
        graph = run_passes(raw.graph)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    activations = {tensor.name for tensor in graph.activations()}
    taps = {tensor: tap for tensor, tap in raw.taps.items() if tensor in activations}
    return OnnxModel(path, graph, network.metadata, taps)


def _check_quantised(network: Network) -> None:
    """A float network deserves a better message than its first float activation."""
    if not any(node.op in ("QuantizeLinear", "DequantizeLinear", "Quant", "IntQuant") for node in network.nodes):
        raise ModelError(
            "is a float network: it has no QuantizeLinear. Quantise it first, for instance with "
            "onnxruntime.quantization.quantize_static(..., quant_format=QuantFormat.QDQ), or train it quantised"
        )
