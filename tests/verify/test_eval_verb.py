# SPDX-License-Identifier: Apache-2.0
"""`subbyte eval`: from audio files to a confusion, the same on this machine, in the reference and on a board."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.command import Said, subbyte
from tests.models import audio_model, tiny_model
from tests.nets.corpus import write_corpus
from tests.projects import audio_front_end
from toolchain.data.corpus import load_corpus
from toolchain.frontend.numpy_frontend import features
from toolchain.graph.model import load_model
from toolchain.graph.reference import run_batch
from toolchain.verify.accuracy import Answers, Score, difference, score


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
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return audio_model(tmp_path_factory.mktemp("model"))


def test_host_and_reference_give_what_numpy_gives(corpus: Path, model: Path, command) -> None:
    front_end = audio_front_end(centred=False)
    graph = load_model(model)
    test = load_corpus(corpus, seed=0).test
    heard = features(front_end.spec, front_end.normalisation, test.x)
    outputs = run_batch(graph, {graph.inputs[0]: heard.reshape(-1, *graph.tensor(graph.inputs[0]).shape)})
    classes = outputs[graph.outputs[0]].reshape(len(test.x), -1).argmax(axis=1)
    for on in ("host", "reference"):
        said = command("eval", model, "--data", corpus, "--on", on, "--json")
        value = json.loads(said.out)
        assert said.code == 0
        assert (value["n"], value["correct"]) == (len(test.y), int((classes == test.y).sum()))
        assert value["accuracy"] == value["correct"] / value["n"]
        assert value["labels"] == list(test.labels) and value["how"] == "measured" and value["board"] is None
        expected = np.zeros((12, 12), int)
        np.add.at(expected, (test.y, classes), 1)
        assert value["confusion"] == expected.tolist()


def test_the_table_says_how_and_whether_it_compares_with_published_figures(corpus: Path, model: Path, command) -> None:
    said = command("eval", model, "--data", corpus, "--limit", 5)
    assert said.code == 0
    assert "Confusion in clips, measured" in said.out
    assert "of 5 test clips, C on this machine (measured)" in said.out
    assert "not with published figures" in said.out


@pytest.mark.arm
@pytest.mark.emulated
@pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm")
@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")
def test_a_board_hears_the_same_features_and_answers_the_same_bytes(corpus: Path, model: Path, command) -> None:
    options = ("--data", corpus, "--split", "validation", "--limit", 21)
    here = json.loads(command("eval", model, *options, "--json").out)
    said = command("eval", model, *options, "--on", "mps2-an386", "--json")
    there = json.loads(said.out)
    assert said.code == 0 and there["how"] == "emulated" and there["on"] == "mps2-an386"
    assert there["confusion"] == here["confusion"] and there["split"] == "validation"
    assert there["board"] == {
        "clips": 21,
        "feature_bytes": 21 * 49 * 10,
        "features_differing": 0,
        "output_bytes": 21 * 12,
        "outputs_differing": 0,
    }


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--on", "mps2"), "unknown board 'mps2'"),
        (("--on", "all"), "one board at a time"),
        (("--on", "nucleo-f446re"), "has no emulator"),
        (("--split", "tests"), "--split 'tests' is not one of train, validation, test"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    corpus: Path, model: Path, command, options: tuple[str, ...], text: str
) -> None:
    said = command("eval", model, "--data", corpus, *options)
    assert said.code == 2 and text in said.err and said.err.count("\n") == 1


def test_a_model_without_front_end_or_classes_cannot_be_evaluated(corpus: Path, tmp_path: Path, command) -> None:
    said = command("eval", tiny_model(tmp_path), "--data", corpus)
    assert said.code == 2 and "does not say how sound becomes its input" in said.err


def test_a_byte_that_differs_is_counted_in_features_and_outputs_apart() -> None:
    here = Answers(np.zeros((3, 4, 2), np.int8), np.zeros((3, 5), np.int8))
    there = Answers(here.features.copy(), here.outputs.copy())
    assert difference(there, here).ok
    there.features[1, 2, 0] = 1
    there.outputs[2, 4] = there.outputs[2, 3] = -1
    found = difference(there, here)
    assert (found.features_differing, found.outputs_differing, found.ok) == (1, 2, False)
    assert (found.feature_bytes, found.output_bytes, found.clips) == (24, 15, 3)


def test_of_equal_outputs_the_first_class_counts() -> None:
    class TwoClips:
        labels = ("yes", "no", "silence", "unknown")
        y = np.array([1, 1, 0])

    outputs = np.array([[3, 3, 0, 0], [-128, 127, 127, 0]], np.int8)
    result = score(Answers(np.zeros((2, 1, 1), np.int8), outputs), TwoClips)  # type: ignore[arg-type]
    assert result.confusion[1].tolist() == [1, 1, 0, 0]
    assert (result.n, result.correct, result.accuracy) == (2, 1, 0.5)
    assert Score(("a",), np.zeros((1, 1), np.int64)).accuracy == 0.0
