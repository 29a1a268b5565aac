# SPDX-License-Identifier: Apache-2.0
"""TFLite Micro itself, from the `tflite-micro` wheel: the runtime that defines what our integers are.

Exact at every operator and every layer. Layers come from a second interpreter that preserves all tensors; the
first keeps the memory plan of a device.
"""

import importlib.metadata
import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ToolError
from toolchain.graph.tflite_in.container import unpack
from toolchain.verify.judge import EXACT, Batch, Duty, Subject

_PACKAGE = "tflite_micro"
# For the runtime's own structures, and for what it keeps of each scale (two multipliers, shifts, zero points).
_SPARE_ARENA = 2 << 20
_PER_SCALE = 64


class TfliteMicroJudge:
    """The .tflite bytes of the subject, run by the wheel on this machine."""

    name = "tflite-micro"
    duty: Duty = EXACT

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    @property
    def version(self) -> str:
        """Version of the wheel."""
        return importlib.metadata.version(_PACKAGE)

    def unavailable(self) -> str | None:
        """The wheel is an extra."""
        if importlib.util.find_spec(_PACKAGE) is None:
            return "the tflite-micro package is not installed: pip install --pre tflite-micro"
        return None

    def run(self, inputs: Batch) -> dict[str, NDArray[np.int8]]:
        """Outputs int8 [N, *shape]. Raises ToolError where the runtime refuses the model."""
        graph = self._subject.graph
        interpreter = self._interpreter("kAllocationRecording")
        answers: dict[str, list[NDArray[np.int8]]] = {name: [] for name in graph.outputs}
        for index in range(len(inputs[graph.inputs[0]])):
            self._invoke(interpreter, inputs, index)
            for name in answers:
                position = graph.outputs.index(name)
                answers[name].append(interpreter.get_output(position).reshape(graph.tensor(name).shape).copy())
        return {name: _stacked(values, graph.tensor(name).shape) for name, values in answers.items()}

    def layers(self, inputs: Batch) -> dict[str, NDArray[np.int8]]:
        """Every activation, int8 [N, *shape]."""
        graph = self._subject.graph
        interpreter = self._interpreter("kPreserveAllTensors")
        places = {tensor.name: index for index, tensor in enumerate(unpack(self._content).tensors)}
        shown = [tensor for tensor in graph.activations() if tensor.name in places]
        answers: dict[str, list[NDArray[np.int8]]] = {tensor.name: [] for tensor in shown}
        for index in range(len(inputs[graph.inputs[0]])):
            self._invoke(interpreter, inputs, index)
            for tensor in shown:
                value = interpreter.GetTensor(places[tensor.name], 0)["tensor_data"]
                answers[tensor.name].append(value.reshape(tensor.shape).copy())
        return {tensor.name: _stacked(answers[tensor.name], tensor.shape) for tensor in shown}

    def _interpreter(self, kind: str) -> Any:
        from tflite_micro.python.tflite_micro import runtime

        try:
            return runtime.Interpreter.from_bytes(
                self._content,
                arena_size=self._arena_bytes,
                intrepreter_config=runtime.InterpreterConfig[kind],  # the wheel's spelling
            )
        except RuntimeError as error:
            raise ToolError(f"{self.name}: cannot prepare the model: {error}") from error

    @property
    def _content(self) -> bytes:
        return self._subject.tflite

    @property
    def _arena_bytes(self) -> int:
        """Far more than enough: the runtime does not survive an arena that is too small."""
        tensors = self._subject.graph.tensors
        # Weights that are decoded or unpacked lie there too.
        values = sum(tensor.container_bytes for tensor in tensors)
        return _SPARE_ARENA + 4 * values + _PER_SCALE * sum(len(t.quantisation.scales) for t in tensors)

    def _invoke(self, interpreter: Any, inputs: Batch, index: int) -> None:
        for position, name in enumerate(self._subject.graph.inputs):
            interpreter.set_input(np.ascontiguousarray(inputs[name][index]), position)
        try:
            interpreter.invoke()
        except RuntimeError as error:
            raise ToolError(f"{self.name}: inference {index} failed: {error}") from error


class CompressedTfliteMicroJudge(TfliteMicroJudge):
    """The same runtime on `compressed`, a file whose weights are look-up tables, decoded in front of each layer."""

    name = "tflite-micro, compressed"

    def __init__(self, subject: Subject, compressed: bytes) -> None:
        super().__init__(subject)
        self._compressed = compressed

    @property
    def _content(self) -> bytes:
        return self._compressed


def _stacked(values: list[NDArray[np.int8]], shape: tuple[int, ...]) -> NDArray[np.int8]:
    return np.stack(values) if values else np.empty((0, *shape), np.int8)
