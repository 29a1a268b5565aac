# SPDX-License-Identifier: Apache-2.0
"""Training as a whole: what a run leaves behind, what a kill does not change, what is refused."""

import json
import pickle
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from tests.nets.corpus import write_corpus
from tests.nets.networks import small_mbc, tiny_ds_cnn
from tests.nets.runs import StopAfter, assert_same_weights, numbers_of, rows_of
from toolchain.arch import load_arch, save_arch
from toolchain.arch.weights import WeightPlan, WeightSpec
from toolchain.data.corpus import load_corpus
from toolchain.errors import ModelError, SubbyteError
from toolchain.frontend import FeatureSpec, Frontend, Normalisation
from toolchain.graph.model import load_model_info
from toolchain.graph.reference import run
from toolchain.nets.checkpoint import load_checkpoint
from toolchain.nets.config import TrainConfig
from toolchain.nets.run_folder import RunFolder, RunRecord, load_record
from toolchain.nets.run_log import RunLog
from toolchain.nets.train import train_run


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Decoded audio goes to a cache of this module's own, also in the processes that it starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def config(data: Path) -> TrainConfig:
    return TrainConfig(
        arch=tiny_ds_cnn(),
        data=data,
        features="hello_edge",
        epochs=12,
        qat_epochs=3,
        batch=10,
        lr=0.3,
        averaging=0.5,  # 84 steps in all are too few for the usual one
        threads=2,
    )


@pytest.fixture(scope="module")
def finished(config: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, RunRecord]:
    """A run that nobody disturbed."""
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "undisturbed")
    return folder, train_run(config, folder.path)


def test_a_run_learns_and_says_what_it_found(finished: tuple[RunFolder, RunRecord], config: TrainConfig) -> None:
    folder, record = finished
    assert record == load_record(folder.path) and record.status == "complete"
    numbers = numbers_of(record)
    assert numbers["float_test_accuracy"] > 0.6 and numbers["int8_test_accuracy"] > 0.6, "chance is 1/12"
    assert numbers["macs"] == 52_000
    assert {number["how"] for number in record.numbers} == {"measured", "estimated"}
    assert record.labels[-2:] == ("silence", "unknown") and len(record.labels) == 12
    rows = rows_of(folder)
    assert [row["epoch"] for row in rows] == list(range(1, 16))
    assert [row["stage"] for row in rows] == ["float"] * 12 + ["int8"] * 3
    assert load_arch(folder.arch) == config.arch
    best = max(row["validation_accuracy"] for row in rows[:12])
    assert numbers["float_validation_accuracy"] == best


def test_the_written_model_scores_what_the_run_says(finished: tuple[RunFolder, RunRecord], config: TrainConfig) -> None:
    """model.onnx stands alone: its own metadata make the features on which it must score what run.json says."""
    folder, record = finished
    info = load_model_info(folder.path)
    assert info.labels == record.labels
    assert info.feature_spec is not None and info.normalisation is not None
    frontend = Frontend(FeatureSpec.from_dict(info.feature_spec), Normalisation.from_dict(info.normalisation))
    test = load_corpus(config.data, seed=config.data_seed).test
    features = frontend.features(test.x)
    answers = [
        run(info.graph, {info.graph.inputs[0]: clip[None, :, :, None]})[info.graph.outputs[0]].argmax()
        for clip in features
    ]
    assert np.mean(answers == test.y) == numbers_of(record)["int8_test_accuracy"]
    session = onnxruntime.InferenceSession(folder.model, providers=["CPUExecutionProvider"])
    scaled = features[:, None].astype(np.float32) / 32
    others = [session.run(None, {"input": clip[None]})[0].argmax() for clip in scaled]
    assert np.mean(np.equal(answers, others)) > 0.9, "ONNX Runtime computes the same file in floats"


def test_tensorboard_reads_the_curves(finished: tuple[RunFolder, RunRecord]) -> None:
    reader = (
        "import json, sys; from tensorboard.backend.event_processing.event_accumulator import EventAccumulator;"
        "events = EventAccumulator(sys.argv[1]); events.Reload();"
        "print(json.dumps([[s.step, s.value] for s in events.Scalars('accuracy/validation')]))"
    )
    folder, _ = finished
    shown = subprocess.run(
        [sys.executable, "-c", reader, str(folder.tensorboard)], capture_output=True, text=True, check=True
    )
    found = json.loads(shown.stdout)
    rows = rows_of(folder)
    assert [step for step, _ in found] == [row["epoch"] for row in rows]
    assert [value for _, value in found] == pytest.approx([row["validation_accuracy"] for row in rows])


def test_the_same_command_again_changes_nothing(finished: tuple[RunFolder, RunRecord], config: TrainConfig) -> None:
    folder, record = finished
    before = {path.name: path.read_bytes() for path in folder.path.iterdir() if path.is_file()}
    assert train_run(config, folder.path) == record
    assert train_run(config, folder.path, resume=True) == record
    assert before == {path.name: path.read_bytes() for path in folder.path.iterdir() if path.is_file()}


