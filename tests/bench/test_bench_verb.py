# SPDX-License-Identifier: Apache-2.0
"""`subbyte bench` as a terminal sees it, on a network that is over in a moment."""

import json
import shutil
from pathlib import Path

import pytest

from tests.command import subbyte
from tests.models import tiny_model
from toolchain.bench.record import load_bench

pytestmark = [
    pytest.mark.arm,
    pytest.mark.emulated,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc"),
    pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm"),
]

Fixtures = tuple[pytest.MonkeyPatch, pytest.CaptureFixture[str]]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fixtures:
    return monkeypatch, capsys


def test_a_model_of_ones_own_on_two_cores(terminal: Fixtures, tmp_path: Path) -> None:
    said = subbyte(*terminal, "bench", tiny_model(tmp_path), "--board", "mps2-an385,mps2-an386")
    assert said.code == 0, said.err
    for words in ("tiny.tflite, ", "M3 ", "M4 ", "layer by layer", "conv2d", "Flash and RAM"):
        assert words in said.out


def test_a_run_is_held_against_its_record(terminal: Fixtures, tmp_path: Path) -> None:
    model, docs = tiny_model(tmp_path), tmp_path / "docs"
    asked = ("bench", model, "--board", "mps2-an386")
    written = subbyte(*terminal, *asked, "--out", docs)
    assert written.code == 0, written.err
    assert {path.name for path in docs.iterdir()} == {"benchmarks.md", "benchmarks.svg", "benchmarks.json"}
    record = docs / "benchmarks.json"
    (result,) = load_bench(record).results

    same = subbyte(*terminal, *asked, "--check", record)
    assert same.code == 0 and "1 results compared: every figure is the same" in same.out, same.out

    text = record.read_text()
    record.write_text(text.replace(f'"instructions": {result.instructions}', '"instructions": 1'))
    changed = subbyte(*terminal, *asked, "--check", record)
    assert changed.code == 1 and "1 figures differ" in changed.out
    assert f"{result.instructions:,}" in changed.out

    record.write_text(text.replace("gcc 12", "gcc 99").replace("gcc 13", "gcc 99").replace("gcc 14", "gcc 99"))
    other = subbyte(*terminal, *asked, "--check", record)
    assert other.code == 0 and "nothing was compared: tools: recorded 'qemu" in other.out


def test_json_is_the_record(terminal: Fixtures, tmp_path: Path) -> None:
    said = subbyte(*terminal, "bench", tiny_model(tmp_path), "--board", "mps2-an386", "--json")
    values = json.loads(said.out)
    assert values["bench"]["results"][0]["network"] == "tiny"
    path = tmp_path / "record.json"
    path.write_text(said.out)
    assert load_bench(path).networks == ("tiny",)


def test_single_layers_stand_beside_the_peers_figures(terminal: Fixtures) -> None:
    said = subbyte(*terminal, "bench", "--layers", "--board", "mps2-an386")
    assert said.code == 0, said.err
    for words in ("Single layers on the M4", "depthwise 3x3, 64 channels, 12x12", "8.52", "CMix-NN, 4 bit"):
        assert words in said.out


def test_single_layers_on_a_core_without_peers(terminal: Fixtures) -> None:
    said = subbyte(*terminal, "bench", "--layers", "--board", "mps2-an385")
    assert said.code == 0 and "Single layers on the M3" in said.out and "CMSIS" not in said.out


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--check", "none.json"], "none.json: cannot be read: No such file or directory"),
        (["none.tflite"], "none.tflite: there is no such file"),
        (["none.tflite", "--layers"], "give no --models and no --layers with it"),
        (["--from", "main"], "need --compare MODEL"),
        (["--compare", "none.tflite", "--layers"], "--compare counts one model"),
        (["--layers", "--board", "nucleo-f446re"], "board nucleo-f446re has no emulator"),
    ],
)
def test_a_wrong_question_is_one_clear_line(terminal: Fixtures, arguments: list[str], error: str) -> None:
    said = subbyte(*terminal, "bench", *arguments)
    assert said.code == 2 and error in said.err and said.err.count("\n") == 1
