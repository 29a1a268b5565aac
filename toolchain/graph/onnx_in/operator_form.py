# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime's operator form (QLinearConv, QGemm, …) rewritten as the QDQ form that it abbreviates.

    QLinearConv(x, w, b)   =   QuantizeLinear(Conv(DequantizeLinear(x), DequantizeLinear(w), DequantizeLinear(b)))

so that only one form is read. The scale of an int32 bias is input scale * weight scale.
Source: ONNX operator specification, QLinearConv, QLinearMatMul; ONNX Runtime, docs/ContribOperators.md.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from toolchain.errors import ModelError
from toolchain.graph.onnx_in.node import Node

_USE_QDQ = "quantise to the QDQ format instead (onnxruntime.quantization: quant_format=QuantFormat.QDQ)"

# Integer operators whose scales stand elsewhere in the graph, or are found while it runs.
_REFUSED = ("ConvInteger", "MatMulInteger", "DynamicQuantizeLinear", "DynamicQuantizeMatMul", "MatMulIntegerToFloat")


def in_qdq_form(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """All nodes, those in operator form replaced. Raises ModelError for operator forms that are not read."""
    result: list[Node] = []
    for node in nodes:
        if node.op in _EXPANSIONS:
            result.extend(_EXPANSIONS[node.op](node))
        elif node.op in _REFUSED or node.op.startswith("QLinear"):
            raise ModelError(f"{node}: this operator form is not read; {_USE_QDQ}")
        else:
            result.append(node)
    return tuple(result)


def _dequantised(node: Node, index: int, **attributes: int) -> Node:
    """DequantizeLinear of inputs index, index + 1, index + 2 (value, scale, zero point)."""
    names = (node.required(index, "a value"), node.required(index + 1, "its scale"), node.input(index + 2))
    return Node("DequantizeLinear", f"{node.name}/{index}", names, (_inner(node, str(index)),), attributes)


def _quantised(node: Node, source: str, scale: int, **attributes: int) -> Node:
    """QuantizeLinear of `source` to the node's own output; `scale`: index of its scale among the inputs."""
    names = (source, node.required(scale, "the output's scale"), node.input(scale + 1))
    return Node("QuantizeLinear", f"{node.name}/quantise", names, node.outputs, attributes)


def _inner(node: Node, what: str) -> str:
    """Name of a tensor that the expansion adds; ONNX names cannot contain the separator twice by chance."""
    return f"{node.outputs[0]}//{what}"


def _expanded(node: Node, op: str, values: tuple[int, ...], scale: int, **attributes: int) -> list[Node]:
    """`op` on the dequantised inputs at `values`, quantised by the parameters at `scale`."""
    inputs = [_dequantised(node, index) for index in values]
    real = _inner(node, "real")
    body = Node(op, node.name, tuple(each.outputs[0] for each in inputs), (real,), {**node.attributes, **attributes})
    return [*inputs, body, _quantised(node, real, scale)]


def _bias(node: Node, index: int, x_scale: str, w_scale: str) -> list[Node]:
    """The int32 bias at `index`, dequantised by the product of two scales."""
    scale, real = _inner(node, "bias_scale"), _inner(node, "bias")
    product = Node("Mul", f"{node.name}/bias_scale", (x_scale, w_scale), (scale,))
    return [product, Node("DequantizeLinear", f"{node.name}/bias", (node.inputs[index], scale), (real,), {"axis": 0})]


def _layer(node: Node, op: str, bias: int, scale: int, weight_axis: int) -> list[Node]:
    """A layer x, x_scale, x_zero_point, w, w_scale, w_zero_point, …"""
    x, w = _dequantised(node, 0), _dequantised(node, 3, axis=weight_axis)
    inputs, extra = (x.outputs[0], w.outputs[0]), []
    if node.input(bias):
        extra = _bias(node, bias, node.inputs[1], node.inputs[4])
        inputs = (*inputs, extra[-1].outputs[0])  # type: ignore[assignment]
    real = _inner(node, "real")
    body = Node(op, node.name, inputs, (real,), node.attributes)
    return [x, w, *extra, body, _quantised(node, real, scale)]


def _conv(node: Node) -> list[Node]:
    return _layer(node, "Conv", bias=8, scale=6, weight_axis=0)


def _matmul(node: Node) -> list[Node]:
    return _layer(node, "MatMul", bias=99, scale=6, weight_axis=1)


def _gemm(node: Node) -> list[Node]:
    expanded = _layer(node, "Gemm", bias=6, scale=7, weight_axis=0 if node.integer("transB", 0) else 1)
    if node.input(7):
        return expanded
    real = expanded[-2]
    return [*expanded[:-2], replace(real, outputs=node.outputs)]


def _concat(node: Node) -> list[Node]:
    values = tuple(range(2, len(node.inputs), 3))
    return _expanded(node, "Concat", values, 0)


def _global_average(node: Node) -> list[Node]:
    if node.integer("channels_last", 0):
        raise ModelError(f"{node}: channels_last is not read; {_USE_QDQ}")
    return _expanded(node, "GlobalAveragePool", (0,), 3)


def _average(node: Node) -> list[Node]:
    if node.integer("channels_last", 0):
        raise ModelError(f"{node}: channels_last is not read; {_USE_QDQ}")
    return _expanded(node, "AveragePool", (0,), 3)


def _softmax(node: Node) -> list[Node]:
    return _expanded(node, "Softmax", (0,), 3)


_EXPANSIONS: dict[str, Callable[[Node], list[Node]]] = {
    "QLinearConv": _conv,
    "QLinearMatMul": _matmul,
    "QGemm": _gemm,
    "QLinearAdd": lambda node: _expanded(node, "Add", (0, 3), 6),
    "QLinearMul": lambda node: _expanded(node, "Mul", (0, 3), 6),
    "QLinearConcat": _concat,
    "QLinearGlobalAveragePool": _global_average,
    "QLinearAveragePool": _average,
    "QLinearReduceMean": lambda node: _expanded(node, "ReduceMean", (0,), 3),
    "QLinearSoftmax": _softmax,
}