def test_a_training_stopped_anywhere_goes_on_to_the_same_weights(
    finished: tuple[RunFolder, RunRecord], config: TrainConfig, tmp_path: Path
) -> None:
    """Stopped again and again after a random number of steps: in both stages, within and between epochs."""
    folder = RunFolder(tmp_path / "stopped")
    draw = random.Random(1)
    stops = 0
    while True:
        try:
            train_run(config, folder.path, progress=StopAfter(draw.randint(15, 60)))
            break
        except KeyboardInterrupt:
            stops += 1
            assert not folder.model.exists()
    assert stops >= 3
    assert_same_weights(folder, finished[0])


def test_several_threads_repeat_to_the_bit_as_well(config: TrainConfig, tmp_path: Path) -> None:
    config = replace(config, epochs=2, qat_epochs=1, threads=2)
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    train_run(config, whole.path)
    with pytest.raises(KeyboardInterrupt):
        train_run(config, stopped.path, progress=StopAfter(10))
    train_run(config, stopped.path)
    assert_same_weights(stopped, whole)


# A process of `subbyte` that takes its own life, as no handler could prevent, when it has taken so many steps.
_MORTAL = """
import os, signal, sys
from toolchain.cli import main
from toolchain.nets.progress import TrainingProgress
left = int(sys.argv.pop(1))
whole_step = TrainingProgress.step
def step(self, loss):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    whole_step(self, loss)
TrainingProgress.step = step
main()
"""


@pytest.mark.parametrize("steps", [17, 89], ids=["in float", "on the grid"])
def test_a_killed_process_goes_on_to_the_same_weights(
    steps: int, finished: tuple[RunFolder, RunRecord], config: TrainConfig, tmp_path: Path
) -> None:
    """SIGKILL within an epoch (of 7 steps), then the same command again."""
    folder = RunFolder(tmp_path / "killed")
    save_arch(config.arch, tmp_path / "tiny.toml")
    arguments = ["train", str(tmp_path / "tiny.toml"), "--data", str(config.data), "-o", str(folder.path)]
    arguments += ["--epochs", "12", "--qat-epochs", "3", "--batch", "10", "--lr", "0.3", "--averaging", "0.5"]
    arguments += ["--threads", "2"]
    killed = subprocess.run([sys.executable, "-c", _MORTAL, str(steps), *arguments], capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    assert len(load_checkpoint(folder.checkpoint).history) == steps // 7
    entry = "from toolchain.cli import main; main()"
    resumed = subprocess.run(
        [sys.executable, "-c", entry, *arguments, "--resume", "--json"], capture_output=True, text=True
    )
    assert resumed.returncode == 0, resumed.stderr
    assert f"going on after epoch {steps // 7} of 15" in resumed.stderr
    assert json.loads(resumed.stdout)["status"] == "complete"
    assert_same_weights(folder, finished[0])


def test_without_epochs_on_the_grid_the_network_is_only_measured(config: TrainConfig, tmp_path: Path) -> None:
    config = replace(config, arch=small_mbc(), features="peter2020", epochs=1, qat_epochs=0)
    record = train_run(config, tmp_path / "run")
    assert record.status == "complete" and RunFolder(tmp_path / "run").model.exists()
    assert (
        next(n["what"] for n in record.numbers if n["name"] == "int8_validation_accuracy") == "best epoch: 1; simulated"
    )


def test_another_configuration_is_refused_with_what_differs(
    finished: tuple[RunFolder, RunRecord], config: TrainConfig
) -> None:
    folder, _ = finished
    other = replace(config, epochs=13, arch=replace(tiny_ds_cnn(), name="other"))
    with pytest.raises(ModelError) as caught:
        train_run(other, folder.path)
    assert "epochs: 12 there, 13 now" in str(caught.value)
    assert "arch.name: 'tiny' there, 'other' now" in str(caught.value)
    assert str(folder.path) in str(caught.value)


@pytest.fixture
def half_done(config: TrainConfig, tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "half")
    with pytest.raises(KeyboardInterrupt):
        train_run(config, folder.path, progress=StopAfter(20))
    return folder


def test_other_data_is_refused(half_done: RunFolder, config: TrainConfig, tmp_path: Path) -> None:
    other = write_corpus(tmp_path / "other", seed=1)
    with pytest.raises(ModelError, match=r"its run began with other data \(data differs\)"):
        train_run(replace(config, data=other), half_done.path)


def test_a_truncated_checkpoint_is_one_clear_error(half_done: RunFolder, config: TrainConfig) -> None:
    whole = half_done.checkpoint.read_bytes()
    for n_bytes in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        half_done.checkpoint.write_bytes(whole[:n_bytes])
        with pytest.raises(ModelError, match="no readable checkpoint"):
            train_run(config, half_done.path)
    half_done.checkpoint.write_bytes(whole)
    train_run(config, half_done.path)


class _Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("harm"),))


