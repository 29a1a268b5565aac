# SPDX-License-Identifier: Apache-2.0
"""`subbyte boards`: what is known of each board, and where it is known from."""

from typing import Annotated, Any

import typer

from toolchain.boards import Board, MemoryKind, RegisterStep, board_ids, load_board
from toolchain.report.console import print_json, print_table
from toolchain.report.table import Column, Row, Table

HELP = """What is known of each board: core, memories, clock, limits, how to emulate or program it.

With BOARD (an id, or a .toml file of your own) every fact with its source.

Examples:

\b
  subbyte boards
  subbyte boards stm32f746g-disco
  subbyte boards ./my-board.toml
  subbyte boards --json
"""

app = typer.Typer(add_completion=False)


@app.command(help=HELP)
def boards(
    board: Annotated[str | None, typer.Argument(metavar="BOARD", help="Id or .toml file; all boards without.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """See HELP."""
    if board is not None:
        chosen = load_board(board)
        if as_json:
            print_json(board_json(chosen))
        else:
            for table in _details(chosen):
                print_table(table)
        return
    known = [load_board(name) for name in board_ids()]
    if as_json:
        print_json([board_json(one) for one in known])
    else:
        print_table(_overview(known))


def _overview(known: list[Board]) -> Table:
    columns = (
        Column("board", text=True),
        Column("core", text=True),
        Column("has", text=True),
        Column("clock", "MHz"),
        Column("flash", "KiB"),
        Column("RAM", "KiB"),
        Column("runs by", text=True),
    )
    rows = tuple(
        Row(
            (
                one.id,
                one.core.name,
                _extensions(one),
                one.clock.hz / 1e6,
                one.limits.flash_bytes // 1024,
                one.limits.ram_bytes // 1024,
                _runs_by(one),
            )
        )
        for one in known
    )
    notes = (
        "Flash and RAM: what a firmware may use. `subbyte boards BOARD` names every source.",
        "Boards under QEMU are run by the tests; the others are built and linked, and have not been tried yet.",
    )
    return Table("", columns, rows, notes)


def _extensions(board: Board) -> str:
    there = [
        ("DSP", board.core.dsp),
        ("MVE", board.core.mve),
        (f"FPU {board.core.fpu.value}", board.core.fpu != "none"),
    ]
    return " ".join(name for name, has in there if has)


def _runs_by(board: Board) -> str:
    if board.emulation is not None:
        return "QEMU"
    return ", ".join(_tools(board)) or "–"


def _tools(board: Board) -> list[str]:
    if board.flashing is None:
        return []
    flashing = board.flashing
    known = (("openocd", bool(flashing.openocd)), ("pyocd", bool(flashing.pyocd)), ("st-flash", flashing.st_flash))
    return [name for name, there in known if there]


def _details(board: Board) -> tuple[Table, ...]:
    sources = dict(board.sources)
    layout = board.layout
    held = {
        memory.name: ", ".join(
            role for role in ("code", "constants", "data", "arena") if getattr(layout, role).name == memory.name
        )
        for memory in board.memories
    }
    facts = [
        ("part", board.part, "mcu"),
        ("core", f"{board.core.name} ({board.core.architecture}) {_extensions(board)}", "mcu"),
        ("clock", f"{board.clock.hz / 1e6:g} MHz, {len(board.clock.steps)} steps at start-up", "clock"),
        ("console", _console(board), "console"),
        ("firmware may use", f"{board.limits.flash_bytes:,} B of flash, {board.limits.ram_bytes:,} B of RAM", "limits"),
        ("stack", f"{board.limits.stack_bytes:,} B of that RAM", "limits"),
    ]
    if board.emulation is not None:
        facts.append(("emulated as", board.emulation.machine, "emulate"))
    if board.flashing is not None:
        facts.append(("programmed by", ", ".join(_tools(board)), "flash"))
    if board.power is not None:
        drawn = f"{board.power.run_ua_per_mhz:g} uA/MHz at {board.power.volts:g} V while running"
        facts.append(("current", drawn, "power"))
    memories = tuple(
        Row((m.name, m.kind.value, f"0x{m.start:08x}", m.n_bytes, held[m.name], m.source)) for m in board.memories
    )
    return (
        Table(
            f"{board.name} ({board.id})",
            (Column("", text=True), Column("", text=True), Column("source", text=True)),
            tuple(Row((name, value, sources[table])) for name, value, table in facts),
        ),
        Table(
            "",
            (
                Column("memory", text=True),
                Column("kind", text=True),
                Column("start", text=True),
                Column("size", "B"),
                Column("holds", text=True),
                Column("source", text=True),
            ),
            memories,
        ),
    )


def _console(board: Board) -> str:
    if not board.console.base:
        return board.console.kind.value
    return f"{board.console.kind.value} at 0x{board.console.base:08x}, {board.console.baud} baud"


def board_json(board: Board) -> dict[str, Any]:
    """Every fact of `board`, JSON-able."""
    return {
        "id": board.id,
        "name": board.name,
        "part": board.part,
        "core": {
            "name": board.core.name,
            "architecture": board.core.architecture,
            "dsp": board.core.dsp,
            "mve": board.core.mve,
            "fpu": board.core.fpu.value,
            "caches": board.caches,
        },
        "memories": [
            {"name": m.name, "kind": m.kind.value, "start": m.start, "bytes": m.n_bytes, "source": m.source}
            for m in board.memories
        ],
        "flash_bytes": board.memory_bytes(MemoryKind.FLASH),
        "ram_bytes": board.memory_bytes(MemoryKind.RAM),
        "layout": {role: getattr(board.layout, role).name for role in ("code", "constants", "data", "arena")},
        "clock": {"hz": board.clock.hz, "steps": [_step_json(step) for step in board.clock.steps]},
        "console": {
            "kind": board.console.kind.value,
            "base": board.console.base,
            "baud": board.console.baud,
            "steps": [_step_json(step) for step in board.console.steps],
        },
        "limits": {
            "flash_bytes": board.limits.flash_bytes,
            "ram_bytes": board.limits.ram_bytes,
            "stack_bytes": board.limits.stack_bytes,
        },
        "emulated_as": board.emulation.machine if board.emulation else None,
        "programmed_by": _tools(board),
        "power": board.power and {"run_ua_per_mhz": board.power.run_ua_per_mhz, "volts": board.power.volts},
        "sources": dict(board.sources),
    }


def _step_json(step: RegisterStep) -> dict[str, Any]:
    values = {
        "address": step.address or None,
        "write": step.write,
        "clear": step.clear,
        "set": step.set,
        "until": step.until,
        "equals": step.equals,
        "pause_cycles": step.pause_cycles,
    }
    return {"what": step.what, **{name: value for name, value in values.items() if value is not None}}
