# SPDX-License-Identifier: Apache-2.0
"""Programs that are missing, hang, or print what is no text."""

import sys
import time
from pathlib import Path

import pytest

from toolchain.device.process import require_tool, run_tool
from toolchain.errors import ToolError


def test_output_and_errors_come_as_one_text(tmp_path: Path) -> None:
    code = "import os, sys; os.write(1, b'out '); os.write(2, b'err \\xff'); print(os.getcwd()); sys.exit(3)"
    done = run_tool((sys.executable, "-u", "-c", code), folder=tmp_path, timeout_s=60)
    assert done.status == 3
    assert done.output == f"out err \N{REPLACEMENT CHARACTER}{tmp_path}\n"


def test_a_program_that_hangs_is_killed_with_its_children() -> None:
    code = "import subprocess, sys; print('started', flush=True); subprocess.run(['sleep', '60'])"
    begin = time.monotonic()
    done = run_tool((sys.executable, "-c", code), timeout_s=1)
    assert done.status is None and done.output == "started\n"
    assert time.monotonic() - begin < 20


def test_a_missing_program_is_named() -> None:
    with pytest.raises(ToolError, match=r"^no-such-program is not installed$"):
        run_tool(("no-such-program",), timeout_s=1)


def test_a_known_program_comes_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"^qemu-system-arm is not installed: apt install qemu-system-arm$"):
        require_tool("qemu-system-arm")


def test_only_the_last_words_are_repeated() -> None:
    done = run_tool((sys.executable, "-c", "for i in range(100): print('line', i)"), timeout_s=60)
    words = done.last_words()
    assert words.startswith("\n    line 88") and words.endswith("line 99")
