# SPDX-License-Identifier: Apache-2.0
"""`subbyte check`: a network on a board against a budget; the gate of a CI job."""

from pathlib import Path
from typing import Annotated

import typer

from toolchain.cli.aims import MaxRamOption, OptimiseOption, chosen_aims
from toolchain.cli.models import assess_model
from toolchain.export.c import Optimise
from toolchain.files import write_text
from toolchain.report.console import console, print_json, print_table
from toolchain.report.junit import verdict_junit
from toolchain.report.size_report import headline, size_report, verdict_json, verdict_table
from toolchain.report.table import to_markdown

HELP = """Hold a network on a board against a budget: exit 1, and what is over by how
much.

The firmware is built, and its linked sizes count; the board's own limits
always do. A limit whose figure is not known (an accuracy that was never
measured) is an error, not a pass.

\b
  # budget.toml: bytes as 65536, "64 KiB" (1024) or "64 kB" (1000)
  flash_bytes  = "64 KiB"
  ram_bytes    = "32 KiB"
  stack_bytes  = "2 KiB"
  arena_bytes  = 20_000
  weight_bytes = "25 kB"
  macs         = "3 M"
  accuracy     = "93 %"               # at least; from the run folder
  operations.hello_edge = "6 M"       # under a named counting rule
  memory.hello_edge     = "80 kB"

Examples:

\b
  subbyte check runs/s --board nucleo-f446re --budget budget.toml
  subbyte check runs/s --board mps2-an386 --budget budget.toml --junit ci.xml
  subbyte check runs/s --board mps2-an386 --budget budget.toml --json
"""

app = typer.Typer(add_completion=False)


@app.command(help=HELP)
def check(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Run folder, .onnx or .tflite.")],
    board: Annotated[str, typer.Option(help="Id of a board (`subbyte boards`), or a board file.")],
    budget: Annotated[Path | None, typer.Option(help="budget.toml; without one the board's limits alone.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML, one case a limit.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the table as Markdown.")] = None,
    optimise: OptimiseOption = Optimise.BALANCED,
    max_ram: MaxRamOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """See HELP."""
    shown = size_report(assess_model(model, board, budget, aims=chosen_aims(optimise, max_ram), build=True))
    verdict = shown.verdict
    if junit:
        write_text(junit, verdict_junit(verdict, f"{shown.model} on {shown.board}"))
    if markdown:
        write_text(markdown, f"## {headline(shown)}\n\n{to_markdown(verdict_table(verdict))}")
    if as_json:
        print_json(verdict_json(verdict))
    else:
        terminal = console()
        terminal.print(headline(shown), style="bold")
        print_table(verdict_table(verdict), terminal)
        over = len(verdict.breaches)
        terminal.print("within budget" if verdict.ok else f"over budget: {over} of {len(verdict.checks)} limits")
    raise typer.Exit(0 if verdict.ok else 1)
