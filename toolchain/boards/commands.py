# SPDX-License-Identifier: Apache-2.0
"""Command lines that a board's file implies: how to emulate it, how to program it. Nothing is started here.

device/ runs them, export/project/ writes them into the project's Makefile.
"""

from dataclasses import dataclass

from toolchain.boards.board import Board, ConsoleKind
from toolchain.errors import BoardError

EMULATOR = "qemu-system-arm"


@dataclass(frozen=True)
class FlashCommand:
    """tool: `openocd`, `pyocd` or `st-flash`. arguments: the whole command line. package: how to get the tool."""

    tool: str
    arguments: tuple[str, ...]
    needs_binary: bool
    package: str


def emulator_command(board: Board) -> tuple[str, ...]:
    """QEMU for `board`, to be followed by the path of an ELF file.

    The console comes out on standard output; semihosting gives the firmware files below the current folder.
    Raises BoardError where the board is not emulated.
    """
    if board.emulation is None:
        raise BoardError(f"board {board.id}: has no [emulate] section, so nothing runs it here; program the real one")
    return machine_command(board.emulation.machine, by_semihosting=board.console.kind is ConsoleKind.SEMIHOSTING)


def machine_command(machine: str, *, by_semihosting: bool) -> tuple[str, ...]:
    """QEMU for a machine of that name, to be followed by the path of an ELF file; its first UART is the console.

    by_semihosting: the console is semihosting instead.
    """
    semihosting = "enable=on,target=native" + (",chardev=console" if by_semihosting else "")
    return (
        EMULATOR,
        *("-machine", machine),
        *("-display", "none"),
        *("-monitor", "none"),
        *("-chardev", "stdio,id=console"),
        *("-serial", "none" if by_semihosting else "chardev:console"),
        *("-semihosting-config", semihosting),
        "-kernel",
    )


def flash_commands(board: Board, elf: str, binary: str) -> tuple[FlashCommand, ...]:
    """Every way that the board's file knows to program it with `elf` (or, for st-flash, with `binary`)."""
    if board.flashing is None:
        return ()
    commands = []
    if board.flashing.openocd:
        files = tuple(word for file in board.flashing.openocd for word in ("-f", file))
        program = f"program {{{elf}}} verify reset exit"  # braces: Tcl takes the path as one word
        commands.append(FlashCommand("openocd", ("openocd", *files, "-c", program), False, "apt install openocd"))
    if board.flashing.pyocd:
        arguments = ("pyocd", "flash", "--target", board.flashing.pyocd, elf)
        commands.append(FlashCommand("pyocd", arguments, False, "pip install pyocd"))
    if board.flashing.st_flash:
        start = f"0x{board.layout.code.start:08x}"
        arguments = ("st-flash", "--reset", "write", binary, start)
        commands.append(FlashCommand("st-flash", arguments, True, "apt install stlink-tools"))
    return tuple(commands)
