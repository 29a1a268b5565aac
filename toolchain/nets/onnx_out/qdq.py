# SPDX-License-Identifier: Apache-2.0
"""onnx_bytes: an IntegerNetwork as ONNX in QDQ form, node by node. Knows no torch.

Every value that a node reads is the output of one QuantizeLinear -> DequantizeLinear pair, also the network's input
and output; weights and biases are integer initialisers behind a DequantizeLinear. Any ONNX runtime computes the file
in floats; a reader that knows the pattern finds every integer in it.

    input -> Q -> DQ -> Conv -> Relu -> Q -> DQ -> ... -> ReduceMean -> Q -> DQ -> Gemm -> Q -> DQ = logits
                         ^ DQ <- int2, int4 or int8 weights, one scale a channel
                         ^ DQ <- int32 bias, scale = input scale * weight scale

Layout is ONNX's NCHW: input float32 [1, 1, T, F], logits float32 [1, classes]; a dense layer over a map reads it
through Flatten. A node is named after its layer.
Weights stand in the narrowest type that holds their integers; metadata (graph/storage_note.py) says on which grid of
how many bits they are.
Source of the operators: ONNX operator specification, opset 21; int2: opset 25.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from toolchain.arch.layer import (
    NETWORK_INPUT,
    Activation,
    Add,
    Conv,
    Dense,
    Depthwise,
    GlobalAveragePool,
    Layer,
)
from toolchain.graph.storage_note import METADATA_NAME, onnx_width, storage_note
from toolchain.graph.tensor import Grid
from toolchain.nets.integers import IntegerLayer, IntegerNetwork, IntegerWeights

# (operators, intermediate representation): 21 brings int4, 25 int2; the operators used here are the same from 19 on.
OPSET, IR_VERSION = 21, 10
INT2_OPSET, INT2_IR_VERSION = 25, 13
OUTPUT = "logits"


def onnx_bytes(network: IntegerNetwork, metadata: Mapping[str, str]) -> bytes:
    """The file: same network and metadata, same bytes.

    metadata: goes into metadata_props. Raises onnx.checker.ValidationError where the file is not sound, which would be
    a bug of ours.
    """
    arch = network.arch
    writer = _Writer()
    writer.quantised(NETWORK_INPUT, NETWORK_INPUT, network.input_scale, network.input_zero_point)
    last = network.layers[-1].layer.name
    for layer in network.layers:
        writer.layer(layer, OUTPUT if layer.layer.name == last else None)
    graph = helper.make_graph(
        writer.nodes,
        arch.identifier,
        [helper.make_tensor_value_info(NETWORK_INPUT, TensorProto.FLOAT, [1, 1, arch.frames, arch.coefficients])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [1, arch.classes])],
        writer.initialisers,
    )
    int2 = any(tensor.data_type == TensorProto.INT2 for tensor in writer.initialisers)
    opset, ir_version = (INT2_OPSET, INT2_IR_VERSION) if int2 else (OPSET, IR_VERSION)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version, producer_name="subbyte"
    )
    note = storage_note(writer.storage)
    helper.set_model_props(model, dict(metadata) | ({METADATA_NAME: note} if note else {}))
    model = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


_TYPES = {2: TensorProto.INT2, 4: TensorProto.INT4, 8: TensorProto.INT8}


class _Writer:
    """Collects nodes and initialisers; `x_dq` is the dequantised value of layer x.

    storage: width and grid of each initialiser that holds weights.
    """

    def __init__(self) -> None:
        self.storage: dict[str, tuple[int, Grid]] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: list[onnx.TensorProto] = []

    def _constant(self, name: str, values: NDArray[np.generic]) -> str:
        self.initialisers.append(numpy_helper.from_array(values, name))
        return name

    def _node(self, op: str, inputs: list[str], output: str, name: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=name, **attributes))
        return output

    def quantised(self, value: str, name: str, scale: float, zero_point: int, result: str | None = None) -> None:
        """The pair behind `value`, which makes it `<name>_dq`, or `result`."""
        grid = [
            self._constant(f"{name}_scale", np.array(scale, np.float32)),
            self._constant(f"{name}_zero_point", np.array(zero_point, np.int8)),
        ]
        self._node("QuantizeLinear", [value, *grid], f"{name}_q", f"{name}_quantise")
        self._node("DequantizeLinear", [f"{name}_q", *grid], result or f"{name}_dq", f"{name}_dequantise")

    def layer(self, quantised: IntegerLayer, result: str | None) -> None:
        """The layer's node, its activation and its pair."""
        layer = quantised.layer
        reads = [f"{name}_dq" for name in layer.reads]
        if quantised.weights is not None:
            reads += self._weights(layer.name, quantised.weights)
        value = self._sums(layer, reads)
        value = self._activated(layer, value)
        self.quantised(value, layer.name, quantised.scale, quantised.zero_point, result)

    def _weights(self, name: str, integers: IntegerWeights) -> list[str]:
        channels = len(integers.scales)
        storage = self.storage[f"{name}_weights"] = integers.spec.bits, integers.spec.grid
        dtype = helper.tensor_dtype_to_np_dtype(_TYPES[onnx_width(integers.weights, *storage)])
        weights = [
            self._constant(f"{name}_weights", integers.weights.astype(dtype)),
            self._constant(f"{name}_weights_scale", integers.scales),
            self._constant(f"{name}_weights_zero_point", np.zeros(channels, dtype)),
        ]
        bias = [
            self._constant(f"{name}_bias", integers.bias),
            self._constant(f"{name}_bias_scale", integers.bias_scales),
            self._constant(f"{name}_bias_zero_point", np.zeros(channels, np.int32)),
        ]
        return [
            self._node("DequantizeLinear", weights, f"{name}_weights_dq", f"{name}_weights_dequantise", axis=0),
            self._node("DequantizeLinear", bias, f"{name}_bias_dq", f"{name}_bias_dequantise", axis=0),
        ]

    def _sums(self, layer: Layer, reads: list[str]) -> str:
        name = layer.name
        output = f"{name}_sums"
        match layer:
            case Conv() | Depthwise():
                top, bottom, left, right = layer.padding
                return self._node(
                    "Conv",
                    reads,
                    output,
                    name,
                    kernel_shape=list(layer.kernel),
                    strides=list(layer.stride),
                    pads=[top, left, bottom, right],
                    group=layer.output_shape.c if isinstance(layer, Depthwise) else 1,
                )
            case Add():
                return self._node("Add", reads, output, name)
            case GlobalAveragePool():
                axes = self._constant(f"{name}_axes", np.array([2, 3], np.int64))
                return self._node("ReduceMean", [*reads, axes], output, name, keepdims=0)
            case Dense():
                if layer.input_shape[:2] != (1, 1):
                    reads[0] = self._node("Flatten", reads[:1], f"{name}_input", f"{name}_flatten")
                return self._node("Gemm", reads, output, name, transB=1)
        raise TypeError(f"no ONNX operator for {layer.kind}")

    def _activated(self, layer: Layer, value: str) -> str:
        name = f"{layer.name}_activation"
        match layer.activation:
            case Activation.NONE:
                return value
            case Activation.RELU:
                return self._node("Relu", [value], name, name)
            case Activation.RELU6:
                bounds = [
                    self._constant(f"{name}_low", np.array(0, np.float32)),
                    self._constant(f"{name}_high", np.array(6, np.float32)),
                ]
                return self._node("Clip", [value, *bounds], name, name)
