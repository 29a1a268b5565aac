# SPDX-License-Identifier: Apache-2.0
"""The generated C on this machine: the same files that go into a firmware, called through device/host.py.

Two judges, since a core's kernels are chosen by its instructions: plain C as a Cortex-M3 gets it, and the kernels
with DSP instructions as a Cortex-M4 gets them, those instructions written out in plain C. Exact at every layer.
"""

from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from toolchain.core import Core, known_core
from toolchain.device.host import HostModel, host_compiler
from toolchain.errors import ModelError
from toolchain.export.c import c_sources
from toolchain.verify.judge import EXACT, Batch, Duty, Subject
from toolchain.verify.judges.traced import traced_layers

# What the board files reserve: a limit of RAM means the same here as there.
_STACK_BYTES = 4096


class CHostJudge:
    """Plain kernels, those of cores without DSP instructions."""

    name = "C host"
    core: Core = known_core("cortex-m3")
    duty: Duty = EXACT

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    @property
    def version(self) -> str:
        """The compiler."""
        compiler = host_compiler()
        return "" if compiler is None else compiler.version

    def unavailable(self) -> str | None:
        """A compiler for this machine is needed."""
        return None if host_compiler() else "no C compiler for this machine: install gcc or clang"

    def run(self, inputs: Batch) -> dict[str, NDArray[np.int8]]:
        """Outputs int8 [N, *shape]. Raises ModelError where an operator is beyond the C kernels."""
        return self._model.run(inputs)

    def layers(self, inputs: Batch) -> dict[str, NDArray[np.int8]]:
        """Every operator's output, int8 [N, *shape]."""
        return traced_layers(self._model.model.banded, inputs, self._model.layers)

    @cached_property
    def _model(self) -> HostModel:
        """Within the limit of RAM if this core's kernels can do that; a limit is for a board, not for this machine."""
        subject = self._subject
        try:
            return HostModel(c_sources(subject.graph, self.core, aims=subject.aims, reserved_ram_bytes=_STACK_BYTES))
        except ModelError:
            if subject.aims.max_ram_bytes is None:
                raise
            return HostModel(c_sources(subject.graph, self.core, aims=replace(subject.aims, max_ram_bytes=None)))


class CHostDspJudge(CHostJudge):
    """Kernels for cores with DSP instructions."""

    name = "C host, DSP kernels"
    core = known_core("cortex-m4")
