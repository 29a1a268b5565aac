# SPDX-License-Identifier: Apache-2.0
"""`subbyte boards`, `pack` and `flash` as commands: what they print, write, refuse, and how they exit."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.projects import PLAIN_BOARD, audio_front_end, audio_graph, board_like, tiny_graph
from toolchain.boards import board_ids, load_board
from toolchain.cli import boards as boards_verb
from toolchain.cli import flash as flash_verb
from toolchain.cli import pack as pack_verb
from toolchain.errors import BoardError, BudgetError, ModelError, SubbyteError, ToolError
from toolchain.export.tflite import tflite_bytes

NEEDS_ARM = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")
NEEDS_QEMU = pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm")


def run(verb: object, *arguments: object) -> Result:
    """The verb's output and exit status; its SubbyteErrors are raised."""
    result = CliRunner().invoke(verb.app, [str(word) for word in arguments])  # type: ignore[attr-defined]
    if isinstance(result.exception, SubbyteError):
        raise result.exception
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A .tflite file without a front end."""
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tflite_bytes(tiny_graph()))
    return path


def test_boards_lists_all_of_them() -> None:
    lines = run(boards_verb).stdout.splitlines()
    for name in board_ids():
        (line,) = [line for line in lines if line.startswith(f"{name} ")]
        assert load_board(name).core.name in line
    assert re.search(r"^netduinoplus2 .* 168 +1,024 +128 +QEMU$", "\n".join(lines), re.MULTILINE)


def test_boards_shows_one_with_every_source() -> None:
    shown = run(boards_verb, "stm32f746g-disco").stdout
    for source in dict(load_board("stm32f746g-disco").sources).values():
        assert source in shown
    assert "216 MHz, 13 steps at start-up" in shown and "0x08000000" in shown


def test_boards_speaks_json() -> None:
    listed = json.loads(run(boards_verb, "--json").stdout)
    assert [board["id"] for board in listed] == list(board_ids())
    one = json.loads(run(boards_verb, str(PLAIN_BOARD), "--json").stdout)
    assert one["programmed_by"] == ["openocd", "pyocd", "st-flash"] and one["emulated_as"] == "mps2-an386"
    assert one["console"]["steps"][1] == {"what": "CTRL: transmitter on", "address": 0x40004008, "clear": 0, "set": 1}


def test_pack_writes_the_same_project_twice(model: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "somewhere" / "b"
    assert "next: make -C" in run(pack_verb, model, "--board", "mps2-an386", "-o", first).stdout
    told = json.loads(run(pack_verb, model, "--board", "mps2-an386", "-o", second, "--json").stdout)
    files = sorted(path.relative_to(first).as_posix() for path in first.rglob("*") if path.is_file())
    assert told["files"] == files and told["front_end"] is False
    for name in files:
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_pack_quotes_the_folder_of_its_next_step(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine & yours"
    said = run(pack_verb, model, "--board", "mps2-an386", "-o", folder).stdout
    assert f"next: make -C '{folder}' run" in said


def test_pack_takes_a_board_file_and_a_front_end(tmp_path: Path) -> None:
    front_end = audio_front_end(centred=False)
    said = {
        "feature_spec": json.dumps(front_end.spec.to_dict()),
        "normalisation": json.dumps(front_end.normalisation.to_dict()),
    }
    path = tmp_path / "ears.tflite"
    path.write_bytes(tflite_bytes(audio_graph(front_end), metadata=said))
    told = json.loads(run(pack_verb, path, "--board", PLAIN_BOARD, "-o", tmp_path / "p", "--json").stdout)
    assert told["front_end"] is True and told["board"] == "plain"
    assert "frontend/frontend_fft.c" in told["files"] and "app/signal.c" in told["files"]


def test_pack_refuses_and_leaves_nothing(model: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    with pytest.raises(BoardError, match="unknown board 'mps2-an387': did you mean"):
        run(pack_verb, model, "--board", "mps2-an387", "-o", target)
    with pytest.raises(BoardError, match="unknown runtime 'tflmm': did you mean tflm"):
        run(pack_verb, model, "--board", "mps2-an386", "-o", target, "--runtime", "tflmm")
    with pytest.raises(ModelError, match=r"gone\.tflite: there is no such file"):
        run(pack_verb, tmp_path / "gone.tflite", "--board", "mps2-an386", "-o", target)
    assert not target.exists()
    target.mkdir()
    (target / "thesis.txt").write_text("years of work")
    with pytest.raises(SubbyteError, match="was not made by `subbyte pack`"):
        run(pack_verb, model, "--board", "mps2-an386", "-o", target)
    assert (target / "thesis.txt").read_text() == "years of work"


@pytest.mark.arm
@pytest.mark.emulated
@NEEDS_ARM
@NEEDS_QEMU
def test_flash_starts_an_emulated_board(model: Path, tmp_path: Path) -> None:
    done = run(flash_verb, model, "--board", "mps2-an386", "-o", tmp_path / "p")
    assert done.exit_code == 0
    assert "flash_bytes" in done.stdout and done.stdout.endswith("SELF-TEST PASS\n")
    told = json.loads(run(flash_verb, model, "--board", "mps3-an547", "-o", tmp_path / "q", "--json").stdout)
    assert told["ok"] is True and told["self_test"] == "pass" and told["breaches"] == []
    assert told["stack_bytes"] < 1000 < told["flash_bytes"]
    dry = run(flash_verb, model, "--board", "mps2-an386", "-o", tmp_path / "p", "--dry-run")
    assert "SELF-TEST" not in dry.stdout and f"make -C {tmp_path / 'p'} run" in dry.stdout


@pytest.mark.arm
@NEEDS_ARM
def test_flash_refuses_what_is_over_its_budget(model: Path, tmp_path: Path) -> None:
    (tmp_path / "budget.toml").write_text('flash_bytes = "2 KiB"\nstack_bytes = "2 KiB"\n')
    arguments = (model, "--board", "nucleo-f446re", "-o", tmp_path / "p", "--budget", tmp_path / "budget.toml")
    done = run(flash_verb, *arguments)
    assert done.exit_code == 1
    assert re.search(r"flash_bytes .* OVER by [\d,]+ B +budget\.toml", done.stdout)
    assert "not programmed: over 1 of its limits" in done.stdout and "openocd" not in done.stdout
    told = json.loads(run(flash_verb, *arguments, "--json").stdout)
    assert told["ok"] is False and [breach["limit"] for breach in told["breaches"]] == ["flash_bytes"]
    (tmp_path / "budget.toml").write_text("flsh_bytes = 1\n")
    with pytest.raises(BudgetError, match="flsh_bytes: unknown key"):
        run(flash_verb, *arguments)


@pytest.mark.arm
@NEEDS_ARM
def test_flash_refuses_what_is_over_its_board(model: Path, tmp_path: Path) -> None:
    board_like(
        tmp_path,
        ('bytes = 4_194_304\nkind = "flash"', 'bytes = 4_096\nkind = "flash"'),
        ("\nflash_bytes = 4_194_304", "\nflash_bytes = 4_096"),
    )
    done = run(flash_verb, model, "--board", tmp_path / "changed.toml", "-o", tmp_path / "p")
    assert done.exit_code == 1
    assert re.search(r"flash_bytes .* ≤ 4,096 +OVER by [\d,]+ B", done.stdout)
    assert "not started: over 1 of its limits" in done.stdout


def stand_in(folder: Path, tool: str, script: str) -> None:
    """A programmer without a board: a script of that name in `folder`."""
    path = folder / tool
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.arm
@NEEDS_ARM
def test_flash_shows_and_runs_the_programmer(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    arguments = (model, "--board", "nucleo-l4r5zi", "-o", tmp_path / "my project")
    stand_in(tools, "openocd", f"printf '%s|' \"$@\" > {tmp_path}/called; echo flashed")
    elf = tmp_path / "my project" / "build" / "firmware.elf"

    dry = run(flash_verb, *arguments, "--dry-run")
    assert f"$ openocd -f board/st_nucleo_l4.cfg -c 'program {{{elf}}} verify reset exit'" in dry.stdout
    assert not (tmp_path / "called").exists()

    done = run(flash_verb, *arguments)
    assert done.exit_code == 0 and "flashed" in done.stdout and "115200 baud" in done.stdout
    assert (tmp_path / "called").read_text() == f"-f|board/st_nucleo_l4.cfg|-c|program {{{elf}}} verify reset exit|"

    stand_in(tools, "st-flash", "echo no device >&2; exit 1")
    with pytest.raises(
        ToolError, match=r"st-flash could not program nucleo-l4r5zi \(is it connected\?\):\n    no device"
    ):
        run(flash_verb, *arguments, "--tool", "st-flash")
    with pytest.raises(BoardError, match="pyocd is not among its tools: openocd, st-flash"):
        run(flash_verb, *arguments, "--tool", "pyocd")


@pytest.mark.arm
@NEEDS_ARM
def test_flash_names_the_package_of_a_missing_programmer(model: Path, tmp_path: Path) -> None:
    if shutil.which("pyocd"):
        pytest.skip("pyocd is installed")
    with pytest.raises(
        ToolError, match="pyocd is not installed: pip install pyocd; then run: pyocd flash --target nrf52840"
    ):
        run(flash_verb, model, "--board", "nrf52840-dk", "-o", tmp_path / "p", "--tool", "pyocd")
