# SPDX-License-Identifier: Apache-2.0
"""`subbyte flash`: check, build, and put a firmware on its board, or start it in the emulator for its verdict."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from toolchain.boards import Board, FlashCommand
from toolchain.budget.assess import Assessment, assess_build
from toolchain.budget.limits import Budget, load_budget
from toolchain.cli.aims import MaxRamOption, OptimiseOption, chosen_aims
from toolchain.cli.models import recorded_accuracy
from toolchain.cli.pack import load_project
from toolchain.cli.waiting import waiting
from toolchain.device.build import Build, DoesNotFitError, Shortfall, build_folder
from toolchain.device.emulate import EmulatedRun, emulate
from toolchain.device.flash import check_tool, choose_flash_command, program, shown
from toolchain.export.c import Optimise
from toolchain.export.project import Project, project_sources, save_project
from toolchain.measure import Measure
from toolchain.report.console import print_json, print_table
from toolchain.report.size_report import verdict_json, verdict_table

HELP = """Check, build, program a board (or start the emulated one), and self-test with known answers.

A firmware that is over the board's limits, or over a budget, is not put anywhere: exit 1, and what is over by how
much. A real board is programmed by the first of its tools that is installed, or by --tool; the command is shown first,
and with --dry-run only shown. An emulated board is started, and its self-test's verdict is the exit status. The
project and its build are left in a folder, as `subbyte pack` writes it.

Examples:

\b
  subbyte flash runs/s --board mps2-an386
  subbyte flash runs/s --board nucleo-f446re --budget budget.toml
  subbyte flash model.tflite --board nrf52840-dk --tool pyocd --dry-run
"""

app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Outcome:
    """What came of it. run: of an emulated board. command: of a real one; programmed: whether it was carried out."""

    found: Assessment
    folder: Path
    run: EmulatedRun | None = None
    command: FlashCommand | None = None
    programmed: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing was over its limit and no self-test failed."""
        return self.found.verdict.ok and (self.run is None or self.run.passed)


@app.command(help=HELP)
def flash(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Run folder, .onnx or .tflite.")],
    board: Annotated[str, typer.Option(metavar="BOARD", help="Id (see `subbyte boards`) or .toml file.")],
    budget: Annotated[Path | None, typer.Option(help="budget.toml; without one the board's limits alone.")] = None,
    tool: Annotated[str | None, typer.Option(help="openocd, pyocd or st-flash.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and build; show what would be run.")] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Folder of the project; build/MODEL-BOARD.")
    ] = None,
    optimise: OptimiseOption = Optimise.BALANCED,
    max_ram: MaxRamOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """See HELP."""
    limits = load_budget(budget) if budget else None
    project = load_project(model, board, "c", chosen_aims(optimise, max_ram))
    check_tool(project.board, tool)
    accuracy = recorded_accuracy(model) if model.is_dir() else None
    folder = output or Path("build") / f"{project.graph.name}-{project.board.id}"
    save_project(project_sources(project), folder)
    found = _assessed(project, folder, limits, accuracy)
    if not as_json:
        print(f"{project.graph.name} on {project.board.name}, in {folder}")
        print_table(verdict_table(found.verdict))
    outcome = _put(project.board, found, folder, tool, dry_run, quiet=as_json)
    if as_json:
        print_json(_json(outcome))
    raise typer.Exit(0 if outcome.ok else 1)


def _assessed(project: Project, folder: Path, budget: Budget | None, accuracy: Measure | None) -> Assessment:
    """The project built, and everything that is known of it held against its limits."""
    build: Build | None = None
    shortfalls: tuple[Shortfall, ...] = ()
    try:
        with waiting(f"Building for {project.board.id}"):
            build = build_folder(project, folder)
    except DoesNotFitError as error:
        build, shortfalls = error.build, error.shortfalls
    return assess_build(
        project.graph,
        project.board,
        build,
        aims=project.runtime.aims,
        shortfalls=shortfalls,
        budget=budget,
        accuracy=accuracy,
    )


def _put(board: Board, found: Assessment, folder: Path, tool: str | None, dry_run: bool, *, quiet: bool) -> Outcome:
    """Start or program what was built, and say so unless `quiet`."""

    def say(text: str) -> None:
        if not quiet:
            print(text)

    build = found.build
    if build is None or not found.verdict.ok:
        say(f"not {'started' if board.emulation else 'programmed'}: over {len(found.verdict.breaches)} of its limits")
        return Outcome(found, folder)
    if board.emulation is not None:
        return _started(board, build, Outcome(found, folder), dry_run, say)
    command = choose_flash_command(board, build, tool)
    say(f"$ {shown(command)}")
    if dry_run:
        return Outcome(found, folder, command=command)
    with waiting(f"Programming {board.name} by {command.tool}"):
        printed = program(board, command)
    say(printed.rstrip())
    say(f"programmed; the self-test speaks on the board's serial port, {board.console.baud} baud")
    return Outcome(found, folder, command=command, programmed=True)


def _started(board: Board, build: Build, outcome: Outcome, dry_run: bool, say: Callable[[str], None]) -> Outcome:
    """The emulated board's own words, and its verdict."""
    if dry_run:
        say(f"$ make -C {shlex.quote(str(outcome.folder))} run")
        return outcome
    with waiting(f"Running on {board.id}"):
        run = emulate(board, build.elf, build.folder)
    say(run.output.rstrip())
    return Outcome(outcome.found, outcome.folder, run=run)


def _json(outcome: Outcome) -> dict[str, Any]:
    measures = outcome.found.sizes.measures()
    return {
        **verdict_json(outcome.found.verdict),
        "ok": outcome.ok,
        "board": outcome.found.board.id,
        "folder": str(outcome.folder),
        **{
            name: measures[name].value if name in measures else None
            for name in ("flash_bytes", "ram_bytes", "stack_bytes")
        },
        "self_test": None if outcome.run is None else "pass" if outcome.run.passed else "fail",
        "command": list(outcome.command.arguments) if outcome.command else None,
        "programmed": outcome.programmed,
    }
