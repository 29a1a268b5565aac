# SPDX-License-Identifier: Apache-2.0
"""Programming a real board: which of its tools is here, the command in full, and what came of it."""

import shlex
import shutil

from toolchain.boards import Board, FlashCommand, flash_commands
from toolchain.device.build import Build
from toolchain.device.process import run_tool
from toolchain.errors import BoardError, ToolError

# Erasing and writing 2 MiB over a slow probe.
_SECONDS = 300


def check_tool(board: Board, tool: str | None) -> None:
    """Raises BoardError where the board's file does not name `tool`, as that of an emulated one; None passes."""
    if tool is not None:
        _command_of(flash_commands(board, "", ""), board, tool)


def choose_flash_command(board: Board, build: Build, tool: str | None = None) -> FlashCommand:
    """The command that programs `build`: by `tool`, else by the first of the board's tools that is installed.

    Where none is installed the first is given, so that it can be shown. Raises BoardError where the board's file names
    no tool, or not this one.
    """
    commands = flash_commands(board, str(build.elf), str(build.binary))
    if tool is not None:
        return _command_of(commands, board, tool)
    if not commands:
        raise BoardError(f"board {board.id}: has no [flash] section, so nothing programs it")
    return next((command for command in commands if shutil.which(command.tool)), commands[0])


def _command_of(commands: tuple[FlashCommand, ...], board: Board, tool: str) -> FlashCommand:
    found = next((command for command in commands if command.tool == tool), None)
    if found is None:
        known = ", ".join(command.tool for command in commands) or "none, it is only emulated"
        raise BoardError(f"board {board.id}: {tool} is not among its tools: {known}")
    return found


def shown(command: FlashCommand) -> str:
    """The command as one would type it."""
    return shlex.join(command.arguments)


def program(board: Board, command: FlashCommand) -> str:
    """Run the command; returns what it printed. Raises ToolError where the tool is missing or fails."""
    if shutil.which(command.tool) is None:
        raise ToolError(f"{command.tool} is not installed: {command.package}; then run: {shown(command)}")
    done = run_tool(command.arguments, timeout_s=_SECONDS)
    if done.status is None:
        raise ToolError(f"{command.tool} did not end within {_SECONDS} s{done.last_words()}")
    if done.status != 0:
        raise ToolError(f"{command.tool} could not program {board.id} (is it connected?):{done.last_words()}")
    return done.output
