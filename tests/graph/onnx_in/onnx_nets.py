# SPDX-License-Identifier: Apache-2.0
"""Small quantised ONNX files for tests, node by node, and how far the Graph is from ONNX Runtime on them.

net = OnnxNet(seed=3)
x = net.quantised(net.input("input", [1, 3, 8, 8]), 0.05, 3)
x = net.quantised(net.node("Relu", net.conv(x, 8, 3, kernel=(3, 3))), 0.1, -128)
difference = compared(net.saved(tmp_path, x))
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.graphs import random_inputs
from toolchain.graph.graph import Graph
from toolchain.graph.onnx_in import read_onnx
from toolchain.graph.reference import run_batch
from toolchain.graph.reference.interpreter import OPERATOR_RULES
from toolchain.verify.judge import Subject
from toolchain.verify.judges.onnx_runtime import OnnxRuntimeJudge

FLOAT, INT8, UINT8 = TensorProto.FLOAT, TensorProto.INT8, TensorProto.UINT8


class OnnxNet:
    """Collects nodes. Every method that adds one returns the name of its (first) output."""

    def __init__(self, *, opset: int = 17, seed: int = 0) -> None:
        self.opset = opset
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.metadata: dict[str, str] = {}
        self.domains: set[str] = set()
        self._count = 0

    def input(self, name: str, shape: Sequence[int | str | None], kind: int = FLOAT) -> str:
        """An input of the file."""
        self.inputs.append(helper.make_tensor_value_info(name, kind, list(shape)))
        return name

    def constant(self, values: Any, dtype: str | None = None, name: str | None = None) -> str:
        """An initialiser."""
        name = name or self._name("constant")
        self.initialisers.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def node(self, op: str, *inputs: str, outputs: int = 1, name: str | None = None, **attributes: Any) -> str:
        """An operator."""
        name = name or self._name(op.lower())
        results = [f"{name}_result{index or ''}" for index in range(outputs)]
        self.domains.add(attributes.get("domain", ""))
        self.nodes.append(helper.make_node(op, list(inputs), results, name=name, **attributes))
        return results[0]

    def quantised(self, value: str, scale: float, zero_point: int = 0, dtype: str = "int8", **bounds: int) -> str:
        """QuantizeLinear and DequantizeLinear behind `value`; with low=, high= a Clip between them (QCDQ)."""
        return self.dequantised(self.quantise(value, scale, zero_point, dtype, **bounds), scale, zero_point, dtype)

    def quantise(
        self,
        value: str,
        scale: float,
        zero_point: int = 0,
        dtype: str = "int8",
        low: int | None = None,
        high: int = 127,
    ) -> str:
        """QuantizeLinear alone, and the Clip behind it."""
        grid = self.constant(scale, "float32"), self.constant(zero_point, dtype)
        integers = self.node("QuantizeLinear", value, *grid)
        if low is None:
            return integers
        return self.node("Clip", integers, self.constant(low, dtype), self.constant(high, dtype))

    def dequantised(self, value: str, scale: float, zero_point: int = 0, dtype: str = "int8") -> str:
        """DequantizeLinear alone."""
        return self.node("DequantizeLinear", value, self.constant(scale, "float32"), self.constant(zero_point, dtype))

    def weights(self, shape: Sequence[int], *, axis: int | None = 0, bits: int = 8, spread: float = 1.0) -> str:
        """Random integer weights behind a DequantizeLinear, one scale for each index of `axis`, or one for all."""
        limit = (1 << (bits - 1)) - 1
        integers = self.rng.integers(-limit, limit + 1, shape)
        fan_in = integers.size // shape[axis or 0]
        scale = spread / (limit * fan_in**0.5)
        if axis is None:
            return self.node("DequantizeLinear", self.constant(integers, "int8"), self.constant(scale, "float32"))
        scales = scale * np.exp2(self.rng.uniform(-1, 1, shape[axis]))
        return self.weights_of(integers, scales, axis)

    def weights_of(self, integers: Any, scales: Any, axis: int, dtype: str = "int8", zero_point: int = 0) -> str:
        """Given integer weights behind a DequantizeLinear."""
        zero_points = self.constant(np.full(np.shape(scales), zero_point), dtype)
        grid = self.constant(scales, "float32"), zero_points
        return self.node("DequantizeLinear", self.constant(integers, dtype), *grid, axis=axis)

    def conv(
        self,
        x: str,
        outputs: int,
        inputs: int,
        kernel: Sequence[int],
        *,
        bias: bool = True,
        group: int = 1,
        **attributes: Any,
    ) -> str:
        """Conv with random weights, one scale a channel, and a float bias."""
        weights = self.weights([outputs, inputs // group, *kernel])
        given = [self.constant(self.rng.normal(0, 0.3, outputs), "float32")] if bias else []
        return self.node("Conv", x, weights, *given, group=group, kernel_shape=list(kernel), **attributes)

    def model(self, *outputs: str) -> onnx.ModelProto:
        """The file as protobuf. Outputs are `outputs`, without declared shapes."""
        results = [helper.make_tensor_value_info(name, self._kind(name), None) for name in outputs]
        graph = helper.make_graph(self.nodes, "net", self.inputs, results, self.initialisers)
        imports = [helper.make_opsetid(domain, 1 if domain else self.opset) for domain in sorted(self.domains | {""})]
        model = helper.make_model(graph, opset_imports=imports, ir_version=10, producer_name="tests")
        helper.set_model_props(model, self.metadata)
        return model

    def saved(self, folder: Path, *outputs: str, name: str = "net.onnx") -> Path:
        """The file, written to `folder`."""
        path = folder / name
        path.write_bytes(self.model(*outputs).SerializeToString())
        return path

    def _kind(self, name: str) -> int:
        writer = next((node for node in self.nodes if name in node.output), None)
        return INT8 if writer is not None and writer.op_type == "QuantizeLinear" else FLOAT

    def _name(self, what: str) -> str:
        self._count += 1
        return f"{what}_{self._count}"


@dataclass(frozen=True)
class Difference:
    """How far the Graph's outputs are from ONNX Runtime's, in steps of the output, over random inputs."""

    graph: Graph
    largest: int
    differing: int
    compared: int

    @property
    def kinds(self) -> list[str]:
        """Kinds of the Graph's operators in order."""
        return [op.kind for op in self.graph.operators]

    def __str__(self) -> str:
        return f"{self.graph.name}: {self.differing} of {self.compared} integers differ, by at most {self.largest}"


