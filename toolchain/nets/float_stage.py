# SPDX-License-Identifier: Apache-2.0
"""FloatStage: the float epochs of a finished run, for other runs to go on from: one float training, many widths."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from toolchain.errors import ModelError
from toolchain.nets.checkpoint import Best, load_checkpoint
from toolchain.nets.config import Course, TrainConfig
from toolchain.nets.modules import FloatNetwork
from toolchain.nets.run_folder import RunFolder, RunRecord, load_record

# What the data hang on, and what the float epochs do: a run that takes these over was asked the same.
_OF_DATA = ("data_seed",)
_OF_FLOAT = ("epochs", "lr", "weight_decay", *_OF_DATA)


@dataclass(frozen=True, eq=False)
class FloatStage:
    """path: the run folder they come from. best: the kept weights. history: rows of the epochs. record: run.json."""

    path: Path
    best: Best
    history: tuple[dict[str, Any], ...]
    record: RunRecord

    @property
    def sha256(self) -> str:
        """Of the weights: names, shapes and values."""
        digest = hashlib.sha256()
        for name, value in sorted(self.best.state.items()):
            digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
            digest.update(value.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def configured(self, config: TrainConfig) -> TrainConfig:
        """`config` with all that decided the float epochs as it was there; two-stage training has epochs of its own."""
        names = _OF_FLOAT if config.course is Course.STRAIGHT_THROUGH else _OF_DATA
        taken = {name: self.record.config[name] for name in names}
        return replace(config, float_stage=self.sha256, **taken)


def load_float_stage(path: Path, config: TrainConfig) -> FloatStage:
    """The float epochs of the run folder `path`.

    Raises ModelError: no run folder, float epochs still under way, another architecture, other features, other weights.
    """
    folder = RunFolder(path)
    record = load_record(path)
    missing = [name for name in _OF_FLOAT if name not in record.config]
    if missing:
        raise ModelError(f"{folder.record}: its config lacks {', '.join(missing)}")
    if record.arch != config.arch.to_dict():
        raise ModelError(f"{path}: is a run of {record.arch.get('name')}, which is not the network that was asked for")
    if record.feature_spec != config.feature_spec.to_dict():
        raise ModelError(f"{path}: was trained on other features than {config.features}")
    checkpoint = load_checkpoint(folder.checkpoint)
    epochs = record.config["epochs"]
    if len(checkpoint.history) < epochs or checkpoint.best_float is None:
        raise ModelError(
            f"{path}: {len(checkpoint.history)} of its {epochs} float epochs are done; let it finish them first"
        )
    if checkpoint.best_float.state.keys() != FloatNetwork(config.arch).state_dict().keys():
        raise ModelError(f"{path}: its first epochs trained no plain float weights; take a run of the usual recipe")
    return FloatStage(path, checkpoint.best_float, tuple(checkpoint.history[:epochs]), record)


def check_same_data(stage: FloatStage, record: RunRecord) -> None:
    """Raise ModelError where `record`, of the run that goes on, is of other data than the float epochs saw."""
    for name in ("data", "labels", "normalisation"):
        if getattr(stage.record, name) != getattr(record, name):
            raise ModelError(f"{stage.path}: its float epochs saw other data ({name} differs); give the same --data")
