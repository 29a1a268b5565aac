# SPDX-License-Identifier: Apache-2.0
"""build_firmware: a Project becomes files, `make` an ELF, and the ELF a Build that says what it takes.

A firmware that is too large is refused twice in words of ours: before anything is compiled, where weights or arena
alone do not fit, and after the linker, whose message names a region and bytes but neither board nor reason.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from toolchain.boards import Board, Memory, MemoryKind
from toolchain.device.linked import LinkedSizes, read_linked
from toolchain.device.process import Finished, require_tool, run_tool
from toolchain.device.stack import StackBound, stack_bound
from toolchain.errors import BoardError, ToolError
from toolchain.export.c.names import names_of
from toolchain.export.project import Project, project_sources
from toolchain.measure import How

COMPILER = "arm-none-eabi-gcc"

# The largest model on the slowest machine takes a tenth of this.
_SECONDS = 600

# With each object file, what its functions call and how much stack they take.
_CALL_GRAPH = "EXTRA_CFLAGS=-fcallgraph-info=su"


@dataclass(frozen=True)
class Shortfall:
    """What did not fit. figure: `flash_bytes` or `ram_bytes`. where: the memory, or `limits` of the board.

    how: linked, or estimated where weights or arena alone are too large to try.
    """

    figure: str
    where: str
    needed: int
    allowed: int
    how: How


@dataclass(frozen=True)
class Build:
    """A linked firmware. stack: how deep its calls can go, None where calls through pointers hide that."""

    folder: Path
    elf: Path
    binary: Path
    sizes: LinkedSizes
    stack: StackBound | None


class DoesNotFitError(BoardError):
    """A firmware that is larger than its board; says by how much, for people and in `shortfalls`.

    build: where it could be linked, because the board allows less than it has.
    """

    exit_code = 1

    def __init__(self, text: str, shortfalls: tuple[Shortfall, ...], build: Build | None = None) -> None:
        super().__init__(text)
        self.shortfalls = shortfalls
        self.build = build


def write_project(project: Project, folder: Path) -> None:
    """Write the project's files below `folder`."""
    for name, text in project_sources(project).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def build_firmware(project: Project, folder: Path, *, make_variables: tuple[str, ...] = ()) -> Build:
    """Write `project` into `folder` and build it there. make_variables: such as `TFLM_LIB=/path/lib.a`.

    Raises DoesNotFitError where it does not fit the board, ToolError where a tool is missing or fails.
    """
    check_estimate(project)
    write_project(project, folder)
    return build_folder(project, folder, make_variables=make_variables)


def build_folder(project: Project, folder: Path, *, make_variables: tuple[str, ...] = ()) -> Build:
    """Build what write_project wrote. Raises as build_firmware does."""
    require_tool(COMPILER)
    jobs = f"-j{os.cpu_count() or 1}"
    make = ("make", "--no-print-directory", jobs, "BUILD=build", _CALL_GRAPH, *make_variables)
    done = run_tool(make, folder=folder, timeout_s=_SECONDS)
    if done.status != 0:
        raise _failure(done, project)
    build = folder / "build"
    elf = build / "firmware.elf"
    sizes = read_linked(elf, build / "firmware.map", project.board, f"{names_of(project.graph).prefix}_arena")
    bound = stack_bound(build / "firmware")
    built = Build(folder, elf, build / "firmware.bin", sizes, bound)
    _check_limits(project.board, built)
    return built


def check_estimate(project: Project) -> None:
    """Raises DoesNotFitError where what is known without compiling is more than its memory: weights, arena, stack."""
    board, layout = project.board, project.board.layout
    stack = board.limits.stack_bytes if layout.data == layout.arena else 0
    activations = "the network's arena" + (f" and the stack of {stack:,}" if stack else "")
    for what, n_bytes, memory in (
        ("the weights and other constants of the network", project.runtime.constant_bytes, layout.constants),
        (activations, project.runtime.arena_bytes + stack, layout.arena),
    ):
        if n_bytes > memory.n_bytes:
            raise DoesNotFitError(
                f"{project.graph.name} does not fit {board.id}: {what} take {n_bytes:,} bytes, {memory.name} has "
                f"{memory.n_bytes:,}: {n_bytes - memory.n_bytes:,} too many{_advice(memory)}",
                (_shortfall(memory, n_bytes, How.ESTIMATED),),
            )


def _check_limits(board: Board, build: Build) -> None:
    sizes = build.sizes
    for what, figure, used, allowed in (
        ("flash", "flash_bytes", sizes.flash, board.limits.flash_bytes),
        ("RAM", "ram_bytes", sizes.ram, board.limits.ram_bytes),
    ):
        if used > allowed:
            raise DoesNotFitError(
                f"the firmware takes {used:,} bytes of {what}, {board.id} allows {allowed:,} (limits): "
                f"{used - allowed:,} too many" + (_BANDS if what == "RAM" else ""),
                (Shortfall(figure, "limits", used, allowed, How.LINKED),),
                build,
            )


_OVERFLOW = re.compile(r"region [`']?(\w+)'? overflowed by (\d+) bytes?")


def _failure(done: Finished, project: Project) -> Exception:
    if done.status is None:
        return ToolError(f"building the firmware took longer than {_SECONDS} s and was stopped")
    overflows = dict(_OVERFLOW.findall(done.output))
    if overflows:
        memories = {memory.name: memory for memory in project.board.memories}
        over = [(memories[name], memories[name].n_bytes + int(n_bytes)) for name, n_bytes in overflows.items()]
        said = "; ".join(
            f"{memory.name} has {memory.n_bytes:,} bytes, {needed:,} are needed: {needed - memory.n_bytes:,} too many"
            f"{_advice(memory)}"
            for memory, needed in over
        )
        text = f"{project.graph.name} does not fit {project.board.id}: {said}"
        return DoesNotFitError(text, tuple(_shortfall(memory, needed, How.LINKED) for memory, needed in over))
    return ToolError(f"building the firmware for {project.board.id} failed:{done.last_words()}")


# What may help where RAM is missing.
_BANDS = " (less is needed with layers in bands of rows: --max-ram)"


def _advice(memory: Memory) -> str:
    return "" if memory.kind is MemoryKind.FLASH else _BANDS


def _shortfall(memory: Memory, needed: int, how: How) -> Shortfall:
    figure = "flash_bytes" if memory.kind is MemoryKind.FLASH else "ram_bytes"
    return Shortfall(figure, memory.name, needed, memory.n_bytes, how)