def layer_differences(path: Path, samples: int = 8, seed: int = 1) -> dict[str, int]:
    """For each operator the largest difference in steps when it is given ONNX Runtime's own inputs of it.

    Unlike the outputs' differences these do not add up, nor grow through layers that magnify them.
    """
    graph = read_onnx(path)
    inputs = random_inputs(graph, samples, seed)
    seen = OnnxRuntimeJudge(Subject(graph, b"", path)).layers(inputs) | inputs
    steps: dict[str, int] = {}
    for op in graph.operators:
        activations = [name for name in op.reads if not graph.tensor(name).is_constant]
        if op.writes[0] in seen and all(name in seen for name in activations):
            ours = OPERATOR_RULES[type(op)](graph, op, {name: seen[name] for name in activations})
            steps[op.name] = int(np.abs(ours.astype(int) - seen[op.writes[0]].astype(int)).max())
    return steps


def compared(path: Path, samples: int = 8, seed: int = 1) -> Difference:
    """The Graph of `path` in the reference interpreter against ONNX Runtime on the same random int8 inputs."""
    graph = read_onnx(path)
    inputs = random_inputs(graph, samples, seed)
    ours = run_batch(graph, inputs)
    theirs = OnnxRuntimeJudge(Subject(graph, b"", path)).run(inputs)
    assert theirs.keys() == ours.keys()
    steps = np.concatenate([np.abs(ours[n].astype(int) - theirs[n].astype(int)).reshape(-1) for n in graph.outputs])
    spread = np.concatenate([ours[n].reshape(-1) for n in graph.outputs])
    assert len(np.unique(spread)) > 3 or spread.size < 4, "the outputs say nothing: they are all alike"
    difference = Difference(graph, int(steps.max()), int(np.count_nonzero(steps)), steps.size)
    print(difference)
    return difference
