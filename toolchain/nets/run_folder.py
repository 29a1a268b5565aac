# SPDX-License-Identifier: Apache-2.0
"""RunFolder: the files of one training run and what its run.json says. Knows no torch.

run.json        what was asked, what went in, what came out; the only file that a reader needs to understand a run
model.onnx      the quantised network (QDQ), once training is complete
checkpoint.pt   everything needed to go on, or to read the weights
log.jsonl       one line an epoch
tensorboard/    the same for TensorBoard
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from toolchain.errors import ModelError
from toolchain.files import write_text

FORMAT = 1


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run."""

    path: Path

    @property
    def record(self) -> Path:
        """run.json."""
        return self.path / "run.json"

    @property
    def model(self) -> Path:
        """The quantised network."""
        return self.path / "model.onnx"

    @property
    def checkpoint(self) -> Path:
        """The state of training."""
        return self.path / "checkpoint.pt"

    @property
    def arch(self) -> Path:
        """The architecture."""
        return self.path / "arch.toml"

    @property
    def log(self) -> Path:
        """One JSON object an epoch."""
        return self.path / "log.jsonl"

    @property
    def tensorboard(self) -> Path:
        """Event files."""
        return self.path / "tensorboard"


@dataclass(frozen=True)
class RunRecord:
    """run.json.

    status: `training` or `complete`. config: TrainConfig.to_dict(), without architecture. arch: ArchSpec.to_dict().
    feature_spec, normalisation: as the front end writes them. data: hash and clips of each part. environment: what
    else decides the last bit. numbers: Measures as dicts (name, value, unit, how) with `what` beside them.
    """

    status: str
    config: Mapping[str, Any]
    arch: Mapping[str, Any]
    feature_spec: Mapping[str, Any]
    normalisation: Mapping[str, Any]
    labels: tuple[str, ...]
    data: Mapping[str, Any]
    environment: Mapping[str, Any]
    numbers: tuple[Mapping[str, Any], ...] = field(default=())
    format: int = FORMAT


def save_record(record: RunRecord, folder: RunFolder) -> None:
    """Write run.json, atomically."""
    write_text(folder.record, json.dumps(asdict(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def load_record(path: Path) -> RunRecord:
    """Read run.json of the run folder `path`. Raises ModelError: no run folder, no JSON, another format."""
    where = RunFolder(path).record
    try:
        values = json.loads(where.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path}: no run folder: it has no run.json (`subbyte train` writes one)") from None
    except OSError as error:
        raise ModelError(f"{where}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{where}: no JSON: {error}") from error
    known = {f.name for f in fields(RunRecord)}
    if not isinstance(values, dict) or values.get("format") != FORMAT or set(values) != known:
        raise ModelError(f"{where}: not a run of format {FORMAT}; train again into a new folder")
    tables = ("config", "arch", "feature_spec", "normalisation", "data", "environment")
    for name in tables:
        if not isinstance(values[name], dict):
            raise ModelError(f"{where}: {name} must be a table")
    labels, numbers = values["labels"], values["numbers"]
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ModelError(f"{where}: labels must be a list of words")
    if not isinstance(numbers, list) or not all(isinstance(number, dict) for number in numbers):
        raise ModelError(f"{where}: numbers must be a list of tables")
    return RunRecord(**(values | {"labels": tuple(labels), "numbers": tuple(numbers)}))
