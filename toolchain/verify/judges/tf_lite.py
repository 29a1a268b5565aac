# SPDX-License-Identifier: Apache-2.0
"""The classic tf.lite interpreter inside TensorFlow, reference kernels, where tensorflow is installed.

Not exact in FullyConnected: see judges/interpreter.py. Importing TensorFlow takes seconds, so it is done when the
judge is first asked. What it logs then (no GPU, oneDNN; that tf.lite moves to LiteRT) is known and silenced.
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from toolchain.verify.judges.interpreter import InterpreterJudge


class TfLiteJudge(InterpreterJudge):
    """The .tflite bytes of the subject, run by tf.lite's BUILTIN_REF kernels."""

    name = "tf.lite"

    @property
    def version(self) -> str:
        """Version of tensorflow."""
        return importlib.metadata.version("tensorflow")

    def _missing(self) -> str | None:
        """tensorflow is an extra."""
        if importlib.util.find_spec("tensorflow") is None:
            return "the tensorflow package is not installed (an optional judge): pip install tensorflow"
        return None

    def _interpreter(self, preserve: bool) -> Any:
        with warnings.catch_warnings(), _without_native_logs():
            warnings.simplefilter("ignore")
            import tensorflow as tf

            return tf.lite.Interpreter(
                model_content=self._subject.tflite,
                experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
                experimental_preserve_all_tensors=preserve,
                num_threads=1,
            )


@contextlib.contextmanager
def _without_native_logs() -> Iterator[None]:
    """Its C++ writes to file descriptor 2 before any setting of its own is read."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
