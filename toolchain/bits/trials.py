# SPDX-License-Identifier: Apache-2.0
"""Trials: every assignment of bits that was tried on a trained network, and what it lost; kept in a file.

An assignment names the layers whose weights were rounded, without any training after it; the others stay as trained.
What it lost is measured over the same clips as the trained network itself, so the difference of each clip's
cross-entropy is taken clip by clip: its mean is known far better than either mean is.

    loss increase    mean over clips of (cross-entropy rounded - cross-entropy as trained)
    standard error   deviation of those differences / sqrt(clips)

The file is written after every trial; a scan that was stopped goes on where it ended.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.arch.weights import WeightSpec
from toolchain.errors import ModelError
from toolchain.files import write_text

FORMAT = 1

# Layer -> what its weights are rounded to. Layers that are not named stay as trained.
Assignment = Mapping[str, WeightSpec]
# The same as a key.
Allocation = tuple[tuple[str, WeightSpec], ...]


def allocation(assignment: Assignment) -> Allocation:
    """`assignment` as a key."""
    return tuple(assignment.items())


@dataclass(frozen=True, eq=False)
class ClipScores:
    """losses: float64 [N], cross-entropy of each clip. right: bool [N]."""

    losses: NDArray[np.float64]
    right: NDArray[np.bool_]


# What an assignment does to each clip; {} is the network as trained.
Judge = Callable[[Assignment], ClipScores]


@dataclass(frozen=True)
class Subject:
    """What trials are about: they cannot be mixed with those of another one.

    network, data: hashes. part: of the corpus. clips: how many of it. layers: name -> spec as trained, in order.
    """

    network: str
    data: str
    part: str
    clips: int
    layers: Mapping[str, WeightSpec]


@dataclass(frozen=True)
class Trial:
    """One assignment, only layers that are not as trained, in the network's order. correct: clips."""

    assignment: Assignment
    loss_increase: float
    standard_error: float
    correct: int


@dataclass
class Trials:
    """The trials of a subject so far; `of` makes those that are missing.

    judge: None where nothing more may be tried. path: of the file, None for none. Raises ModelError where the file is
    damaged or about another subject.
    """

    subject: Subject
    judge: Judge | None
    path: Path | None = None
    loss: float = math.nan
    correct: int = 0
    _known: dict[Allocation, Trial] = field(default_factory=dict)
    _trained: ClipScores | None = None

    def __post_init__(self) -> None:
        if self.path is not None and self.path.exists():
            self._load(self.path)

    def key(self, assignment: Assignment) -> Allocation:
        """The layers that are not as trained, in order."""
        trained = self.subject.layers
        return tuple(
            (name, assignment[name]) for name in trained if assignment.get(name, trained[name]) != trained[name]
        )

    def knows(self, assignment: Assignment) -> bool:
        """Whether it was tried before."""
        return self.key(assignment) in self._known

    def of(self, assignment: Assignment) -> Trial:
        """The trial of `assignment`. Raises ModelError where it was never made and no judge is there."""
        key = self.key(assignment)
        if key not in self._known:
            self._known[key] = self._tried(dict(key))
            self._save()
        return self._known[key]

    def accuracy(self, trial: Trial) -> float:
        """Share of the clips."""
        return trial.correct / self.subject.clips

    def _tried(self, assignment: Assignment) -> Trial:
        if self.judge is None:
            raise ModelError(f"{self.path}: holds no trial of {described(assignment)}")
        if self._trained is None:
            self._trained = self.judge({})
            self.loss = float(self._trained.losses.mean())
            self.correct = int(self._trained.right.sum())
        scores = self.judge(assignment) if assignment else self._trained
        differences = scores.losses - self._trained.losses
        n = len(differences)
        error = float(differences.std(ddof=1)) / math.sqrt(n) if n > 1 else 0.0
        return Trial(assignment, float(differences.mean()), error, int(scores.right.sum()))

    def _save(self) -> None:
        if self.path is None:
            return
        subject = asdict(self.subject) | {"layers": _written(self.subject.layers)}
        trials = [
            {
                "bits": _written(trial.assignment),
                "loss_increase": trial.loss_increase,
                "standard_error": trial.standard_error,
                "correct": trial.correct,
            }
            for trial in self._known.values()
        ]
        whole = {"format": FORMAT, **subject, "loss": self.loss, "correct": self.correct, "trials": trials}
        write_text(self.path, json.dumps(whole, indent=1, allow_nan=False) + "\n")

    def _load(self, path: Path) -> None:
        values = _read(path)
        try:
            known = Subject(
                values["network"], values["data"], values["part"], values["clips"], _specs(values["layers"])
            )
            self.loss, self.correct = float(values["loss"]), int(values["correct"])
            for row in values["trials"]:
                trial = Trial(
                    _specs(row["bits"]), float(row["loss_increase"]), float(row["standard_error"]), int(row["correct"])
                )
                self._known[self.key(trial.assignment)] = trial
        except (KeyError, TypeError, ValueError, AttributeError, ModelError) as error:
            raise ModelError(f"{path}: no scan of `subbyte bits`: {error!r}; name another file or delete it") from error
        for name, value in asdict(self.subject).items():
            if getattr(known, name) != getattr(self.subject, name):
                raise ModelError(
                    f"{path}: is about another {name} ({_short(getattr(known, name))} there, {_short(value)} now); "
                    f"name another file or delete it"
                )


def described(assignment: Assignment) -> str:
    """In one line: stem 8, block1 4 mid-rise."""
    return ", ".join(f"{name} {spec.bits if spec.usual else spec}" for name, spec in assignment.items()) or "nothing"


def _written(layers: Assignment) -> dict[str, str]:
    return {name: str(spec) for name, spec in layers.items()}


def _specs(values: Mapping[str, str]) -> dict[str, WeightSpec]:
    return {name: WeightSpec.parse(value) for name, value in values.items()}


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: no scan of `subbyte bits`: {error}") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise ModelError(f"{path}: no scan of `subbyte bits`, format {FORMAT}; name another file or delete it")
    return values


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
