# SPDX-License-Identifier: Apache-2.0
"""Starting a program that may be missing, hang or fail, with one clear error for each of the three.

What it prints is taken together (standard output and error as one text), for that is how a person would read it.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from toolchain.errors import ToolError

# Debian and Ubuntu packages that hold the programs we start.
PACKAGES = {
    "arm-none-eabi-gcc": "apt install gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "make": "apt install make",
    "cmake": "apt install cmake",
    "qemu-system-arm": "apt install qemu-system-arm",
    "openocd": "apt install openocd",
    "st-flash": "apt install stlink-tools",
    "pyocd": "pip install pyocd",
}

# Lines of a program's output that an error repeats.
_LAST_LINES = 12


@dataclass(frozen=True)
class Finished:
    """status: exit status, negative for a signal; None where the time ran out and it was killed."""

    status: int | None
    output: str

    def last_words(self) -> str:
        """The end of the output, indented, to stand below an error's first line; "" where there was none."""
        lines = [line.rstrip() for line in self.output.strip().splitlines()[-_LAST_LINES:]]
        return "".join(f"\n    {line[:300]}" for line in lines)


def require_tool(program: str) -> None:
    """Raises ToolError, with the line that installs it, where `program` is not on the path."""
    if shutil.which(program) is None:
        how = PACKAGES.get(program)
        raise ToolError(f"{program} is not installed" + (f": {how}" if how else ""))


def run_tool(arguments: Sequence[str], *, folder: Path | None = None, timeout_s: float) -> Finished:
    """Run the program `arguments[0]` in `folder` until it ends or the time is up; it reads nothing.

    Its whole process group is killed when the time is up. Raises ToolError where it cannot be started.
    """
    require_tool(arguments[0])
    try:
        process = subprocess.Popen(
            arguments,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise ToolError(f"{arguments[0]} cannot be started: {error.strerror or error}") from error
    try:
        output, _ = process.communicate(timeout=timeout_s)
        status: int | None = process.returncode
    except subprocess.TimeoutExpired:
        output, status = _killed(process), None
    except BaseException:  # an interrupt must not leave an emulator or a compiler behind
        _killed(process)
        raise
    return Finished(status, output.decode("utf-8", errors="replace"))


def _killed(process: "subprocess.Popen[bytes]") -> bytes:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    output, _ = process.communicate()
    return output
