# SPDX-License-Identifier: Apache-2.0
"""`subbyte report` and `subbyte check`: exit codes, what scripts may rely on, one clear line for what is wrong."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.command import Said, subbyte
from tests.graphs import GraphBuilder
from tests.models import audio_model, tiny_model
from toolchain.export.tflite import tflite_bytes

compiled = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """`command("report", ...)` -> Said."""

    def run(*arguments: object) -> Said:
        return subbyte(monkeypatch, capsys, *arguments)

    return run


def _budget(folder: Path, text: str) -> Path:
    path = folder / "budget.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_estimates_are_printed_without_wrapping_and_without_colour(tmp_path: Path, command) -> None:
    said = command("report", tiny_model(tmp_path), "--board", "mps2-an386", "--no-build")
    assert said.code == 0 and said.err == "" and "\x1b" not in said.out
    lines = said.out.splitlines()
    assert lines[0].startswith("tiny (graph ") and lines[0].endswith("on mps2-an386, cortex-m4")
    header = next(line for line in lines if line.split()[:3] == ["#", "layer", "operator"])
    assert "kernel" in header and len(header) > 100
    assert any(line.startswith("Arena over time, ") for line in lines)


@pytest.mark.arm
@compiled
def test_report_writes_every_format_from_one_build(tmp_path: Path, command) -> None:
    paths = {name: tmp_path / f"report.{name}" for name in ("html", "markdown", "junit")}
    options = [part for name, path in paths.items() for part in (f"--{name}", path)]
    said = command("report", audio_model(tmp_path), "--board", "mps2-an386", "--json", *options)
    value = json.loads(said.out)
    assert said.code == 0 and said.err == ""
    assert value["board"] == "mps2-an386" and value["core"] == "cortex-m4"
    parts = {part["name"]: part for part in value["parts"]}
    for name in ("weights", "arena"):
        assert parts[name]["estimated"] == parts[name]["linked"] > 0
    assert value["how"]["flash_bytes"] == value["how"]["ram_bytes"] == value["how"]["stack_bytes"] == "linked"
    assert value["flash_bytes"] == sum(
        part["linked"] for part in value["parts"] if part["memory"] == "flash" and part["within"] is None
    )
    assert "frontend" in [contribution["part"] for contribution in value["contributions"]]
    assert f"{value['flash_bytes']:,}" in paths["html"].read_text(encoding="utf-8")
    assert "within its limits" in paths["markdown"].read_text(encoding="utf-8")
    assert ElementTree.parse(paths["junit"]).getroot().get("tests") == "3"


@pytest.mark.arm
@compiled
def test_check_exits_1_with_what_is_over_and_0_within(tmp_path: Path, command) -> None:
    model = tiny_model(tmp_path)
    tight = _budget(tmp_path, 'flash_bytes = "1 kB"\nmacs = "1 M"\n')
    said = command("check", model, "--board", "mps2-an386", "--budget", tight)
    assert said.code == 1
    assert "OVER by" in said.out and "over budget: 1 of 5 limits" in said.out and "narrower weights" in said.out
    said = command("check", model, "--board", "mps2-an386", "--budget", tight, "--json")
    (breach,) = (value := json.loads(said.out))["breaches"]
    assert said.code == 1 and value["ok"] is False
    assert (breach["limit"], breach["allowed"]) == ("flash_bytes", 1000) and breach["value"] > 1000
    roomy = _budget(tmp_path, 'flash_bytes = "1 MB"\n[operations]\nhello_edge = "1 M"\n')
    said = command("check", model, "--board", "mps2-an386", "--budget", roomy, "--json")
    value = json.loads(said.out)
    assert said.code == 0 and value["ok"] is True and value["breaches"] == []
    checks = {(check["limit"], check["allowed"]): check for check in value["checks"]}
    assert len(checks) == 5
    assert breach["value"] == checks["flash_bytes", 1_000_000]["value"]
    assert 0 < checks["operations.hello_edge", 1_000_000]["value"] < 1_000_000


@pytest.mark.parametrize(
    ("budget", "text"),
    [
        ("flash_byte = 1", "budget.toml: flash_byte: unknown key, did you mean flash_bytes?"),
        ("accuracy = 0.9", "budget.toml: accuracy: there is no figure to hold against it: give a run folder"),
    ],
)
def test_a_budget_that_cannot_be_kept_is_one_line(tmp_path: Path, command, budget: str, text: str) -> None:
    path = _budget(tmp_path, budget)
    said = command("report", tiny_model(tmp_path), "--board", "mps2-an386", "--no-build", "--budget", path)
    assert said.code == 1 and said.out == ""
    assert said.err.startswith("error: ") and text in said.err and said.err.count("\n") == 1


def test_nothing_is_written_where_model_or_board_is_wrong(tmp_path: Path, command) -> None:
    page = tmp_path / "report.html"
    (tmp_path / "bad.tflite").write_bytes(b"no model")
    for arguments in ((tmp_path / "bad.tflite", "--board", "mps2-an386"), (tiny_model(tmp_path), "--board", "mps2")):
        said = command("report", *arguments, "--no-build", "--html", page)
        assert said.code == 2 and said.err.startswith("error: ") and said.err.count("\n") == 1
    assert not page.exists()


def _residual_model(folder: Path) -> Path:
    net = GraphBuilder("residual", (1, 16, 16, 3), seed=6).conv2d(8, (3, 3))
    before = net.last
    net.conv2d(8, (3, 3)).conv2d(8, (3, 3)).add(before, scale=0.06).conv2d(8, (3, 3), stride=(2, 2))
    path = folder / "residual.tflite"
    path.write_bytes(tflite_bytes(net.mean().fully_connected(4).graph()))
    return path


def test_max_ram_executes_layers_in_bands_and_says_so(tmp_path: Path, command) -> None:
    model = _residual_model(tmp_path)
    plain = json.loads(command("report", model, "--board", "mps2-an386", "--no-build", "--json").out)
    limit = f"{4096 + plain['arena_bytes'] * 8 // 10} B"
    banded = json.loads(
        command("report", model, "--board", "mps2-an386", "--no-build", "--max-ram", limit, "--json").out
    )
    assert plain["bands"]["stages"] == [] and plain["bands"]["extra_macs"] == 0
    assert banded["arena_bytes"] <= plain["arena_bytes"] * 8 // 10
    assert banded["bands"]["plain_arena_bytes"] == plain["arena_bytes"] and banded["bands"]["stages"]
    assert [layer["name"] for layer in banded["layers"]] == [layer["name"] for layer in plain["layers"]]
    assert {"limit": "arena_bytes", "origin": "--max-ram, beside the stack"}.items() <= banded["checks"][-1].items()
    shown = command("report", model, "--board", "mps2-an386", "--no-build", "--max-ram", limit).out
    assert "Layers in bands of rows, estimated" in shown and "for 0.0 % more MACs" in shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1e9", "--max-ram: '1e9' is not bytes, such as 20000, 64k (64,000)"),
        ("1.5", "--max-ram: '1.5' must be a whole number greater than 0"),
        ("", "--max-ram: '' is not bytes"),
        ("-1", "--max-ram: '-1' is not bytes"),
        ("0", "--max-ram: '0' must be a whole number greater than 0"),
        ("lots", "--max-ram: 'lots' is not bytes"),
        (
            "4500",
            "do not fit into 404 B of RAM, which is what 4500 B leave beside 4096 B for the stack: as the network",
        ),
        ("4.5k", "do not fit into 404 B of RAM"),
    ],
)
def test_a_limit_of_ram_that_means_nothing_or_is_too_tight_is_one_line(
    tmp_path: Path, command, value: str, text: str
) -> None:
    said = command("report", _residual_model(tmp_path), "--board", "mps2-an386", "--no-build", f"--max-ram={value}")
    assert said.code != 0 and said.out == ""
    assert said.err.startswith("error: ") and text in said.err and said.err.count("\n") == 1
