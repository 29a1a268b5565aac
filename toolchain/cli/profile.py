# SPDX-License-Identifier: Apache-2.0
"""`subbyte profile`: what one inference costs, instruction by instruction."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from toolchain.boards import load_board
from toolchain.cli.aims import OptimiseOption
from toolchain.cli.waiting import waiting
from toolchain.core import known_core
from toolchain.device.profile import profile_model
from toolchain.device.profile.timing import timing_of
from toolchain.export.c import Aims, Optimise
from toolchain.graph.model import load_model
from toolchain.report.console import console, print_json, print_table
from toolchain.report.profile_table import (
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
Shown as well: flash of the network and of the whole firmware, RAM, and how
deep the painted stack was touched.

For a board that is not emulated, an emulated one with the same core counts:
the figures are the core's, not the board's.

Examples:

\b
  subbyte profile runs/s --board mps2-an386
  subbyte profile model.tflite --board nucleo-f446re --functions
  subbyte profile model.tflite --board mps2-an385 --core cortex-m0plus --json
"""

app = typer.Typer(add_completion=False)


@app.command(help=HELP)
def profile(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Run folder, .onnx or .tflite.")],
    board: Annotated[str, typer.Option(help="Id of a board (`subbyte boards`), or a board file.")],
    core: Annotated[str | None, typer.Option(help="Generate and compile for this core instead of the board's.")] = None,
    functions: Annotated[bool, typer.Option("--functions", help="Show every function as well.")] = False,
    optimise: OptimiseOption = Optimise.BALANCED,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """See HELP."""
    described = load_board(board)
    if core is not None:
        described = replace(described, core=known_core(core))
    graph = load_model(model)
    with waiting(f"Counting on {described.id}"):
        found = profile_model(graph, described, aims=Aims(optimise))
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
    for note in timing_notes(timing_of(found.core.name)):
        terminal.print(note)
