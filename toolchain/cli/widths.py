# SPDX-License-Identifier: Apache-2.0
"""`subbyte widths`: what weights of 8 to 1 bits cost on a board, and whether every judge agrees at each width."""

from pathlib import Path
from typing import Annotated

import typer

from toolchain.arch.weights import MAX_BITS, WeightSpec
from toolchain.cli.aims import MaxRamOption, OptimiseOption, chosen_aims
from toolchain.cli.waiting import waiting
from toolchain.errors import ModelError, SubbyteError
from toolchain.export.c import Optimise
from toolchain.graph.model import load_model
from toolchain.graph.tensor import Grid
from toolchain.report.console import print_json, print_table
from toolchain.report.page_section import write_section
from toolchain.report.table import to_markdown
from toolchain.report.widths_table import agreement_of_widths, cost_table, widths_json
from toolchain.verify.panel import emulated_boards
from toolchain.widths.sweep import Question, every_spec, sweep

HELP = """What weights of 8 to 1 bits cost on a board, before anything is trained on them.

MODEL is a run folder, an .onnx (QDQ) or a .tflite file. Its weights are
rounded to each width, mid-tread (with a zero) and mid-rise (odd integers
only); the first and last layer keep 8 bits, but with --all-layers. At each width the firmware is
built, one inference is counted in QEMU, and the bytes of every judge and every
board are held against the reference interpreter's. Cost does not depend on
training; accuracy does: that is `subbyte series`.

Exit 1 where a byte differs that must not.

Examples:

\b
  subbyte widths runs/s --board mps2-an386
  subbyte widths model.tflite --board mps2-an386,mps3-an547 --widths 8,4,2,1 --optimise speed
  subbyte widths runs/stream --board mps2-an386 --all-layers --page docs/widths.md
"""

app = typer.Typer(add_completion=False)


@app.command(help=HELP)
def widths(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Run folder, .onnx or .tflite.")],
    board: Annotated[list[str], typer.Option(help="Emulated board, several times or as a list; `all` for every one.")],
    bits: Annotated[str, typer.Option("--widths", help="Bits of the weights.")] = "8,7,6,5,4,3,2,1",
    first_last_bits: Annotated[
        int | None, typer.Option(min=1, max=MAX_BITS, help="Bits of the first and last layer; 8 without.")
    ] = None,
    all_layers: Annotated[
        bool, typer.Option("--all-layers", help="The first and last layer take the width too.")
    ] = False,
    samples: Annotated[int, typer.Option(min=1, help="Random inputs that are compared.")] = 5,
    optimise: OptimiseOption = Optimise.BALANCED,
    max_ram: MaxRamOption = None,
    page: Annotated[Path | None, typer.Option(help="Markdown page to write the tables to, in their place.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """See HELP."""
    if all_layers and first_last_bits is not None:
        raise SubbyteError("subbyte widths: --all-layers and --first-last-bits ask for different things: leave one out")
    question = Question(
        graph=load_model(model),
        boards=emulated_boards(board),
        aims=chosen_aims(optimise, max_ram),
        first_last=None if all_layers else WeightSpec.of(first_last_bits or MAX_BITS),
        samples=samples,
    )
    with waiting("") as say:
        found = tuple(sweep(question, every_spec(_numbers(bits), tuple(Grid)), say))
    tables = [cost_table(question, index, found) for index in range(len(question.boards))]
    tables.append(agreement_of_widths(question, found))
    if as_json:
        print_json(widths_json(question, found))
    else:
        for table in tables:
            print_table(table)
    if page is not None:
        section = "\n".join(to_markdown(table) for table in tables)
        write_section(page, f"subbyte widths {question.graph.name} {optimise.value}", section, "Widths of weights")
    raise typer.Exit(0 if all(width.ok for width in found) else 1)


def _numbers(words: str) -> tuple[int, ...]:
    numbers = [int(word) if word.strip().isdecimal() else 0 for word in words.split(",")]
    if not all(1 <= number <= MAX_BITS for number in numbers):
        raise ModelError(f"--widths: {words!r} must be numbers of bits, 1..{MAX_BITS}, such as 8,4,2,1")
    return tuple(dict.fromkeys(numbers))
