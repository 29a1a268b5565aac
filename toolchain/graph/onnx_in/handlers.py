# SPDX-License-Identifier: Apache-2.0
"""Which handler reads which ONNX operator, and what is said of those that none reads."""

from collections.abc import Mapping

from toolchain.errors import ModelError
from toolchain.graph.onnx_in import clamping, convolution, dense, elementwise, joining, pooling, quantisers, shaping
from toolchain.graph.onnx_in.context import Handler
from toolchain.graph.onnx_in.node import Node

HANDLERS: Mapping[str, Handler] = {
    "Add": elementwise.add,
    "AveragePool": pooling.average_pool,
    "BatchNormalization": elementwise.batch_normalization,
    "Cast": shaping.cast,
    "CastLike": shaping.cast,
    "Clip": clamping.clip,
    "Concat": joining.concat,
    "Conv": convolution.conv,
    "DequantizeLinear": quantisers.dequantize_linear,
    "Div": elementwise.multiply,
    "Dropout": shaping.same,
    "Flatten": shaping.flatten,
    "Gemm": dense.gemm,
    "GlobalAveragePool": pooling.global_average_pool,
    "GlobalMaxPool": pooling.global_max_pool,
    "Identity": shaping.same,
    "MatMul": dense.matmul,
    "Max": clamping.bound,
    "MaxPool": pooling.max_pool,
    "Min": clamping.bound,
    "Mul": elementwise.multiply,
    "Neg": elementwise.negate,
    "Pad": joining.pad,
    "QuantizeLinear": quantisers.quantize_linear,
    "ReduceMean": pooling.reduce_mean,
    "Relu": clamping.relu,
    "Reshape": shaping.reshape,
    "Shape": shaping.shape,
    "Slice": joining.slice_rows,
    "Softmax": clamping.softmax,
    "Squeeze": shaping.squeeze,
    "Sub": elementwise.add,
    "Sum": elementwise.add,
    "Transpose": shaping.transpose,
    "Unsqueeze": shaping.unsqueeze,
}

# Operators that keep a constant a constant: they take care of that themselves.
SHAPING = frozenset({"Identity", "Dropout", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Shape"})

_ADVICE = {
    "ArgMax": "end the network at the scores in front of it",
    "LogSoftmax": "end the network at the scores in front of it, or at Softmax",
    "ConvTranspose": "only Conv is supported",
    "LSTM": "recurrent operators are not supported",
    "GRU": "recurrent operators are not supported",
    "RNN": "recurrent operators are not supported",
    "If": "export the network without control flow",
    "Loop": "export the network without control flow",
    "Scan": "export the network without control flow",
    "LeakyRelu": "use Relu or Clip",
    "PRelu": "use Relu or Clip",
    "HardSwish": "use Relu or Clip",
    "HardSigmoid": "use Relu or Clip",
    "Sigmoid": "use Relu or Clip",
    "Tanh": "use Relu or Clip",
    "Quant": "this is QONNX; export QCDQ instead (Brevitas: export_onnx_qcdq, qonnx: ConvertQONNXtoQCDQ)",
    "IntQuant": "this is QONNX; export QCDQ instead (Brevitas: export_onnx_qcdq, qonnx: ConvertQONNXtoQCDQ)",
    "BipolarQuant": "this is QONNX; export QCDQ instead (Brevitas: export_onnx_qcdq, qonnx: ConvertQONNXtoQCDQ)",
    "Trunc": "this is QONNX; export QCDQ instead (Brevitas: export_onnx_qcdq, qonnx: ConvertQONNXtoQCDQ)",
}

# Operators of ONNX Runtime's own domain that are the same as ONNX's.
_SHARED_DOMAIN = {"com.microsoft": ("QuantizeLinear", "DequantizeLinear")}


def handler_of(node: Node) -> Handler:
    """The handler of `node`. Raises ModelError where there is none."""
    ours = not node.domain or node.op in _SHARED_DOMAIN.get(node.domain, ())
    if ours and node.op in HANDLERS:
        return HANDLERS[node.op]
    called = f" of domain {node.domain}" if node.domain else ""
    advice = _ADVICE.get(node.op, f"supported are {', '.join(sorted(HANDLERS))}")
    raise ModelError(f"{node}: the operator{called} is not supported; {advice}")
