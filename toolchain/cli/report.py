# SPDX-License-Identifier: Apache-2.0
"""`subbyte report`: what a network takes on a board, before it is flashed."""

from pathlib import Path
from typing import Annotated

import typer

from toolchain.cli.aims import MaxRamOption, OptimiseOption, chosen_aims
from toolchain.cli.models import assess_model
from toolchain.export.c import Optimise
from toolchain.files import write_text
from toolchain.report.arena_map import arena_table, arena_text
from toolchain.report.console import console, print_json, print_table
from toolchain.report.html import report_html
from toolchain.report.junit import verdict_junit
from toolchain.report.size_report import (
    SizeReport,
    arena_heading,
    headline,
    report_json,
    report_markdown,
    report_tables,
    size_report,
)

HELP = """Size and cost of a network on a board, layer by layer, before flashing.

MODEL is a run folder, an .onnx (QDQ) or a .tflite file. What Graph, Plan
and board determine is `estimated`; then the firmware is built and what the
linker made of it stands beside it as `linked`. Weights and arena agree to
the byte.

Shown are: the board's limits (and a budget's), the parts of flash and RAM,
each layer (shape, MACs, bytes of weights and activations, kernel), the
arena over time, and the published counting rules. The exit code is 0 also
for a network that is too large: `subbyte check` is for scripts that must
stop.

Examples:

\b
  subbyte report runs/s --board nucleo-f446re
  subbyte report runs/s --board mps2-an386 --html report.html
  subbyte report model.tflite --board nrf52840-dk --no-build
  subbyte report model.onnx --board mps2-an386 --budget budget.toml
  subbyte report runs/s --board mps2-an386 --markdown report.md --junit ci.xml
"""

app = typer.Typer(add_completion=False)


@app.command(help=HELP)
def report(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Run folder, .onnx or .tflite.")],
    board: Annotated[str, typer.Option(help="Id of a board (`subbyte boards`), or a board file.")],
    budget: Annotated[Path | None, typer.Option(help="budget.toml to hold it against.")] = None,
    no_build: Annotated[bool, typer.Option("--no-build", help="Estimates alone; needs no compiler.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write one HTML file with pictures.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write Markdown.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML, one case a limit.")] = None,
    optimise: OptimiseOption = Optimise.BALANCED,
    max_ram: MaxRamOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """See HELP."""
    assessment = assess_model(model, board, budget, aims=chosen_aims(optimise, max_ram), build=not no_build)
    shown = size_report(assessment)
    if html:
        write_text(html, report_html(shown))
    if markdown:
        write_text(markdown, report_markdown(shown))
    if junit:
        write_text(junit, verdict_junit(shown.verdict, f"{shown.model} on {shown.board}"))
    if as_json:
        print_json(report_json(shown))
    else:
        _print(shown)


def _print(shown: SizeReport) -> None:
    terminal = console()
    terminal.print(headline(shown), style="bold")
    terminal.print()
    for table in report_tables(shown):
        print_table(table, terminal)
    terminal.print(arena_heading(shown.arena), style="bold")
    terminal.print(arena_text(shown.arena))
    print_table(arena_table(shown.arena), terminal)
