# SPDX-License-Identifier: Apache-2.0
"""The generated C in a firmware on an emulated board: compiled for the core, linked for its memories, run in QEMU.

Exact at every layer, with the kernels that the board's core gets. Layers come from a second firmware that also
writes what each layer gave (device/emulated.py).
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from toolchain.boards import Board
from toolchain.device.build import DoesNotFitError
from toolchain.device.emulated import EmulatedModel, emulator_version
from toolchain.export.project import c_runtime
from toolchain.verify.judge import EXACT, Batch, DoesNotFitHereError, Duty, Subject
from toolchain.verify.judges.traced import traced_layers


class EmulatedJudge:
    """One board. Named by its id and core.

    must_fit: whether a network that is too large for the board is an error like any other.
    """

    duty: Duty = EXACT

    def __init__(self, subject: Subject, board: Board, *, must_fit: bool = True) -> None:
        self._subject = subject
        self._board = board
        self._must_fit = must_fit

    @property
    def name(self) -> str:
        """Such as `mps2-an386, cortex-m4`."""
        return f"{self._board.id}, {self._board.core.name}"

    @property
    def version(self) -> str:
        """Emulator and compiler."""
        return emulator_version()

    def unavailable(self) -> str | None:
        """A board is asked because someone named it: what is missing then is a failure, not an excuse."""
        return None

    def run(self, inputs: Batch) -> dict[str, NDArray[np.int8]]:
        """Outputs int8 [N, *shape]. Raises ToolError, BoardError or ModelError as EmulatedModel does,
        DoesNotFitHereError for a network that need not fit."""
        try:
            return self._model.run(inputs)
        except DoesNotFitError as error:
            if self._must_fit:
                raise
            raise DoesNotFitHereError(str(error)) from error

    def layers(self, inputs: Batch) -> dict[str, NDArray[np.int8]]:
        """Every operator's output, int8 [N, *shape]."""
        return traced_layers(self._model.executed, inputs, self._model.layers)

    @cached_property
    def _model(self) -> EmulatedModel:
        graph, aims = self._subject.graph, self._subject.aims
        return EmulatedModel(graph, self._board, runtime=c_runtime(graph, self._board, aims))
