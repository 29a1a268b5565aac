# SPDX-License-Identifier: Apache-2.0
"""The classic tf.lite interpreter inside TensorFlow, reference kernels, where tensorflow is installed.

Not exact in FullyConnected: see judges/interpreter.py. Importing TensorFlow takes seconds and logs to standard
error, so it is done when the judge is first asked; its warning that tf.lite moves to LiteRT is known and silenced.
"""

import importlib.metadata
import importlib.util
import warnings
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


class TfLiteJudge:
    """The .tflite bytes of the subject, run by tf.lite's BUILTIN_REF kernels."""

    name = "tf.lite"
    duty: Duty = ROUNDS_FULLY_CONNECTED_ONCE

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    @property
    def version(self) -> str:
        """Version of tensorflow."""
        return importlib.metadata.version("tensorflow")

    def unavailable(self) -> str | None:
        """tensorflow is an extra."""
        if importlib.util.find_spec("tensorflow") is None:
            return "the tensorflow package is not installed (an optional judge): pip install tensorflow"
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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import tensorflow as tf

            return tf.lite.Interpreter(
                model_content=self._subject.tflite,
                experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
                experimental_preserve_all_tensors=preserve,
                num_threads=1,
            )
