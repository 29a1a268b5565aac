# SPDX-License-Identifier: Apache-2.0
"""Judge: one thing that can run a network, asked the same question as all the others.

A judge is made for one Subject and takes batches of int8 inputs by the Graph's names; whatever it needs inside
(floats, files, an emulator) is its own affair. `layers` lets the first differing layer be named. Which judges exist
and how their answers are compared stands in verify/agreement.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import SubbyteError
from toolchain.export.c import Aims
from toolchain.graph.graph import Graph
from toolchain.graph.ops import OPERATORS

# Name of a Graph's tensor -> int8 [N, *shape of that tensor].
Batch = Mapping[str, NDArray[np.int8]]


@dataclass(frozen=True, eq=False)
class Subject:
    """One network in every form that judges read. tflite: written from `graph`. onnx: None where no such file is.

    aims: what the generated C is optimised for. compressed: the .tflite file with look-up tables, None without one.
    """

    graph: Graph
    tflite: bytes
    onnx: Path | None = None
    aims: Aims = Aims()
    compressed: bytes | None = None


@dataclass(frozen=True)
class Duty:
    """What a judge owes. exempt: kinds of operators whose outputs may differ, `why` in one phrase."""

    exempt: frozenset[str] = frozenset()
    why: str = ""


EXACT = Duty()


def reported_only(why: str) -> Duty:
    """The duty of a judge whose differences are counted and shown, and never a failure."""
    return Duty(frozenset(kind.__name__ for kind in OPERATORS), why)


class DoesNotFitHereError(SubbyteError):
    """The network is too large for a judge that nobody named, so this is shown and is no failure."""


class Judge(Protocol):
    """Made as `SomeJudge(subject)`, cheaply: work starts with the first call of `run` or `layers`.

    Errors of a judge's own making (a tool that fails) are SubbyteErrors naming the judge.
    """

    @property
    def name(self) -> str:
        """As the table shows it: `tflite-micro`, `C host`, `mps2-an386`."""

    @property
    def version(self) -> str:
        """Version of what runs, or of the compiler that made it."""

    @property
    def duty(self) -> Duty:
        """Where it must agree with the reference interpreter."""

    def unavailable(self) -> str | None:
        """Why it cannot be asked on this machine or about this subject (a package to install), None if it can."""

    def run(self, inputs: Batch) -> dict[str, NDArray[np.int8]]:
        """Outputs of N inferences by the Graph's names: int8 [N, *shape]."""

    def layers(self, inputs: Batch) -> dict[str, NDArray[np.int8]]:
        """Every activation that it can show, by the Graph's names: int8 [N, *shape]. Empty where it shows none."""
