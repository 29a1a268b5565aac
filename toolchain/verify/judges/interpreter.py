# SPDX-License-Identifier: Apache-2.0
"""What LiteRT and tf.lite share: one Python API, and one operator in which both round differently from us.

Their reference kernels round FullyConnected once (multiply_rounding_once in graph/fixedpoint.py) where TFLite Micro
rounds twice. Measured over random layers of int8: 3 of 10,000 outputs differ, each by 1 (ai-edge-litert 2.3.0 and
tensorflow 2.21.0, BUILTIN_REF; a test repeats it). All other operators of the Graph agree to the last bit.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import ModelError, ToolError
from toolchain.graph.tflite_in.container import unpack
from toolchain.graph.tflite_in.schema import Builtin, TensorType
from toolchain.verify.judge import Batch, Duty, Subject

ROUNDS_FULLY_CONNECTED_ONCE = Duty(
    exempt=frozenset({"FullyConnected"}), why="its kernels round FullyConnected once, TFLite Micro's twice"
)


class InterpreterJudge(ABC):
    """The .tflite bytes of the subject, run by an interpreter with LiteRT's API. A subclass names and makes it."""

    name: str
    duty: Duty = ROUNDS_FULLY_CONNECTED_ONCE

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def unavailable(self) -> str | None:
        """A missing package, or a file that holds what the reference kernels do not take."""
        return self._missing() or _beyond(self._subject.tflite)

    @abstractmethod
    def _missing(self) -> str | None:
        """The package to install; None where it is there."""

    def run(self, inputs: Batch) -> dict[str, NDArray[np.int8]]:
        """Outputs int8 [N, *shape]. Raises ToolError where the runtime refuses the model."""
        with _failures_named(self.name):
            return _outputs(self._interpreter(preserve=False), self._subject, inputs)

    def layers(self, inputs: Batch) -> dict[str, NDArray[np.int8]]:
        """Every activation, int8 [N, *shape]. Raises ToolError where the runtime refuses the model."""
        with _failures_named(self.name):
            return _activations(self._interpreter(preserve=True), self._subject, inputs)

    @abstractmethod
    def _interpreter(self, preserve: bool) -> Any:
        """A new interpreter with reference kernels; preserve: it keeps every tensor."""


def _beyond(content: bytes) -> str | None:
    """Why the reference kernels of both refuse a file: their DEPTHWISE_CONV_2D ends before int4 (version 7)."""
    try:
        model = unpack(content)
    except ModelError:
        return None  # the runtime itself says what is wrong
    for op in model.operators:
        weights = op.inputs[1] if len(op.inputs) > 1 else None
        int4 = weights is not None and model.tensors[weights].type == TensorType.INT4
        if op.code == Builtin.DEPTHWISE_CONV_2D and int4:
            return "it has no reference kernel for int4 weights of a depthwise convolution"
    return None


@contextmanager
def _failures_named(judge: str) -> Iterator[None]:
    """Turn what the runtimes raise (RuntimeError, ValueError) into a ToolError that names the judge."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise ToolError(f"{judge}: {error}") from error


def _outputs(interpreter: Any, subject: Subject, inputs: Batch) -> dict[str, NDArray[np.int8]]:
    """Outputs of N inferences: int8 [N, *shape]."""
    places = [detail["index"] for detail in interpreter.get_output_details()]
    return _values(interpreter, subject, inputs, dict(zip(subject.graph.outputs, places, strict=True)))


def _activations(interpreter: Any, subject: Subject, inputs: Batch) -> dict[str, NDArray[np.int8]]:
    """Every activation, of an interpreter that preserves all tensors: int8 [N, *shape]."""
    wanted = {tensor.name for tensor in subject.graph.activations()}
    places = {d["name"]: d["index"] for d in interpreter.get_tensor_details() if d["name"] in wanted}
    return _values(interpreter, subject, inputs, places)


def _values(
    interpreter: Any, subject: Subject, inputs: Batch, places: Mapping[str, int]
) -> dict[str, NDArray[np.int8]]:
    graph = subject.graph
    count = len(inputs[graph.inputs[0]])
    answers = {name: np.empty((count, *graph.tensor(name).shape), np.int8) for name in places}
    interpreter.allocate_tensors()
    input_places = [detail["index"] for detail in interpreter.get_input_details()]
    for index in range(count):
        for name, place in zip(graph.inputs, input_places, strict=True):
            interpreter.set_tensor(place, inputs[name][index])
        interpreter.invoke()
        for name, place in places.items():
            answers[name][index] = interpreter.get_tensor(place).reshape(graph.tensor(name).shape)
    return answers
