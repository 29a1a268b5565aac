# SPDX-License-Identifier: Apache-2.0
"""LiteRT (ai-edge-litert), reference kernels: the runtime of phones, without XNNPACK, whose kernels round otherwise.

Not exact in FullyConnected: see judges/interpreter.py.
"""

import importlib.metadata
import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.verify.judge import Batch, Duty, Subject
from toolchain.verify.judges.interpreter import (
    ROUNDS_FULLY_CONNECTED_ONCE,
    activations,
    failures_named,
    outputs,
)


class LiteRtJudge:
    """The .tflite bytes of the subject, run by LiteRT's BUILTIN_REF kernels."""

    name = "LiteRT"
    duty: Duty = ROUNDS_FULLY_CONNECTED_ONCE

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    @property
    def version(self) -> str:
        """Version of the package."""
        return importlib.metadata.version("ai-edge-litert")

    def unavailable(self) -> str | None:
        """The schema of the same package writes our .tflite files, so it is there; its interpreter may not be."""
        if importlib.util.find_spec("ai_edge_litert") is None:
            return "the ai-edge-litert package is not installed"
        return None

    def run(self, inputs: Batch) -> dict[str, NDArray[np.int8]]:
        """Outputs int8 [N, *shape]. Raises ToolError where the runtime refuses the model."""
        with failures_named(self.name):
            return outputs(self._interpreter(preserve=False), self._subject, inputs)

    def layers(self, inputs: Batch) -> dict[str, NDArray[np.int8]]:
        """Every activation, int8 [N, *shape]."""
        with failures_named(self.name):
            return activations(self._interpreter(preserve=True), self._subject, inputs)

    def _interpreter(self, preserve: bool) -> Any:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        return Interpreter(
            model_content=self._subject.tflite,
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=preserve,
            num_threads=1,
        )
