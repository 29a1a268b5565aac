# SPDX-License-Identifier: Apache-2.0
"""`subbyte profile`: what one inference costs, instruction by instruction; or what runs between two symbols."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from toolchain.boards import Board, emulator_command, load_board, machine_command
from toolchain.cli.aims import MaxRamOption, OptimiseOption, chosen_aims
from toolchain.cli.waiting import waiting
from toolchain.core import known_core
from toolchain.device.batches import Batch, unpacked_inputs
from toolchain.device.profile import ElfProfile, Profile, profile_elf, profile_model
from toolchain.device.profile.timing import timing_of
from toolchain.errors import BoardError, DataError, SubbyteError
from toolchain.export.c import Aims, Optimise
from toolchain.files import write_text
from toolchain.graph.graph import Graph
from toolchain.graph.model import load_model
from toolchain.report.console import console, print_json, print_table
from toolchain.report.profile_picture import elf_svg, profile_svg
from toolchain.report.profile_table import (
    elf_headline,
    elf_json,
    energy_note,
    function_table,
    headline,
    kind_table,
    layer_table,
    memory_table,
    profile_json,
    timing_notes,
)

HELP = """Count what one inference costs: instructions by layer, function and kind.

MODEL is a run folder, an .onnx (QDQ) or a .tflite file. The firmware that
`subbyte pack` writes is built and run in QEMU, where a plugin counts every
block of instructions: the counts are exact, and the same each time. Cycles
are estimated from the core's timing table, with memory that never waits.
Shown as well: flash of the network and of the whole firmware, RAM, how deep
the painted stack was touched, and energy where the board's file has a
current.

For a board that is not emulated, an emulated one with the same core counts:
the figures are the core's, not the board's.

With --elf, any firmware: what runs from one symbol until another is reached
(without --to, until the first one returns), on an emulated board or on a
machine of QEMU.

Examples:

\b
  subbyte profile runs/s --board mps2-an386
  subbyte profile model.tflite --board nucleo-f446re --functions
  subbyte profile model.tflite --board mps2-an386 --svg profile.svg
  subbyte profile model.tflite --board mps2-an385 --core cortex-m0plus --json
  subbyte profile --elf firmware.elf --from main --to done --board mps2-an386
  subbyte profile --elf firmware.elf --from work --machine lm3s6965evb --core cortex-m3
"""

app = typer.Typer(add_completion=False)


@app.command(help=HELP)
def profile(
    model: Annotated[Path | None, typer.Argument(metavar="MODEL", help="Run folder, .onnx or .tflite.")] = None,
    board: Annotated[str | None, typer.Option(help="Id of a board (`subbyte boards`), or a board file.")] = None,
    core: Annotated[str | None, typer.Option(help="Generate, compile and time for this core, not the board's.")] = None,
    input_file: Annotated[
        Path | None, typer.Option("--input", help="int8 bytes of the input; random ones without.")
    ] = None,
    functions: Annotated[bool, typer.Option("--functions", help="Show every function as well.")] = False,
    svg: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Write a picture of the cycles.")] = None,
    optimise: OptimiseOption = Optimise.BALANCED,
    max_ram: MaxRamOption = None,
    elf: Annotated[Path | None, typer.Option("--elf", metavar="FILE", help="A firmware instead of MODEL.")] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="SYMBOL", help="With --elf: where counting begins; main without.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="SYMBOL", help="With --elf: where it ends, before that runs.")
    ] = None,
    machine: Annotated[str | None, typer.Option(help="With --elf: a machine of QEMU instead of a board.")] = None,
    timeout: Annotated[float, typer.Option(min=1, max=86_400, help="With --elf: seconds until it is given up.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """See HELP."""
    if (model is None) == (elf is None):
        raise SubbyteError("give either a MODEL or --elf FILE")
    if elf is not None:
        if input_file or functions or optimise is not Optimise.BALANCED or max_ram is not None:
            raise SubbyteError("--input, --functions, --optimise and --max-ram are for a MODEL, not for --elf")
        of_elf = _profile_elf(elf, "main" if first is None else first, last, board, machine, core, timeout)
        _show_elf(of_elf, svg, as_json)
    elif model is not None:
        if board is None or any(option is not None for option in (machine, first, last)):
            raise SubbyteError("a MODEL needs --board, and no --machine, --from and --to: these are for --elf")
        _show_model(
            _profile_model(model, board, core, input_file, chosen_aims(optimise, max_ram)), svg, functions, as_json
        )


def _profile_model(model: Path, board: str, core: str | None, input_file: Path | None, aims: Aims) -> Profile:
    described = load_board(board)
    if core is not None:
        described = replace(described, core=known_core(core))
    graph = load_model(model)
    inputs = None if input_file is None else _input(graph, input_file)
    with waiting(f"Counting on {described.id}"):
        return profile_model(graph, described, aims=aims, inputs=inputs)


def _input(graph: Graph, path: Path) -> Batch:
    try:
        given = np.frombuffer(path.read_bytes(), np.int8)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    needed = sum(graph.tensor(name).container_bytes for name in dict.fromkeys(graph.inputs))
    if given.size != needed:
        raise DataError(f"{path}: holds {given.size:,} bytes; the input of {graph.name} is {needed:,}, one int8 each")
    return unpacked_inputs(graph, given[None])


def _profile_elf(
    elf: Path, first: str, last: str | None, board: str | None, machine: str | None, core: str | None, timeout: float
) -> ElfProfile:
    if (board is None) == (machine is None):
        raise BoardError("--elf needs one of --board (an emulated one) and --machine (of qemu-system-arm)")
    described: Board | None = None if board is None else load_board(board)
    if described is not None:
        emulator = emulator_command(described)
    elif core is None:
        raise BoardError("--machine needs --core: whose timing table is to give the cycles, such as cortex-m3")
    else:
        emulator = machine_command(str(machine), by_semihosting=False)
    timed = known_core(core) if core is not None else described.core if described else None
    assert timed is not None
    with waiting(f"Counting {elf.name}"):
        return profile_elf(elf, emulator, timed.name, first, last, timeout_s=timeout)


def _show_model(found: Profile, svg: Path | None, functions: bool, as_json: bool) -> None:
    if svg is not None:
        write_text(svg, profile_svg(found))
    if as_json:
        print_json(profile_json(found))
        return
    terminal = console()
    terminal.print(headline(found), style="bold")
    terminal.print()
    tables = [layer_table(found), kind_table(found.total)]
    tables += [function_table(found.run)] if functions else []
    for table in (*tables, memory_table(found)):
        print_table(table, terminal)
    at = f"{found.board.clock.hz / 1e6:g} MHz"
    terminal.print(f"{found.time_ms:,.2f} ms at {at} (estimated)")
    for note in (energy_note(found), *timing_notes(timing_of(found.core.name))):
        if note is not None:
            terminal.print(note)


def _show_elf(found: ElfProfile, svg: Path | None, as_json: bool) -> None:
    if svg is not None:
        write_text(svg, elf_svg(found))
    if as_json:
        print_json(elf_json(found))
        return
    terminal = console()
    terminal.print(elf_headline(found), style="bold")
    terminal.print()
    for table in (function_table(found.run), kind_table(found.run.total)):
        print_table(table, terminal)
    for note in timing_notes(timing_of(found.core)):
        terminal.print(note)
