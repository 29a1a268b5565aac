# SPDX-License-Identifier: Apache-2.0
"""emulate: run a firmware in qemu-system-arm until it exits by semihosting, and say what went wrong if it does not.

QEMU runs in a folder of the caller's choice; files that the firmware opens lie there. It gives no timing, so a limit
in seconds is there only against firmware that hangs.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from toolchain.boards import Board, emulator_command
from toolchain.device.process import Finished, run_tool
from toolchain.errors import ToolError

# An inference of the largest networks here takes seconds; a self-test has seven.
TIMEOUT_S = 300.0


@dataclass(frozen=True)
class EmulatedRun:
    """output: what came over the console. passed: the firmware's own verdict, its exit status."""

    output: str
    passed: bool


def emulate(board: Board, elf: Path, folder: Path, *, timeout_s: float = TIMEOUT_S) -> EmulatedRun:
    """Run `elf` on `board` in the emulator, in `folder`.

    Raises BoardError where the board is not emulated; ToolError, with the last words on the console, where QEMU is
    missing, the firmware hangs, faults, or locks up.
    """
    command = (*emulator_command(board), str(elf.resolve()))
    done = run_tool(command, folder=folder, timeout_s=timeout_s)
    if done.status is None:
        raise ToolError(f"{board.id}: the emulated firmware did not end within {timeout_s:g} s{_said(done)}")
    if fault := re.search(r"^FAULT: .*$", done.output, re.MULTILINE):
        raise ToolError(f"{board.id}: the emulated firmware stopped: {fault[0]}")
    if "Lockup" in done.output or done.status not in (0, 1):
        raise ToolError(f"{board.id}: {command[0]} ended with status {done.status}{_said(done)}")
    return EmulatedRun(done.output, done.status == 0)


def _said(done: Finished) -> str:
    words = done.last_words()
    return f"; its last words:{words}" if words else " and said nothing"
