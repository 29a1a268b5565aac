# SPDX-License-Identifier: Apache-2.0
"""Runs that go on from the float epochs of another, at fewer bits."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.nets.corpus import write_corpus
from tests.nets.networks import tiny_ds_cnn
from tests.nets.runs import StopAfter, assert_same_weights, numbers_of, rows_of
from toolchain.arch.weights import WeightPlan, WeightSpec
from toolchain.errors import ModelError
from toolchain.graph.onnx_in import read_onnx
from toolchain.graph.tensor import Grid
from toolchain.nets.checkpoint import load_checkpoint, save_checkpoint
from toolchain.nets.config import TrainConfig
from toolchain.nets.quantisers import Method
from toolchain.nets.run_folder import RunFolder, RunRecord
from toolchain.nets.train import train_run


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Decoded audio goes to a cache of this module's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    return TrainConfig(
        arch=tiny_ds_cnn(),
        data=write_corpus(tmp_path_factory.mktemp("corpus")),
        features="hello_edge",
        epochs=3,
        qat_epochs=1,
        batch=10,
        lr=0.3,
        averaging=0.5,
        threads=1,
    )


@pytest.fixture(scope="module")
def finished(config: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, RunRecord]:
    """The run whose float epochs are shared."""
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "undisturbed")
    return folder, train_run(config, folder.path)


@pytest.fixture
def half_done(config: TrainConfig, tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "half")
    with pytest.raises(KeyboardInterrupt):
        train_run(config, folder.path, progress=StopAfter(10))
    return folder


@pytest.mark.parametrize("qat_epochs", [0, 2])
def test_a_run_goes_on_from_the_float_epochs_of_another(
    finished: tuple[RunFolder, RunRecord], config: TrainConfig, tmp_path: Path, qat_epochs: int
) -> None:
    folder, record = finished
    plan = WeightPlan(WeightSpec.of(2), {"stem": WeightSpec.of(8)})
    asked = replace(
        config, start=folder.path, weights=plan, method=Method.LEARNED_STEP, teacher=0.5, qat_epochs=qat_epochs, lr=0.1
    )
    found = train_run(asked, tmp_path / "run")
    assert numbers_of(found)["float_test_accuracy"] == numbers_of(record)["float_test_accuracy"]
    assert found.config["weights"] == {"*": 2, "stem": 8}
    assert (found.config["lr"], found.config["epochs"]) == (config.lr, config.epochs), "as the float epochs were"
    assert rows_of(RunFolder(tmp_path / "run"))[: config.epochs] == rows_of(folder)[: config.epochs]
    assert len(rows_of(RunFolder(tmp_path / "run"))) == config.epochs + qat_epochs
    graph = read_onnx(RunFolder(tmp_path / "run").model)
    assert set(np.unique(graph.tensor("classifier_weights").array)) <= {-3, -1, 1, 3}
    stored = {name: graph.tensor(f"{name}_weights") for name in ("stem", "classifier")}
    assert {name: (tensor.bits, tensor.grid) for name, tensor in stored.items()} == {
        "stem": (8, Grid.MID_TREAD),
        "classifier": (2, Grid.MID_RISE),
    }
    assert train_run(asked, tmp_path / "run") == found, "the same again"


def test_low_bits_stopped_and_resumed_come_to_the_same_weights(
    finished: tuple[RunFolder, RunRecord], config: TrainConfig, tmp_path: Path
) -> None:
    asked = replace(
        config,
        start=finished[0].path,
        weights=WeightPlan(WeightSpec.of(4)),
        method=Method.SQUASHED,
        teacher=0.5,
        absolute_cosine=0.1,
        qat_epochs=2,
    )
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    train_run(asked, whole.path)
    with pytest.raises(KeyboardInterrupt):
        train_run(asked, stopped.path, progress=StopAfter(10))
    train_run(asked, stopped.path)
    assert_same_weights(stopped, whole)


def test_float_epochs_that_do_not_fit_are_refused(
    finished: tuple[RunFolder, RunRecord], half_done: RunFolder, config: TrainConfig, tmp_path: Path
) -> None:
    start = finished[0].path
    with pytest.raises(ModelError, match="is a run of tiny, which is not the network"):
        train_run(replace(config, arch=replace(config.arch, name="other"), start=start), tmp_path / "a")
    with pytest.raises(ModelError, match="no run folder"):
        train_run(replace(config, start=tmp_path / "nowhere"), tmp_path / "b")
    with pytest.raises(ModelError, match=r"of its 3 float epochs are done; let it finish them first"):
        train_run(replace(config, start=half_done.path), tmp_path / "c")
    squashed = RunFolder(Path(shutil.copytree(start, tmp_path / "squashed")))
    checkpoint = load_checkpoint(squashed.checkpoint)
    assert checkpoint.best_float is not None
    state = {f"parametrizations.{name}": value for name, value in checkpoint.best_float.state.items()}
    save_checkpoint(replace(checkpoint, best_float=replace(checkpoint.best_float, state=state)), squashed.checkpoint)
    with pytest.raises(ModelError, match="trained no plain float weights"):
        train_run(replace(config, start=squashed.path), tmp_path / "e")
    other = write_corpus(tmp_path / "other", seed=5)
    with pytest.raises(ModelError, match=r"its float epochs saw other data \(data differs\)"):
        train_run(replace(config, data=other, start=start), tmp_path / "d")