def test_a_foreign_checkpoint_is_an_error_and_is_not_run(
    half_done: RunFolder, config: TrainConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    half_done.checkpoint.write_bytes(pickle.dumps(_Harmful()))
    with pytest.raises(ModelError, match="no readable checkpoint"):
        train_run(config, half_done.path)
    torch.save(_Harmful(), half_done.checkpoint)
    with pytest.raises(ModelError, match="no readable checkpoint"):
        train_run(config, half_done.path)
    assert not Path("harm").exists()
    torch.save({"weights": torch.zeros(3)}, half_done.checkpoint)
    with pytest.raises(ModelError, match="no checkpoint of `subbyte train`"):
        train_run(config, half_done.path)


def test_a_checkpoint_of_another_run_is_an_error(
    half_done: RunFolder, config: TrainConfig, finished: tuple[RunFolder, RunRecord], tmp_path: Path
) -> None:
    other = RunFolder(tmp_path / "other")
    with pytest.raises(KeyboardInterrupt):
        train_run(replace(config, seed=7), other.path, progress=StopAfter(20))
    shutil.copy(other.checkpoint, half_done.checkpoint)
    with pytest.raises(ModelError, match=r"checkpoint\.pt: belongs to another run"):
        train_run(config, half_done.path)


def test_a_checkpoint_that_does_not_fit_its_network_is_an_error(half_done: RunFolder, config: TrainConfig) -> None:
    values = torch.load(half_done.checkpoint, weights_only=True)
    values["network"].pop("units.stem.conv.weight")
    torch.save(values, half_done.checkpoint)
    with pytest.raises(ModelError, match="does not fit the run's network"):
        train_run(config, half_done.path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "no JSON"),
        ("[" * 99999, "no JSON"),
        ("[]", "not a run of format 1"),
        ('{"format": 2}', "not a run of format 1"),
    ],
    ids=["cut", "deep", "list", "other format"],
)
def test_a_damaged_run_json_is_an_error(content: str, said: str, half_done: RunFolder, config: TrainConfig) -> None:
    half_done.record.write_text(content)
    with pytest.raises(ModelError, match=said):
        train_run(config, half_done.path)


def test_nothing_is_written_where_there_is_nothing_to_resume(config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing to resume"):
        train_run(config, tmp_path / "new", resume=True)
    assert not (tmp_path / "new").exists()


def test_a_folder_of_other_things_is_left_alone(config: TrainConfig, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ModelError, match="exists and is no run folder"):
        train_run(config, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_network_for_other_classes_is_refused(config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has 4 classes, the corpus has 12: yes, no, "):
        train_run(replace(config, arch=tiny_ds_cnn(classes=4)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_training_that_diverges_says_so(config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"training diverged: the loss (is|on validation is) (nan|inf)"):
        train_run(replace(config, lr=100.0, weight_decay=1.0), tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weights": WeightPlan(layers={"stm": WeightSpec.of(4)})}, "no layer with weights is called 'stm'"),
        ({"teacher": 1.5}, "--teacher is 1.5, must be 0.0..1.0"),
        ({"features": "peter2020"}, "features peter2020 give 51 frames x 10 values, but tiny takes 49 x 10"),
        ({"features": "spectrum"}, "'spectrum-10' are not known"),
        ({"epochs": 0}, "--epochs is 0, must be 1..100000"),
        ({"batch": 1}, "--batch is 1, must be 2..65536"),
        ({"lr": float("nan")}, "--lr nan is no finite number"),
        ({"label_smoothing": 1.0}, "--label-smoothing is 1.0, must be 0.0..0.99"),
        ({"device": "tpu"}, "--device 'tpu' is not one of auto, cpu, cuda"),
    ],
)
def test_a_wrong_configuration_is_refused(changes: dict[str, Any], said: str, config: TrainConfig) -> None:
    with pytest.raises(SubbyteError) as caught:
        replace(config, **changes)
    assert said in str(caught.value)


def test_a_lost_model_is_written_again_from_the_checkpoint(
    finished: tuple[RunFolder, RunRecord], config: TrainConfig, tmp_path: Path
) -> None:
    folder, record = finished
    copy = RunFolder(Path(shutil.copytree(folder.path, tmp_path / "copy")))
    copy.model.unlink()
    assert train_run(config, copy.path) == record
    assert copy.model.read_bytes() == folder.model.read_bytes()


def test_no_threads_at_all_are_refused(config: TrainConfig) -> None:
    with pytest.raises(ModelError, match="--threads is 0, must be 1"):
        replace(config, threads=0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_fills_up_within_the_log_is_one_clear_error(
    finished: tuple[RunFolder, RunRecord], tmp_path: Path
) -> None:
    folder, rows = RunFolder(tmp_path), rows_of(finished[0])
    log = RunLog(folder, rows[:1])
    folder.log.unlink()
    folder.log.symlink_to("/dev/full")
    with pytest.raises(SubbyteError, match=r"log\.jsonl: cannot be written: No space left on device"):
        log.append(rows[1])
