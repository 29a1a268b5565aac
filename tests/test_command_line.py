# SPDX-License-Identifier: Apache-2.0
"""What holds for every verb of the command line."""

import os
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
