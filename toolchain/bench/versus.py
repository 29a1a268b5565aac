# SPDX-License-Identifier: Apache-2.0
"""Our engine against a firmware that somebody else built, counted by the same plugin and the same timing table.

Two ways to give the other side:

    tflm_side   a TFLite Micro library and its headers: our project around them (`subbyte pack --runtime tflm`) is
                built, its outputs are compared with the reference, and its run function is counted as ours is
    elf_side    a finished ELF file and two symbols: what runs between them is counted

What no side can say is None.
"""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolchain.bench.measure import Question
from toolchain.bench.result import Result
from toolchain.boards import Board, emulator_command
from toolchain.device.batches import packed, unpacked
from toolchain.device.build import Build, build_firmware
from toolchain.device.emulate import emulate
from toolchain.device.linked import read_loaded
from toolchain.device.profile import profile_elf
from toolchain.device.profile.firmware import memory_of
from toolchain.errors import BenchError, ToolError
from toolchain.export.c import Aims
from toolchain.export.c.names import names_of
from toolchain.export.project import RUNTIMES, Application, KnownAnswers, Project
from toolchain.files import temporary_files

# Against firmware that hangs: under the plugin TFLite Micro's reference kernels take minutes for a large network.
_SECONDS = 900.0


@dataclass(frozen=True)
class Side:
    """One engine. engine_flash: without start-up and application. static: RAM beside arena and stack; of a finished ELF
    file all that its sections take. differing: bytes of the outputs that are not the reference's, of `n_bytes`. None
    where it cannot be known.
    """

    name: str
    instructions: int
    cycles: int
    engine_flash: int | None = None
    firmware_flash: int | None = None
    arena: int | None = None
    static: int | None = None
    stack: int | None = None
    differing: int | None = None
    n_bytes: int | None = None


def our_side(result: Result) -> Side:
    """A Result, which is exact."""
    return Side(
        name="Subbyte",
        instructions=result.instructions,
        cycles=result.cycles,
        engine_flash=result.engine_flash,
        firmware_flash=result.firmware_flash,
        arena=result.arena,
        static=result.static,
        stack=result.stack,
        differing=0,
        n_bytes=result.exactness.n_bytes,
    )


@temporary_files()
def tflm_side(question: Question, board: Board, library: Path, include: Sequence[Path], aims: Aims = Aims()) -> Side:
    """TFLite Micro from `library` on `board`, over the same inputs.

    Raises BenchError where a path cannot be given to make; ModelError where TFLite cannot say the network; ToolError
    where the build or the firmware fails.
    """
    for path in (library, *include):
        if not path.exists():
            raise BenchError(f"{path}: there is no such file or folder")
        if re.search(r"\s", str(path.resolve())):
            raise BenchError(f"{path.resolve()}: has a space in it, which make cannot take; move or link it elsewhere")
    graph = question.network.graph
    project = Project(graph, board, RUNTIMES["tflm"](graph, board, aims), None, KnownAnswers(), Application.VERIFY)
    given = (f"TFLM_LIB={library.resolve()}", "TFLM_INCLUDE=" + " ".join(str(path.resolve()) for path in include))
    inputs = packed(graph, question.inputs)
    with tempfile.TemporaryDirectory(prefix="subbyte-versus-") as name:
        build = build_firmware(project, Path(name) / "project", make_variables=given)
        said, differing, n_bytes = _answered(question, board, build, inputs.tobytes(), Path(name))
        counted = profile_elf(
            build.elf,
            emulator_command(board),
            board.core.name,
            f"{names_of(graph).prefix}_run",
            timeout_s=_SECONDS,
            files={"input.bin": inputs[:1].tobytes()},
        ).run.total
        memory = memory_of(build, said)
    return Side(
        name="TFLite Micro, as given",
        instructions=counted.instructions,
        cycles=counted.cycles,
        engine_flash=memory.engine_flash_bytes,
        firmware_flash=memory.flash_bytes,
        arena=memory.arena_bytes,
        static=memory.static_bytes,
        stack=memory.stack.used_bytes,
        differing=differing,
        n_bytes=n_bytes,
    )


def _answered(question: Question, board: Board, build: Build, inputs: bytes, folder: Path) -> tuple[str, int, int]:
    """What the firmware printed; bytes of its outputs that differ from the reference, and how many there are."""
    graph = question.network.graph
    (folder / "input.bin").write_bytes(inputs)
    run = emulate(board, build.elf, folder, timeout_s=_SECONDS)
    written = np.fromfile(folder / "output.bin", np.int8)
    n_bytes = sum(values.size for values in question.expected.values())
    if not run.passed or written.size != n_bytes:
        raise ToolError(f"{board.id}: the firmware around TFLite Micro gave up: {run.output.strip()[-300:]}")
    answered = unpacked(graph, written.reshape(len(next(iter(question.expected.values()))), -1))
    differing = sum(int(np.count_nonzero(answered[key] != values)) for key, values in question.expected.items())
    return run.output, differing, n_bytes


def elf_side(elf: Path, board: Board, first: str, last: str | None, *, timeout_s: float = 60.0) -> Side:
    """A finished firmware for `board`: what runs from symbol `first` until `last`, or until `first` returns.

    Raises ToolError as profile_elf does.
    """
    counted = profile_elf(elf, emulator_command(board), board.core.name, first, last, timeout_s=timeout_s).run.total
    loaded = read_loaded(elf)
    return Side(elf.name, counted.instructions, counted.cycles, firmware_flash=loaded.flash, static=loaded.ram)
