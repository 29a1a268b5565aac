# SPDX-License-Identifier: Apache-2.0
"""train_run: from a configuration to a run folder. Decides what happens in which order; the state is in session.py.

    float epochs ──best──> fold batch norm, measure activation ranges ──> quantised epochs ──best──> model.onnx

After every epoch the whole state is written to checkpoint.pt. Whatever kills the process, the next one reads the last
checkpoint and computes exactly what would have come: each epoch's order, augmentation and learning rates follow from
(seed, epoch) alone, and torch runs with the number of threads of the run's first start.

Which weights are kept: of each stage the epoch of highest validation accuracy (of equals, of lowest loss). The test
part is looked at once, at the very end, for the kept float and the kept quantised weights; the latter as they stand in
model.onnx, in integers (integer_score.py).
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from toolchain import __version__
from toolchain.arch.counting import count_arch
from toolchain.arch.library import save_arch
from toolchain.errors import ModelError
from toolchain.files import write_bytes
from toolchain.graph.counting import Rule
from toolchain.graph.model import FEATURE_SPEC, LABELS, NORMALISATION
from toolchain.measure import How, Measure
from toolchain.nets.checkpoint import load_checkpoint, save_checkpoint
from toolchain.nets.config import TrainConfig
from toolchain.nets.feed import Feed, Feeds
from toolchain.nets.float_stage import check_same_data, load_float_stage
from toolchain.nets.integer_score import count_correct
from toolchain.nets.onnx_out import onnx_bytes
from toolchain.nets.progress import TrainingProgress
from toolchain.nets.recipes import course_of
from toolchain.nets.run_folder import RunFolder, RunRecord, load_record, save_record
from toolchain.nets.run_log import RunLog
from toolchain.nets.session import Session
from toolchain.nets.stages import evaluate
from toolchain.nets.torch_setup import prepare_torch


def train_run(
    config: TrainConfig,
    out: Path,
    *,
    resume: bool = False,
    progress: TrainingProgress | None = None,
    feeds: Feeds | None = None,
) -> RunRecord:
    """Train, or go on with the training that stands in `out`, to the end; returns what run.json then says.

    A folder that holds a run of the same configuration is gone on with, whether `resume` or not; `resume` only insists
    that there is one. feeds: shared with runs before and after. Raises ModelError: the folder holds another run or
    other files, its checkpoint is damaged, nothing to resume; DataError from the corpus.
    """
    folder = RunFolder(out)
    before = _record_before(folder, resume)
    float_stage = None if config.start is None else load_float_stage(config.start, config)
    if float_stage is not None:
        config = float_stage.configured(config)
    config = _settled(config, before)
    if before is not None:
        _check_same(before, config, folder)
        if before.status == "complete" and folder.model.is_file():
            return before
    assert config.threads is not None  # _settled
    device = prepare_torch(config.threads, config.device)
    with (
        progress or TrainingProgress() as shown,
        (feeds or Feeds()).feed(config, device, shown.work("reading audio")) as feed,
    ):
        record = _record(config, feed, "training")
        if before is not None:
            _check_same_data(before, record, folder)
        if float_stage is not None:
            check_same_data(float_stage, record)
        save_record(record, folder)
        save_arch(config.arch, folder.arch)
        session = Session(config, feed, device, float_stage)
        digest = _digest(record)
        if folder.checkpoint.exists():
            _restore(session, folder, digest)
            shown.say(f"going on after epoch {session.epochs_done} of {config.total_epochs}")
        _train(session, config, folder, digest, shown)
        return _finish(session, config, feed, record, folder, shown)


def _record_before(folder: RunFolder, resume: bool) -> RunRecord | None:
    """run.json of an earlier start, if there is one."""
    if folder.record.exists():
        return load_record(folder.path)
    if resume:
        raise ModelError(f"{folder.path}: nothing to resume: there is no run.json")
    if folder.path.exists() and (not folder.path.is_dir() or any(folder.path.iterdir())):
        raise ModelError(f"{folder.path}: exists and is no run folder; choose another with -o")
    return None


def _settled(config: TrainConfig, before: RunRecord | None) -> TrainConfig:
    """`config` with threads and device decided: as the run began, else all cores but one and a GPU if there is one."""
    recorded = before.config if before else {}
    device = config.device
    if device == "auto":
        device = recorded.get("device") or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise ModelError("device cuda: torch finds no GPU here (a run that began on one can only go on there)")
    # One core is left to the thread that makes the next epoch's features: faster than sharing all of them.
    threads = config.threads or recorded.get("threads") or max(1, len(os.sched_getaffinity(0)) - 1)
    return replace(config, threads=threads, device=device)


def _check_same(before: RunRecord, config: TrainConfig, folder: RunFolder) -> None:
    """Refuse a folder whose run was asked otherwise."""
    differing = _differing(before.config, config.to_dict()) + _differing(before.arch, config.arch.to_dict(), "arch.")
    if differing:
        raise ModelError(
            f"{folder.path}: holds a run of another configuration ({'; '.join(differing)}); "
            f"choose another folder with -o, or ask for the same again"
        )


def _differing(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    names = [name for name in {**new, **old} if old.get(name) != new.get(name)]
    return [f"{prefix}{name}: {old.get(name)!r} there, {new.get(name)!r} now" for name in names]


def _check_same_data(before: RunRecord, now: RunRecord, folder: RunFolder) -> None:
    """Refuse to go on with other audio, or with a front end that has changed."""
    for name in ("data", "labels", "feature_spec", "normalisation"):
        if getattr(before, name) != getattr(now, name):
            raise ModelError(
                f"{folder.path}: its run began with other data ({name} differs); give the same --data, "
                f"or choose another folder with -o"
            )


def _record(config: TrainConfig, feed: Feed, status: str) -> RunRecord:
    return RunRecord(
        status=status,
        config=config.to_dict(),
        arch=config.arch.to_dict(),
        feature_spec=feed.source.spec.to_dict(),
        normalisation=feed.source.normalisation.to_dict(),
        labels=feed.source.labels,
        data=feed.source.describe(),
        environment={"subbyte": __version__, "torch": torch.__version__},
    )


def _digest(record: RunRecord) -> str:
    """Hash of everything that decides the weights, but for versions of the software."""
    parts = [record.config, record.arch, record.feature_spec, record.normalisation, record.data]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _restore(session: Session, folder: RunFolder, digest: str) -> None:
    checkpoint = load_checkpoint(folder.checkpoint)
    if checkpoint.digest != digest:
        raise ModelError(f"{folder.checkpoint}: belongs to another run than the run.json beside it")
    try:
        session.restore(checkpoint)
    except (RuntimeError, KeyError, ValueError) as error:
        raise ModelError(f"{folder.checkpoint}: does not fit the run's network; it is damaged") from error


def _train(session: Session, config: TrainConfig, folder: RunFolder, digest: str, shown: TrainingProgress) -> None:
    """All epochs that are left."""
    steps = session.steps_per_epoch
    shown.begin(config.total_epochs * steps, session.epochs_done * steps)
    log = RunLog(folder, session.history)
    while session.epochs_done < config.total_epochs:
        shown.epoch(f"epoch {session.epochs_done + 1}/{config.total_epochs}")
        row = session.run_epoch(shown.step)
        save_checkpoint(session.checkpoint(digest), folder.checkpoint)
        log.append(row)
        shown.epoch_done(row)


def _finish(
    session: Session, config: TrainConfig, feed: Feed, record: RunRecord, folder: RunFolder, shown: TrainingProgress
) -> RunRecord:
    """Write the network, look at the test part, and say so in run.json, in this order."""
    (float_network, float_best), (quantised, int8_best) = session.best_networks()
    first_is = course_of(config).first_is
    metadata = {
        LABELS: json.dumps(list(record.labels)),
        FEATURE_SPEC: json.dumps(record.feature_spec),
        NORMALISATION: json.dumps(record.normalisation),
    }
    write_bytes(folder.model, onnx_bytes(quantised.integers(), metadata))
    tested = evaluate(float_network, feed.source.test)
    int8_correct = count_correct(folder.model, feed.source.test, shown.work("testing"))
    counted = count_arch(config.arch, Rule.MACS)
    numbers = [
        _number("float_validation_accuracy", float_best.accuracy, "1", f"best epoch: {float_best.epoch}"),
        _number("float_test_accuracy", tested.accuracy, "1", f"{tested.correct} of {tested.n} clips; {first_is}"),
        _number("int8_validation_accuracy", int8_best.accuracy, "1", f"best epoch: {int8_best.epoch}; simulated"),
        _number("int8_test_accuracy", int8_correct / tested.n, "1", f"{int8_correct} of {tested.n} clips; model.onnx"),
        _number("training_s", round(sum(row["seconds"] for row in session.history), 1), "s", "all epochs"),
        _number("macs", counted.macs, "MAC", "rule macs", How.ESTIMATED),
        _number("parameters", counted.parameters, "1", "batch norm folded", How.ESTIMATED),
    ]
    complete = replace(record, status="complete", numbers=tuple(numbers))
    save_record(complete, folder)
    return complete


def _number(name: str, value: float | int, unit: str, what: str, how: How = How.MEASURED) -> dict[str, Any]:
    return asdict(Measure(name, value, unit, how)) | {"what": what}
