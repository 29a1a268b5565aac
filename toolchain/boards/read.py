# SPDX-License-Identifier: Apache-2.0
"""load_board: a TOML file -> Board, or one line that names file and key.

An id finds a file of this installation; anything that looks like a path is read as one, so that a board can be
described outside the package.
"""

import difflib
import re
from itertools import combinations
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from toolchain.assets import asset_folder
from toolchain.boards.board import (
    Board,
    Clock,
    Console,
    Emulation,
    Flashing,
    Layout,
    Limits,
    Memory,
    MemoryKind,
    Power,
    RegisterStep,
)
from toolchain.boards.schema import BoardFile, BuildTable, FlashTable, StepTable
from toolchain.core import Core, known_core, with_options
from toolchain.errors import BoardError
from toolchain.toml_files import read_toml


def board_ids() -> tuple[str, ...]:
    """Ids of the boards that come with this installation, in alphabetical order."""
    return tuple(sorted(path.stem for path in asset_folder("boards").glob("*.toml")))


def load_board(id_or_path: str | Path) -> Board:
    """The board of that id, or of that .toml file. Raises BoardError naming file and key, or the nearest ids."""
    text = str(id_or_path)
    if isinstance(id_or_path, Path) or text.endswith(".toml") or "/" in text:
        return _read(Path(id_or_path))
    if text in board_ids():
        return _read(asset_folder("boards") / f"{text}.toml")
    near = difflib.get_close_matches(text.lower(), board_ids(), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(board_ids())}."
    raise BoardError(f"unknown board {text!r}: {hint} A file is given by its path, such as ./{text}.toml")


def _read(path: Path) -> Board:
    table = read_toml(path, "board file", BoardError)
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", path.stem):
        raise BoardError(f"{path}: the file's name is the board's id: lower-case letters, digits and dashes only")
    try:
        described = BoardFile.model_validate(table)
    except ValidationError as error:
        raise BoardError(f"{path}: {_first_error(error)}") from error
    try:
        return _board(path.stem, described)
    except BoardError as error:
        raise BoardError(f"{path}: {error}") from error


def _first_error(error: ValidationError) -> str:
    """One line for the first thing that is wrong, and how many more there are."""
    details = error.errors(include_url=False)
    first = details[0]
    where = ""
    for part in first["loc"]:
        where += f"[{part}]" if isinstance(part, int) else f".{part}" if where else str(part)
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return f"{where}: {_message(first)}{more}" if where else f"{_message(first)}{more}"


def _message(detail: Any) -> str:
    given = detail["input"]
    match detail["type"]:
        case "extra_forbidden":
            return f"unknown key{_nearest_key(detail['loc'])}"
        case "missing":
            return "is missing" + (": say where these facts are from" if detail["loc"][-1] == "source" else "")
        case "multiple_of":
            return f"{given} is not a multiple of {detail['ctx']['multiple_of']}"
        case "string_pattern_mismatch":
            return f"{given!r} has characters that are not allowed here ({detail['ctx']['pattern']})"
        case "enum":
            return f"{given!r} is not one of {detail['ctx']['expected']}"
        case "value_error":
            return str(detail["ctx"]["error"])
        case "bool_type":
            return f"must be true or false, not {given!r}"
        case _:
            shown = f", not {given!r}" if isinstance(given, (int, float, str, bool)) else ""
            return str(detail["msg"]).replace("Input should", "must") + shown


