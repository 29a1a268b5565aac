# SPDX-License-Identifier: Apache-2.0
"""What several verbs ask of MODEL: what its run folder says beside the network, and how it fares on a board."""

import tempfile
from pathlib import Path

from toolchain.boards import load_board
from toolchain.budget.assess import Assessment, assess
from toolchain.budget.limits import load_budget
from toolchain.cli.waiting import waiting
from toolchain.errors import ModelError
from toolchain.export.c import Aims
from toolchain.export.project import front_end_parts
from toolchain.files import temporary_files
from toolchain.graph.model import load_model_info
from toolchain.measure import How, Measure
from toolchain.nets.run_folder import RunFolder, RunRecord, load_record

# The number of run.json that a budget's `accuracy` is about.
ACCURACY = "int8_test_accuracy"


def run_record(model: Path) -> RunRecord | None:
    """run.json of a run folder; None for a model file, or a folder that holds a model.onnx without one."""
    return load_record(model) if RunFolder(model).record.is_file() else None


def recorded_accuracy(model: Path) -> Measure | None:
    """Test accuracy of the quantised network as training measured it; None where nothing was recorded."""
    record = run_record(model)
    found = [number for number in record.numbers if number.get("name") == ACCURACY] if record else []
    if not found:
        return None
    try:
        return Measure("accuracy", float(found[0]["value"]), "", How(found[0]["how"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{RunFolder(model).record}: {ACCURACY} is no number with its origin") from error


def data_seed(model: Path) -> int:
    """Seed by which training drew the corpus, so that evaluation gets the same test clips; 0 without a run folder."""
    record = run_record(model)
    seed = record.config.get("data_seed", 0) if record else 0
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ModelError(f"{RunFolder(model).record}: config.data_seed is {seed!r}, no integer")
    return seed


@temporary_files()
def assess_model(model: Path, board: str, budget: Path | None, *, aims: Aims, build: bool) -> Assessment:
    """Everything that is known of MODEL on a board; with `build` its firmware is built in a folder that goes away.

    Raises the errors of reading model, board and budget before anything is built.
    """
    limits = load_budget(budget) if budget else None
    described = load_board(board)
    info = load_model_info(model)
    accuracy = recorded_accuracy(model) if model.is_dir() else None
    parts = front_end_parts(info)
    if not build:
        return assess(info.graph, described, aims=aims, front_end=parts, budget=limits, accuracy=accuracy)
    with tempfile.TemporaryDirectory(prefix="subbyte-report-") as folder, waiting(f"Building for {described.id}"):
        return assess(
            info.graph,
            described,
            aims=aims,
            front_end=parts,
            folder=Path(folder),
            budget=limits,
            accuracy=accuracy,
        )
