# SPDX-License-Identifier: Apache-2.0
"""`subbyte pack`: a model and a board become a firmware project that builds by itself."""

import difflib
import shlex
from pathlib import Path
from typing import Annotated

import typer

from toolchain.boards import load_board
from toolchain.cli.aims import MaxRamOption, OptimiseOption, chosen_aims
from toolchain.device.build import check_estimate
from toolchain.errors import BoardError
from toolchain.export.c import Aims, Optimise
from toolchain.export.project import RUNTIMES, Project, front_end_parts, make_project, project_sources, save_project
from toolchain.graph.model import load_model_info
from toolchain.report.console import print_json

HELP = """Write a firmware project that builds by itself: C, linker script, Makefile, CMakeLists.txt, self-test.

MODEL is a run folder, an .onnx (QDQ) or a .tflite file. The project needs nothing of Subbyte to build: `make`, or
CMake, and arm-none-eabi-gcc. `make host` runs its self-test on this computer, under sanitizers. The same model and
board give the same bytes. A folder that exists is replaced only if it is such a project and nothing in it was changed.

With `--runtime tflm` the network is carried out by TensorFlow Lite for Microcontrollers; its library and headers are
then given to make by their paths. `--runtime tflm-compressed` is the same with weights as look-up tables.

Examples:

\b
  subbyte pack runs/s --board nucleo-f446re -o firmware
  subbyte pack model.tflite --board mps2-an386 -o firmware && make -C firmware run
  subbyte pack model.onnx --board ./my-board.toml --optimise size -o firmware
  subbyte pack model.tflite --board nrf52840-dk --runtime tflm -o firmware
"""

app = typer.Typer(add_completion=False)


@app.command(help=HELP)
def pack(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Run folder, .onnx or .tflite.")],
    board: Annotated[str, typer.Option(metavar="BOARD", help="Id (see `subbyte boards`) or .toml file.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder of the project.")],
    runtime: Annotated[str, typer.Option(help=f"One of {', '.join(RUNTIMES)}.")] = "c",
    optimise: OptimiseOption = Optimise.BALANCED,
    max_ram: MaxRamOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """See HELP."""
    project = load_project(model, board, runtime, chosen_aims(optimise, max_ram))
    sources = project_sources(project)
    save_project(sources, output)
    if as_json:
        print_json(
            {
                "folder": str(output),
                "files": sorted(sources),
                "model": project.graph.name,
                "graph_sha256": project.graph.sha256,
                "board": project.board.id,
                "runtime": project.runtime.name,
                "front_end": project.front_end is not None,
                "constant_bytes": project.runtime.constant_bytes,
                "arena_bytes": project.runtime.arena_bytes,
            }
        )
        return
    print(f"{output}: {project.graph.name} for {project.board.name}, {len(sources)} files")
    known = project.runtime
    print(f"  weights and tables {known.constant_bytes:,} B, arena {known.arena_bytes:,} B (estimated)")
    if known.executed.stages:
        layers = sum(stage.end - stage.first for stage in known.executed.stages)
        print(f"  {layers} layers in bands of rows, with {known.executed.extra_macs:,} MACs more than without")
    if project.front_end is None:
        print("  without a front end: the model's file does not say how sound becomes its input")
    then = "run" if project.board.emulation else "flash"
    given = " TFLM_LIB=... TFLM_INCLUDE=..., see its README.md" if known.needs_tflm else ""
    print(f"  next: make -C {shlex.quote(str(output))} {then}{given}")


def load_project(model: Path, board: str, runtime: str, aims: Aims) -> Project:
    """The project of MODEL for BOARD. Raises SubbyteError where one of the three is wrong, or the network too large."""
    if runtime not in RUNTIMES:
        near = difflib.get_close_matches(runtime, RUNTIMES, n=1)
        raise BoardError(
            f"unknown runtime {runtime!r}: " + (f"did you mean {near[0]}?" if near else ", ".join(RUNTIMES))
        )
    chosen = load_board(board)
    info = load_model_info(model)
    project = make_project(info.graph, chosen, RUNTIMES[runtime](info.graph, chosen, aims), front_end_parts(info))
    check_estimate(project)
    return project