def _nearest_key(loc: tuple[int | str, ...]) -> str:
    """The declared key most like the unknown one at `loc`, as a hint."""
    model: Any = BoardFile
    for part in loc[:-1]:
        if isinstance(part, int):
            continue
        model = _table_of(model.model_fields[part].annotation)
    near = difflib.get_close_matches(str(loc[-1]), list(model.model_fields), n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else f"; known here are {', '.join(model.model_fields)}"


def _table_of(annotation: Any) -> Any:
    """The table class inside `X`, `X | None`, `tuple[X, ...]` or Annotated[...]."""
    if hasattr(annotation, "model_fields"):
        return annotation
    found = (_table_of(argument) for argument in getattr(annotation, "__args__", ()))
    return next((table for table in found if table is not None), None)


def _board(board_id: str, file: BoardFile) -> Board:
    memories = tuple(Memory(m.name, m.start, m.bytes, m.kind, m.source) for m in file.memory)
    _check_memories(memories)
    layout = _layout(memories, file.build)
    limits = Limits(file.limits.flash_bytes, file.limits.ram_bytes, file.limits.stack_bytes, file.limits.source)
    _check_limits(limits, memories, layout)
    return Board(
        id=board_id,
        name=file.name,
        part=file.mcu.part,
        core=_core(file),
        caches=file.mcu.caches,
        memories=memories,
        clock=Clock(file.clock.hz, _steps(file.clock.step), file.clock.source),
        console=Console(
            file.console.kind, file.console.base, file.console.baud, _steps(file.console.step), file.console.source
        ),
        limits=limits,
        layout=layout,
        flashing=_flashing(file.flash),
        emulation=Emulation(file.emulate.machine, file.emulate.source) if file.emulate else None,
        power=Power(file.power.run_ua_per_mhz, file.power.volts, file.power.source) if file.power else None,
        sources=_sources(file),
    )


def _flashing(table: FlashTable | None) -> Flashing | None:
    return Flashing(table.openocd, table.pyocd, table.st_flash, table.source) if table else None


def _core(file: BoardFile) -> Core:
    try:
        core = known_core(file.mcu.core)
    except BoardError as error:
        raise BoardError(f"mcu.core: {error}") from error
    if file.mcu.caches and core.name not in _CORES_WITH_CACHES:
        raise BoardError(f"mcu.caches: {core.name} has no L1 caches; those that may are {_CORES_WITH_CACHES[0]}")
    try:
        return with_options(core, dsp=file.mcu.dsp, mve=file.mcu.mve, fpu=file.mcu.fpu)
    except BoardError as error:
        raise BoardError(f"mcu: {error}") from error


# Cores whose caches start-up knows how to enable (Armv7-M ARM B2.2; the M55's would need its own sequence).
_CORES_WITH_CACHES = ("cortex-m7",)


def _steps(tables: tuple[StepTable, ...]) -> tuple[RegisterStep, ...]:
    return tuple(RegisterStep(**{**table.model_dump(), "address": table.address or 0}) for table in tables)


def _check_memories(memories: tuple[Memory, ...]) -> None:
    seen: set[str] = set()
    for index, memory in enumerate(memories):
        if memory.name in seen:
            raise BoardError(f"memory[{index}].name: {memory.name} stands twice")
        seen.add(memory.name)
    for one, other in combinations(memories, 2):
        if one.start < other.end and other.start < one.end:
            raise BoardError(
                f"memory: {one.name} (0x{one.start:08x}..0x{one.end - 1:08x}) and {other.name} "
                f"(0x{other.start:08x}..0x{other.end - 1:08x}) overlap"
            )
    for kind in MemoryKind:
        if not any(memory.kind is kind for memory in memories):
            raise BoardError(f'memory: there is no region of kind "{kind.value}"')


def _layout(memories: tuple[Memory, ...], build: BuildTable | None) -> Layout:
    def pick(role: str, kind: MemoryKind, otherwise: Memory) -> Memory:
        name = getattr(build, role, None)
        if name is None:
            return otherwise
        found = next((memory for memory in memories if memory.name == name), None)
        if found is None:
            raise BoardError(f"build.{role}: there is no memory {name!r}; {', '.join(m.name for m in memories)} are")
        if found.kind is not kind:
            raise BoardError(f"build.{role}: {name} is {found.kind.value}, not {kind.value}")
        return found

    first = {kind: next(memory for memory in memories if memory.kind is kind) for kind in MemoryKind}
    code = pick("code", MemoryKind.FLASH, first[MemoryKind.FLASH])
    data = pick("data", MemoryKind.RAM, first[MemoryKind.RAM])
    return Layout(
        code=code,
        constants=pick("constants", MemoryKind.FLASH, code),
        data=data,
        arena=pick("arena", MemoryKind.RAM, data),
    )


def _check_limits(limits: Limits, memories: tuple[Memory, ...], layout: Layout) -> None:
    for key, allowed, kind in (
        ("flash_bytes", limits.flash_bytes, MemoryKind.FLASH),
        ("ram_bytes", limits.ram_bytes, MemoryKind.RAM),
    ):
        there = sum(memory.n_bytes for memory in memories if memory.kind is kind)
        if allowed > there:
            raise BoardError(f"limits.{key}: {allowed} is more than the {there} bytes of {kind.value} above")
    if limits.stack_bytes >= min(limits.ram_bytes, layout.data.n_bytes):
        raise BoardError(f"limits.stack_bytes: {limits.stack_bytes} leaves no RAM for anything else")


def _sources(file: BoardFile) -> tuple[tuple[str, str], ...]:
    tables: list[tuple[str, Any]] = [("mcu", file.mcu), *((f"memory {m.name}", m) for m in file.memory)]
    tables += [
        (key, getattr(file, key)) for key in ("clock", "console", "limits", "build", "flash", "emulate", "power")
    ]
    return tuple((key, table.source) for key, table in tables if table is not None)
