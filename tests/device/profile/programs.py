# SPDX-License-Identifier: Apache-2.0
"""Programs of a few instructions, assembled for a board and counted: what must come out can be said beforehand."""

import subprocess
from pathlib import Path

from toolchain.boards import Board, emulator_command
from toolchain.device.profile import Call, profile_elf

# The vector table, then a start that calls `work`, and ends the emulator by semihosting (SYS_EXIT, all well).
_FRAME = """
.syntax unified
.text
.word {stack}
.word start
.global start
.type start, %function
start:
  bl work
after:
  movs r0, #0x18
  ldr r1, =0x20026
  bkpt 0xab
  b .
.ltorg
.size start, . - start
.global work
.type work, %function
work:
{work}
.size work, . - work
{more}
"""


def assembled(folder: Path, board: Board, work: str, more: str = "") -> Path:
    """An ELF file for `board` whose function `work` has that body; `more`: further functions."""
    source, elf = folder / "program.s", folder / "program.elf"
    text = _FRAME.format(stack=board.layout.data.start + 1024, work=work, more=more)
    source.write_text(text, encoding="utf-8")
    flags = [*board.core.gcc_flags, "-nostdlib", f"-Wl,-Ttext={board.layout.code.start:#x},-e,start"]
    subprocess.run(["arm-none-eabi-gcc", *flags, str(source), "-o", str(elf)], check=True)
    return elf


def counted(folder: Path, board: Board, work: str, more: str = "") -> Call:
    """What one call of `work` did."""
    return profile_elf(assembled(folder, board, work, more), emulator_command(board), board.core.name, "work").run
