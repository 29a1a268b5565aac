# SPDX-License-Identifier: Apache-2.0
"""`subbyte eval --det`: from a corpus and a run folder to curves, table, picture; the same bytes on a board."""

import csv
import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.command import Said, subbyte
from tests.models import audio_model
from tests.nets.corpus import write_corpus
from tests.nets.networks import tiny_ds_cnn
from tests.projects import audio_front_end
from toolchain.arch.weights import WeightPlan, WeightSpec
from toolchain.nets.config import Course, TrainConfig, usual_recipe
from toolchain.nets.float_network import float_network
from toolchain.nets.train import train_run


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """`command("eval", ...)` -> Said."""

    def run(*arguments: object) -> Said:
        return subbyte(monkeypatch, capsys, *arguments)

    return run


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("speech") / "corpus")


@pytest.fixture(scope="module")
def trained(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learnt the sweeps."""
    folder = tmp_path_factory.mktemp("runs") / "ears"
    settings = {"epochs": 12, "qat_epochs": 3, "batch": 10, "lr": 0.3, "averaging": 0.5, "threads": 1}
    train_run(TrainConfig(arch=tiny_ds_cnn(), data=corpus, features="hello_edge", **settings), folder)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return audio_model(tmp_path_factory.mktemp("model"))


def test_a_trained_network_detects_and_its_float_stage_is_the_reference(
    corpus: Path, trained: Path, tmp_path: Path, command
) -> None:
    svg, points = tmp_path / "det.svg", tmp_path / "det.csv"
    options = ("--data", corpus, "--det", "--hours", "0.1", "--fah", "100")
    said = command("eval", f"{trained}@float", trained, *options, "--json", "--svg", svg, "--csv", points)
    assert said.code == 0
    value = json.loads(said.out)
    reference, ours = value["models"]
    assert [reference["name"], ours["name"]] == ["ears@float", "ears"] and value["how"] == "measured"
    assert value["stream"]["hours"] == pytest.approx(0.1) and value["stream"]["keywords_said"] > 20
    for model in (reference, ours):
        fah, frr = np.array(model["det"]["fah"]), np.array(model["det"]["frr"])
        assert (fah[0], frr[0]) == (0, 1) and model["thresholds"][0] is None
        # What fires a hundred times an hour by chance hits one word in twenty.
        assert frr[fah <= 100].min() < 0.75
        missed = sum(np.array(one["frr"]) * said_of(points, name) for name, one in model["keywords"].items())
        assert missed / value["stream"]["keywords_said"] == pytest.approx(frr)
        assert sum(np.array(one["fah"]) for one in model["keywords"].values()) == pytest.approx(fah)
    assert reference["relative_fdr"] is None and set(ours["relative_fdr"]) == {"value", "low", "high"}
    assert any("a relative FDR within ± 5 %" in warning for warning in value["warnings"])
    assert "training heard the first 4/5" in value["notes"][0]
    picture = ElementTree.fromstring(svg.read_text(encoding="utf-8"))
    assert len(picture.findall(".//{*}polyline")) == 2 * (1 + 10)


def said_of(points: Path, keyword: str) -> int:
    """How often a keyword is said, by the CSV file."""
    with points.open(encoding="utf-8", newline="") as file:
        return next(int(row["said"]) for row in csv.DictReader(file) if row["keyword"] == keyword)


def test_points_are_written_as_they_were_counted(corpus: Path, model: Path, tmp_path: Path, command) -> None:
    options = ("--data", corpus, "--det", "--hours", "0.02", "--on", "reference", "--csv", tmp_path / "det.csv")
    value = json.loads(command("eval", model, *options, "--json").out)
    with (tmp_path / "det.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert value["on"] == "reference" and len(rows) == 11 * len(value["models"][0]["thresholds"])
    for name, curve in (("all", value["models"][0]["det"]), *value["models"][0]["keywords"].items()):
        of_it = [row for row in rows if row["keyword"] == name]
        assert [float(row["fah"]) for row in of_it] == curve["fah"]
        assert [float(row["frr"]) for row in of_it] == curve["frr"]
        assert all(int(row["false_detections"]) == pytest.approx(float(row["fah"]) * 2 / 60) for row in of_it)
        assert all(int(row["missed"]) == pytest.approx(float(row["frr"]) * max(1, int(row["said"]))) for row in of_it)
    assert rows[0]["threshold"] == "inf"


def test_host_and_reference_decide_alike_and_the_seed_decides_the_stream(corpus: Path, model: Path, command) -> None:
    options = ("--data", corpus, "--det", "--hours", "0.02", "--split", "validation", "--json")
    host, reference, other = (
        json.loads(command("eval", model, *options, *more).out) for more in ((), ("--on", "reference"), ("--seed", "5"))
    )
    assert host["models"] == reference["models"] and host["stream"] == reference["stream"]
    assert other["stream"]["seed"] == 5 and other["stream"]["sha256"] != host["stream"]["sha256"]
    assert "it may know this background" in host["notes"][0]  # a .tflite file does not say what was trained with


def test_the_tables_say_what_was_heard_and_warn(corpus: Path, trained: Path, command) -> None:
    said = command("eval", trained, "--data", corpus, "--det", "--hours", "0.03", "--hop-ms", "200")
    assert said.code == 0
    assert (
        "stream of 0.0333 h, seed 0:" in said.out and "a decision every 200 ms, posteriors averaged over 2" in said.out
    )
    assert "Keywords missed (false rejection rate)" in said.out and "relative FDR" not in said.out.split("careful")[0]
    assert "ears at threshold" in said.out and "measured" in said.out
    assert "careful: 10 false detections an hour are 0.333 in 0.0333 h, too few to count: take 1 h or more" in said.out
    assert "keywords are said: a false rejection rate in steps of" in said.out


def test_a_run_whose_first_stage_was_not_float_has_no_float_network(corpus: Path, tmp_path: Path, command) -> None:
    weights = WeightPlan(WeightSpec.of(4))
    config = TrainConfig(
        arch=tiny_ds_cnn(),
        data=corpus,
        features="hello_edge",
        epochs=1,
        qat_epochs=1,
        batch=10,
        weights=weights,
        course=Course.TWO_STAGE,
        method=usual_recipe(weights, Course.TWO_STAGE).method,
        threads=1,
    )
    train_run(config, tmp_path / "run")
    said = command("eval", f"{tmp_path / 'run'}@float", "--data", corpus, "--det")
    assert said.code == 2 and "its first epochs trained no plain float weights" in said.err


def test_the_float_stage_is_the_network_that_was_trained(trained: Path) -> None:
    import torch

    from toolchain.nets.checkpoint import load_checkpoint
    from toolchain.nets.modules import FloatNetwork

    best = load_checkpoint(trained / "checkpoint.pt").best_float
    assert best is not None
    network = FloatNetwork(tiny_ds_cnn())
    network.load_state_dict(best.state)
    windows = np.random.default_rng(0).integers(-128, 128, (300, 49, 10)).astype(np.int8)
    with torch.no_grad():
        expected = network.eval()(torch.from_numpy(windows[:, None] / np.float32(32))).numpy()
    found = float_network(trained)(windows)
    assert found.dtype == np.float32 and found == pytest.approx(expected, abs=1e-5)
    assert float_network(trained)(windows[:0]).shape == (0, 12)


@pytest.mark.arm
@pytest.mark.emulated
@pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm")
@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")
@pytest.mark.parametrize("centred", [False, True])
def test_a_board_hears_the_stream_hop_by_hop_and_decides_the_same(
    corpus: Path, tmp_path: Path, command, centred: bool
) -> None:
    model = audio_model(tmp_path, audio_front_end(centred=centred))
    options = ("--data", corpus, "--det", "--hours", "0.01", "--hop-ms", "200", "--seed", "2", "--json")
    here = json.loads(command("eval", model, *options).out)
    said = command("eval", model, *options, "--on", "mps2-an386")
    there = json.loads(said.out)
    assert said.code == 0 and there["how"] == "emulated" and there["models"] == here["models"]
    (board,) = there["boards"]
    frames = 51 if centred else 49
    decisions = there["models"][0]["decisions"]
    assert decisions == 1 + (60 * 50 - (2 + frames - 1)) // 10
    assert board == {
        "decisions": decisions,
        "feature_bytes": decisions * frames * 10,
        "features_differing": 0,
        "output_bytes": decisions * 12,
        "outputs_differing": 0,
        "model": "ears.tflite",
    }


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--hours", "1"), "--hours, --hop-ms, --svg and --csv are for streams: add --det"),
        (("--det", "--limit", "3"), "--limit is for clips"),
        (("--det", "--fah", "0"), "--fah 0: more than 0"),
        (("--det", "--fah", "nan"), "--fah nan: more than 0"),
        (("--det", "--hours", "-1"), "-1 hours; more than 0"),
        (("--det", "--hours", "0"), "0 hours; more than 0"),
        (("--det", "--hop-ms", "0"), "--hop-ms 0 is outside 1..60000"),
        (("--det", "--hop-ms", "30"), "take a multiple of 20 up to 980"),
        (("--det", "--smooth-ms", "-5"), "--smooth-ms -5 is outside 0..60000"),
        (("--det", "--on", "nucleo-f446re"), "has no emulator"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    corpus: Path, model: Path, command, options: tuple[str, ...], text: str
) -> None:
    said = command("eval", model, "--data", corpus, *options)
    assert said.code == 2 and text in said.err and said.err.count("\n") == 1


def test_models_that_do_not_go_together_are_refused(corpus: Path, model: Path, trained: Path, command) -> None:
    for arguments, text in (
        ((model, trained), "accuracy is of one MODEL at a time"),
        ((f"{trained}@float",), "accuracy is of one MODEL at a time"),
        ((model, model, "--det"), "a MODEL is named twice"),
        ((f"{trained}@float", "--det", "--on", "mps2-an386"), "a float network runs on no board"),
        ((f"{model}@float", "--det"), "no run folder"),
    ):
        said = command("eval", *arguments, "--data", corpus)
        assert said.code == 2 and text in said.err and said.err.count("\n") == 1, arguments
