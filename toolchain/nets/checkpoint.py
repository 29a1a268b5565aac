# SPDX-License-Identifier: Apache-2.0
"""Checkpoint: the state of a training between two epochs, written atomically, read without running any code.

No state of a random generator is in it, because none outlives an epoch: every draw is seeded anew by the run's seed
and the epoch. So what is read back is the training that was never interrupted.
"""

import io
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from toolchain.errors import ModelError
from toolchain.files import write_bytes

FORMAT = 2

StateDict = dict[str, Tensor]


@dataclass(frozen=True)
class Best:
    """The epoch with the highest validation accuracy of its stage; of equals the one with the lowest loss."""

    epoch: int
    accuracy: float
    loss: float
    state: StateDict

    def beats(self, other: "Best | None") -> bool:
        """Whether this one is to be kept."""
        return other is None or (self.accuracy, -self.loss) > (other.accuracy, -other.loss)


@dataclass(frozen=True)
class Checkpoint:
    """Everything that the next epoch depends on.

    digest: hash of configuration, architecture and data. network, optimiser: of the stage of the last epoch.
    average, average_steps: of that stage's WeightAverage.
    best_float, best_quantised: as far as there is one. history: the rows of log.jsonl, one a finished epoch.
    """

    digest: str
    network: StateDict
    average: StateDict
    average_steps: int
    optimiser: dict[str, Any]
    best_float: Best | None
    best_quantised: Best | None
    history: list[dict[str, Any]]


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write, atomically. Raises SubbyteError where the folder cannot be written."""
    values = {f.name: getattr(checkpoint, f.name) for f in fields(checkpoint)}
    for name in ("best_float", "best_quantised"):
        values[name] = None if values[name] is None else {f.name: getattr(values[name], f.name) for f in fields(Best)}
    buffer = io.BytesIO()
    torch.save(values | {"format": FORMAT}, buffer)
    write_bytes(path, buffer.getvalue())


def load_checkpoint(path: Path) -> Checkpoint:
    """Read what `save_checkpoint` wrote. Raises ModelError: truncated, foreign, of another format."""
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelError(f"{path}: there is no checkpoint") from None
    except Exception as error:  # torch raises about ten kinds for a file that is not its own
        raise ModelError(
            f"{path}: no readable checkpoint (truncated, or not written by `subbyte train`); "
            f"delete the run folder and train again"
        ) from error
    names = {f.name for f in fields(Checkpoint)}
    if not isinstance(values, dict) or set(values) != names | {"format"} or values["format"] != FORMAT:
        raise ModelError(f"{path}: no checkpoint of `subbyte train`, format {FORMAT}; train again into a new folder")
    del values["format"]
    for name in ("best_float", "best_quantised"):
        if values[name] is not None:
            values[name] = Best(**values[name])
    return Checkpoint(**values)
