# SPDX-License-Identifier: Apache-2.0
"""What tests of training read from run folders, and how they stop a training."""

import json
from typing import Any

import torch

from toolchain.nets.checkpoint import load_checkpoint
from toolchain.nets.progress import TrainingProgress
from toolchain.nets.run_folder import RunFolder, RunRecord


def numbers_of(record: RunRecord) -> dict[str, Any]:
    return {number["name"]: number["value"] for number in record.numbers}


def rows_of(folder: RunFolder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in folder.log.read_text().splitlines()]


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k not in ("seconds", "unix_time")} for row in rows]


def assert_same_weights(found: RunFolder, wanted: RunFolder) -> None:
    """Weights, optimiser, best epochs and history (but for times) are equal to the bit; so is the model."""
    first, second = load_checkpoint(found.checkpoint), load_checkpoint(wanted.checkpoint)
    assert first.network.keys() == second.network.keys()
    for name, value in first.network.items():
        assert torch.equal(value, second.network[name]), name
    for one, other in ((first.best_float, second.best_float), (first.best_quantised, second.best_quantised)):
        assert one is not None and other is not None
        assert (one.epoch, one.accuracy, one.loss) == (other.epoch, other.accuracy, other.loss)
        assert all(torch.equal(value, other.state[name]) for name, value in one.state.items())
    for slot, state in first.optimiser["state"].items():
        assert torch.equal(state["momentum_buffer"], second.optimiser["state"][slot]["momentum_buffer"])
    assert without_times(rows_of(found)) == without_times(rows_of(wanted))
    assert found.model.read_bytes() == wanted.model.read_bytes()


class StopAfter(TrainingProgress):
    """Ends the process's part of a training as an error would, after so many steps."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._left = steps

    def step(self, loss: float) -> None:
        super().step(loss)
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt
