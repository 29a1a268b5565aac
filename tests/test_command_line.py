# SPDX-License-Identifier: Apache-2.0
"""What holds for every verb of the command line."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from toolchain.cli.app import VERBS

ROOT = Path(__file__).resolve().parents[1]


def subbyte(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would, 100 columns wide, without colours."""
    return subprocess.run(
        [sys.executable, "-c", "from toolchain.cli import main; main()", *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )


def test_help_lists_every_verb() -> None:
    shown = subbyte("--help")
    assert shown.returncode == 0
    for verb in VERBS:
        assert verb in shown.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    shown = subbyte(verb, "--help")
    assert shown.returncode == 0
    assert f"subbyte {verb}" in shown.stdout.replace("Usage: subbyte", "")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["report", "no_such.tflite", "--board", "mps2-an386"], "no_such.tflite"),
        (["count", "ds_cnn_z"], "ds_cnn_z"),
        (["boards", "mps2-an999"], "mps2-an999"),
        (["verify", "no_such_run", "--board", "mps2-an386"], "no_such_run"),
        (["data", "info", "no_such_folder"], "no_such_folder"),
        (["eval", "no_such.onnx", "--data", "no_such_folder"], "no_such"),
    ],
)
def test_a_wrong_name_gives_one_clear_line(arguments: list[str], named: str) -> None:
    failed = subbyte(*arguments)
    assert failed.returncode not in (0, None)
    assert failed.stderr.startswith("error: ")
    assert named in failed.stderr
    assert len(failed.stderr.strip().splitlines()) == 1
    assert "Traceback" not in failed.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["--help"], ["boards"], ["boards", "--json"]])
def test_standard_output_on_a_full_disk_is_one_clear_error(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        shown = subprocess.run(
            [sys.executable, "-c", "from toolchain.cli import main; main()", *arguments],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert shown.returncode == 2
    assert shown.stderr == "error: standard output: cannot be written: No space left on device\n"


@pytest.mark.parametrize(
    ("number", "said", "status"), [(signal.SIGINT, "interrupted; ", 130), (signal.SIGTERM, "terminated; ", 143)]
)
def test_a_run_that_is_stopped_says_so_in_one_line_and_leaves_nothing(
    tmp_path: Path, number: signal.Signals, said: str, status: int
) -> None:
    (tmp_path / "kept.txt").write_text("old")
    program = (
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # where tests run in the background it is ignored
        "import toolchain.cli.boards\n"
        "from pathlib import Path\n"
        "from toolchain.cli import main\n"
        "from toolchain.device.process import run_tool\n"
        "from toolchain.files import written_aside\n"
        "def endless():\n"
        "    with written_aside(Path('kept.txt')) as aside:\n"
        "        aside.write_text('half')\n"
        "        print('running', flush=True)\n"
        "        run_tool(('sleep', '600'), timeout_s=600)\n"
        "toolchain.cli.boards.board_ids = endless\n"
        "main()"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", program, "boards"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert running.stdout is not None and running.stdout.readline() == "running\n"
    running.send_signal(number)
    _, err = running.communicate(timeout=60)
    assert running.returncode == status
    assert err.startswith(said) and err.count("\n") == 1
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("kept.txt", "old")]
