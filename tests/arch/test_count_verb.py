# SPDX-License-Identifier: Apache-2.0
"""`subbyte count`: what scripts may rely on, and what a person sees."""

import json
import sys
from pathlib import Path

import pytest

from toolchain.arch import builtin_names, load_arch, published, save_arch
from toolchain.cli import main


def _subbyte(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["subbyte", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("name", [name for name in builtin_names() if published(name)])
def test_json_has_the_published_figures(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = published(name)
    assert facts is not None
    assert _subbyte(monkeypatch, "count", name, "--rule", facts.rule, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found)[:5] == ["rule", "macs", "operations", "memory_bytes", "parameters"]
    assert (found["rule"], found["operations"]) == (facts.rule, facts.operations)
    assert found["memory_bytes"] == facts.memory_bytes


def test_the_table_has_a_row_a_layer_and_a_column_a_rule(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _subbyte(monkeypatch, "count", "DS-CNN-S") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == [
        "layer", "operator", "output", "macs", "hello_edge", "peter2020", "hello_edge", "peter2020"
    ]  # fmt: skip
    total = next(line for line in lines if line.startswith("total"))
    assert total.split()[1:] == ["2,656,768", "5,385,548", "2,643,968", "38,604", "45,196"]
    for layer in load_arch("ds_cnn_s").layers():
        assert any(line.split()[:1] == [layer.name] for line in lines)


def test_a_file_counts_like_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_arch(load_arch("ds_cnn_m"), tmp_path / "network.toml")
    assert _subbyte(monkeypatch, "count", str(tmp_path / "network.toml"), "--rule", "hello_edge", "--json") == 0
    assert json.loads(capsys.readouterr().out)["operations"] == 19_765_220


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ds_cnn_xl"], "no network is called 'ds_cnn_xl'. Did you mean ds_cnn_"),
        (["ds_cnn_s", "--rule", "flops"], "rule 'flops' is not one of macs, hello_edge, peter2020"),
        (["ds_cnn_s", "--rule", "device"], "linked firmware is counted by `subbyte report`"),
    ],
)
def test_a_wrong_argument_is_one_line(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _subbyte(monkeypatch, "count", *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ") and said in captured.err and captured.err.count("\n") == 1


def test_a_folder_without_run_json_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _subbyte(monkeypatch, "count", str(tmp_path)) == 2
    assert "no run folder: it has no run.json" in capsys.readouterr().err
