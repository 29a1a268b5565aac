# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime on the file that the Graph was read from: the one judge that saw the network before we did.

It computes a QDQ file as what it says: float operators between DequantizeLinear and QuantizeLinear. Graph
optimisations are off, since they would replace those by integer kernels of its own. So it agrees up to rounding: a
sum rounded in float32 and once may fall on the other side of a half than a sum rounded twice in integers; each layer
adds at most one step where grids are of one size. Differences are counted and shown, and no failure.
"""

import importlib.metadata
import importlib.util
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError, ToolError
from toolchain.graph.onnx_in import OnnxModel, read_onnx_model
from toolchain.graph.onnx_in.builder import Tap
from toolchain.graph.onnx_in.protobuf import load_proto
from toolchain.graph.tensor import Tensor
from toolchain.verify.judge import Batch, Duty, Subject, reported_only

FATAL_ONLY = 4  # onnxruntime's log severity: its warnings about unused initialisers are not ours to print


class OnnxRuntimeJudge:
    """The .onnx file of the subject, run by ONNX Runtime on the CPU in float."""

    name = "ONNX Runtime"
    duty: Duty = reported_only("it computes the file in float, rounding once a layer")

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._model: OnnxModel | None = None

    @property
    def version(self) -> str:
        """Version of the package."""
        return importlib.metadata.version("onnxruntime")

    def unavailable(self) -> str | None:
        """A subject that came from elsewhere has no ONNX file."""
        if importlib.util.find_spec("onnxruntime") is None:
            return "the onnxruntime package is not installed"
        if self._subject.onnx is None:
            return "this network did not come from an ONNX file"
        return None

    def run(self, inputs: Batch) -> dict[str, NDArray[np.int8]]:
        """Outputs int8 [N, *shape]: what the file has in front of its last DequantizeLinear."""
        return self._values(inputs, self._subject.graph.outputs)

    def layers(self, inputs: Batch) -> dict[str, NDArray[np.int8]]:
        """Every activation that is also a tensor of the file, int8 [N, *shape]."""
        return self._values(inputs, (tensor.name for tensor in self._subject.graph.activations()))

    def _values(self, inputs: Batch, names: Iterable[str]) -> dict[str, NDArray[np.int8]]:
        model = self._read()
        graph = self._subject.graph
        session, available = self._session(model)
        taps = {name: model.taps[name] for name in names if name in model.taps and name not in graph.inputs}
        taps = {name: tap for name, tap in taps.items() if tap.name in available}
        fetched = list(dict.fromkeys(tap.name for tap in taps.values()))
        types = {port.name: port.type for port in session.get_inputs()}
        count = len(inputs[graph.inputs[0]])
        answers = {name: np.empty((count, *graph.tensor(name).shape), np.int8) for name in taps}
        for index in range(count):
            feed = {
                model.taps[name].name: _fed(graph.tensor(name), model.taps[name], inputs[name][index], types)
                for name in graph.inputs
            }
            values = dict(zip(fetched, self._called(session, fetched, feed), strict=True))
            for name, tap in taps.items():
                answers[name][index] = _on_grid(graph.tensor(name), tap, values[tap.name])
        return answers

    def _read(self) -> OnnxModel:
        """The file with the places of its values. Raises ModelError where the subject's Graph is not of that file."""
        assert self._subject.onnx is not None
        if self._model is None:
            model = read_onnx_model(self._subject.onnx)
            if model.graph.sha256 != self._subject.graph.sha256:
                raise ModelError(f"{self._subject.onnx}: is not the file that graph {self._subject.graph.name} is of")
            self._model = model
        return self._model

    def _session(self, model: OnnxModel) -> tuple[Any, set[str]]:
        """(session that gives every tapped tensor, names of those tensors)."""
        import onnxruntime
        from onnx import ValueInfoProto

        proto = load_proto(model.path)
        given = {value.name for value in proto.graph.output}
        written = {name for node in proto.graph.node for name in node.output}
        wanted = {tap.name for tap in model.taps.values()} & (written | given)
        for name in sorted(wanted - given):
            proto.graph.output.append(ValueInfoProto(name=name))
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = FATAL_ONLY
        try:
            return onnxruntime.InferenceSession(
                proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
            ), wanted
        except Exception as error:  # onnxruntime's exceptions have no base of their own
            raise ToolError(f"{self.name}: refuses {model.path}: {error}") from error

    def _called(self, session: Any, fetched: list[str], feed: dict[str, NDArray[np.generic]]) -> list[Any]:
        try:
            return list(session.run(fetched, feed))
        except Exception as error:
            raise ToolError(f"{self.name}: {error}") from error


def _fed(tensor: Tensor, tap: Tap, values: NDArray[np.int8], types: dict[str, str]) -> NDArray[np.generic]:
    """The Graph's int8 input as the file takes it: integers, or the real numbers that they stand for."""
    integers = tap.layout.from_memory(values.reshape(-1)).astype(np.int64)
    if tap.offset is not None:
        return (integers + tap.offset).astype(np.uint8 if tap.offset else np.int8)
    q = tensor.quantisation
    real = (integers - q.zero_point) * (q.scale / tap.gain)
    return real.astype({"tensor(float16)": np.float16, "tensor(double)": np.float64}.get(types[tap.name], np.float32))


def _on_grid(tensor: Tensor, tap: Tap, values: NDArray[np.generic]) -> NDArray[np.int8]:
    """A value of the file as the Graph's integers, in the Graph's shape."""
    flat = tap.layout.to_memory(np.asarray(values))
    if tap.offset is not None:
        integers = flat.astype(np.int64) - tap.offset
    else:
        q = tensor.quantisation
        integers = np.rint(flat.astype(np.float64) / q.scale).astype(np.int64) + q.zero_point
    return np.clip(integers, -128, 127).astype(np.int8).reshape(tensor.shape)
