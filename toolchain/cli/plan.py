# SPDX-License-Identifier: Apache-2.0
"""`subbyte plan`: how little RAM the activations of a network need, in which order and where; proven or not."""

from pathlib import Path
from typing import Annotated

import typer

from toolchain.arch.library import builtin_names, load_arch
from toolchain.arch.untrained import untrained_graph
from toolchain.boards import load_board
from toolchain.cli.aims import MaxRamOption, OptimiseOption, chosen_aims
from toolchain.cli.waiting import waiting
from toolchain.core import Core, known_core
from toolchain.errors import ModelError
from toolchain.export.c import Aims, Optimise, c_sources
from toolchain.files import write_text
from toolchain.graph.graph import Graph
from toolchain.graph.model import load_model
from toolchain.report.arena_map import arena_map, arena_picture, arena_table, arena_text
from toolchain.report.console import console, print_json, print_table
from toolchain.report.plan_table import Planned, headline, plan_json, plan_table

HELP = """How little RAM a network's activations need: order, places, proof.

MODEL is a run folder, an .onnx (QDQ) or .tflite file, the name of a built-in
network (`subbyte count --list`) or a .toml architecture; these get weights
from a seed. Without MODEL: all built-in networks.

The order of the layers and the places of activations and scratch in one
array are searched together with what may be computed in place and what is
a view of other bytes. `lower bound` is what no plan can do without: the
least, over all orders, of the bytes that live at once. A plan that reaches
it is proven optimal; where the search had to give up, that is said.

With one MODEL the arena is drawn over time; --svg writes the picture.

Examples:

\b
  subbyte plan
  subbyte plan ds_cnn_s --core cortex-m55
  subbyte plan model.tflite --board nucleo-f446re --svg arena.svg
  subbyte plan model.tflite --max-ram "32 kB" --json
"""

app = typer.Typer(add_completion=False)


@app.command(help=HELP)
def plan(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="Run folder, model file, name or .toml.")
    ] = None,
    board: Annotated[str | None, typer.Option(help="Plan for the core of this board.")] = None,
    core: Annotated[str, typer.Option(help="Plan for this core, where no board is given.")] = "cortex-m4",
    optimise: OptimiseOption = Optimise.BALANCED,
    max_ram: MaxRamOption = None,
    svg: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Write a picture of one MODEL.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """See HELP."""
    names = models or list(builtin_names())
    if svg and len(names) != 1:
        raise typer.BadParameter("--svg draws one MODEL")
    chosen = load_board(board).core if board else known_core(core)
    aims = chosen_aims(optimise, max_ram)
    found = [_planned(name, chosen, aims) for name in names]
    if svg:
        write_text(svg, arena_picture(arena_map(found[0].graph, found[0].plan), headline(found[0])))
    if as_json:
        print_json([plan_json(planned) for planned in found])
        return
    terminal = console()
    print_table(plan_table(found, chosen.name), terminal)
    if len(found) == 1:
        arena = arena_map(found[0].graph, found[0].plan)
        terminal.print(arena_text(arena))
        print_table(arena_table(arena), terminal)


def _planned(name: str, core: Core, aims: Aims) -> Planned:
    source = _graph(name)
    with waiting(f"Planning {name}"):
        model = c_sources(source, core, aims=aims)
    return Planned(name, source, model.graph, model.plan)


def _graph(name: str) -> Graph:
    path = Path(name)
    if path.is_dir() or path.suffix.lower() in (".onnx", ".tflite"):
        return load_model(path)
    try:
        arch = load_arch(name)
    except ModelError:
        if path.exists():
            raise ModelError(f"{name}: no model: .onnx, .tflite, .toml or a run folder") from None
        raise
    return untrained_graph(arch.identifier, arch.layers())
