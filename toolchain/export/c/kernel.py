# SPDX-License-Identifier: Apache-2.0
"""Kernel: one C function that computes one operator, and what the generator must know of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from toolchain.core import Core
from toolchain.export.c.code import LayerCode
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Operator


def no_scratch(graph: Graph, op: Any) -> int:
    """0."""
    return 0


def never_in_place(graph: Graph, op: Any) -> tuple[str, ...]:
    """No input."""
    return ()


@dataclass(frozen=True)
class Kernel:
    """A row of the kernel table.

    function: what it calls; its file is kernels/<function>.c. "" where nothing is called (Reshape).
    operator: what it computes. rounding: how often a value is rounded on its way to the output's scale.
    refuses: None where it takes that operator on that core, else why not, in a phrase. Its docstring is the rule.
    code: arrays, parameters and calls for that operator.
    scratch_bytes: working memory. overwrites: inputs on whose first byte the output may begin.
    helpers: further files that it calls. few_bits: whether it is for weights of fewer than 8 bits alone, so that for
    others it is not even thought of. unpacks: the function that reads its weights once they are unpacked to scratch, ""
    where they are read as they are stored.
    """

    function: str
    operator: type[Operator]
    rounding: str
    refuses: Callable[[Graph, Any, Core], str | None]
    code: Callable[[Graph, Any], LayerCode]
    scratch_bytes: Callable[[Graph, Any], int] = no_scratch
    overwrites: Callable[[Graph, Any], tuple[str, ...]] = never_in_place
    helpers: tuple[str, ...] = ()
    few_bits: bool = False
    unpacks: str = ""

    @property
    def name(self) -> str:
        """Of the row: the function, and where there is another row of it for bytes that its weights are packed."""
        return f"{self.function} from packed weights" if self.unpacks == self.function != "" else self.function

    @property
    def rule(self) -> str:
        """For which operators and cores it may be taken, in one sentence or two."""
        return " ".join((self.refuses.__doc__ or "").split())

    @property
    def files(self) -> tuple[str, ...]:
        """Names of its C files in firmware_templates/kernels/, headers left out."""
        own = (f"{self.function}.c",) if self.function.startswith("sb_") else ()
        return (*own, *self.helpers)
