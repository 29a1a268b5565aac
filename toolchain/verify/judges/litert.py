# SPDX-License-Identifier: Apache-2.0
"""LiteRT (ai-edge-litert), reference kernels: the runtime of phones, without XNNPACK, whose kernels round otherwise.

Not exact in FullyConnected: see judges/interpreter.py.
"""

import importlib.metadata
import importlib.util
from typing import Any

from toolchain.verify.judges.interpreter import InterpreterJudge


class LiteRtJudge(InterpreterJudge):
    """The .tflite bytes of the subject, run by LiteRT's BUILTIN_REF kernels."""

    name = "LiteRT"

    @property
    def version(self) -> str:
        """Version of the package."""
        return importlib.metadata.version("ai-edge-litert")

    def _missing(self) -> str | None:
        """The schema of the same package writes our .tflite files, so it is there; its interpreter may not be."""
        if importlib.util.find_spec("ai_edge_litert") is None:
            return "the ai-edge-litert package is not installed"
        return None

    def _interpreter(self, preserve: bool) -> Any:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        return Interpreter(
            model_content=self._subject.tflite,
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=preserve,
            num_threads=1,
        )
