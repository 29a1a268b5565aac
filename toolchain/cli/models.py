# SPDX-License-Identifier: Apache-2.0
"""What a run folder says beyond its model: the accuracy that was measured, and how the corpus was drawn."""

from pathlib import Path

from toolchain.errors import ModelError
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
