# SPDX-License-Identifier: Apache-2.0
"""Boards: what the hardware is, read from boards/<id>.toml, every fact with its source."""

from toolchain.boards.board import (
    Board,
    Clock,
    Console,
    ConsoleKind,
    Emulation,
    Flashing,
    Layout,
    Limits,
    Memory,
    MemoryKind,
    Power,
    RegisterStep,
)
from toolchain.boards.commands import EMULATOR, FlashCommand, emulator_command, flash_commands, machine_command
from toolchain.boards.read import board_ids, load_board

__all__ = [
    "EMULATOR",
    "Board",
    "Clock",
    "Console",
    "ConsoleKind",
    "Emulation",
    "FlashCommand",
    "Flashing",
    "Layout",
    "Limits",
    "Memory",
    "MemoryKind",
    "Power",
    "RegisterStep",
    "board_ids",
    "emulator_command",
    "flash_commands",
    "load_board",
    "machine_command",
]
