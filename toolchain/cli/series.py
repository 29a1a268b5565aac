# SPDX-License-Identifier: Apache-2.0
"""`subbyte series`: train networks at many widths of weights and write the table; goes on where it stopped."""

from pathlib import Path
from typing import Annotated

import typer

from toolchain.arch.weights import MAX_BITS
from toolchain.errors import ModelError
from toolchain.measure import How
from toolchain.nets.config import TrainConfig
from toolchain.nets.progress import TrainingProgress
from toolchain.nets.quantisers import Method
from toolchain.nets.series import Curve, Series, comparability, epochs_run, measured, run_series
from toolchain.report.console import print_table
from toolchain.report.page_section import write_section
from toolchain.report.series_page import series_section
from toolchain.report.table import Column, Row, Table

HELP = """Accuracy over the width of the weights: float, rounded, and trained on the grid, for several seeds.

Each network is trained in float once a seed; every width goes on from there. The runs lie in OUT, one folder each,
and are `subbyte train`'s: what is complete is kept, what was stopped goes on, so give the same command again. First
and last layer keep 8 bits, activations are int8.

A run that fails is told of and left out of the tables: exit 1.

Examples:

\b
  subbyte series ds_cnn_s --data speech_commands -o runs/series
  subbyte series ds_cnn_s pless_sweep_wm1.25_5 --data speech_commands -o runs/series --page docs/reproduction.md
  subbyte series ds_cnn_s --data speech_commands -o runs/few --widths 4,2,1 --seeds 1 --epochs 10 --qat-epochs 5
  subbyte series ds_cnn_s --data speech_commands -o runs/series --methods learned-step,fixed-range,squashed
"""

# Missing runs that are named below a table.
_NAMED = 4

app = typer.Typer(add_completion=False)


@app.command(help=HELP)
def series(
    networks: Annotated[list[str], typer.Argument(metavar="ARCH...", help="Built-in networks, or .toml files.")],
    data: Annotated[Path, typer.Option(help="Folder of the corpus, in the layout of Speech Commands.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the runs.")],
    widths: Annotated[str, typer.Option(help="Bits of the weights.")] = "8,7,6,5,4,3,2,1",
    methods: Annotated[str, typer.Option(help="How weights get onto their grid; see `train`.")] = "learned-step",
    seeds: Annotated[int, typer.Option(help="How many: 0, 1, …")] = Series.seeds,
    epochs: Annotated[int, typer.Option(help="In float.")] = TrainConfig.epochs,
    qat_epochs: Annotated[int | None, typer.Option(help="On the grid; `train`'s own number without.")] = None,
    first_last_bits: Annotated[int, typer.Option(help="Bits of the first and last layer.")] = MAX_BITS,
    threads: Annotated[int | None, typer.Option(help="Of torch; all cores but one without.")] = None,
    page: Annotated[Path | None, typer.Option(help="Markdown page to write the tables to, in their place.")] = None,
    show: Annotated[bool, typer.Option("--show", help="Train nothing: only tables of what there is.")] = False,
) -> None:
    """See HELP."""
    asked = Series(
        networks=tuple(networks),
        data=data,
        out=out,
        widths=tuple(_number(word) for word in widths.split(",")),
        methods=tuple(_method(word) for word in methods.split(",")),
        seeds=seeds,
        epochs=epochs,
        qat_epochs=qat_epochs,
        first_last_bits=first_last_bits,
        threads=threads,
    )
    failed = () if show else run_series(asked, TrainingProgress)
    tables = _tables(asked)
    for table in tables:
        print_table(table)
    if page is not None:
        notes = (*(f"Epochs: {text}." for text in epochs_run(asked)), *comparability(asked))
        write_section(page, "subbyte series", series_section(tables, notes), "Reproduction")
    if failed:
        raise typer.Exit(1)


def _number(word: str) -> int:
    if not word.strip().isdecimal():
        raise ModelError(f"--widths: {word!r} is no number of bits; write for example 8,4,2,1")
    return int(word)


def _method(word: str) -> Method:
    try:
        return Method(word.strip())
    except ValueError:
        raise ModelError(f"--methods: {word!r} is not one of {', '.join(Method)}") from None


def _tables(asked: Series) -> list[Table]:
    curves = measured(asked)
    return [
        _table([curve for curve in curves if curve.network == network], asked.seeds)
        for network in dict.fromkeys(curve.network for curve in curves)
    ]


def _table(curves: list[Curve], seeds: int) -> Table:
    """One network: a row a width; beside each way's mean, how far it is from float."""
    reference = curves[0].points[0].mean
    columns = [Column("bits")]
    for curve in curves:
        columns += [Column(curve.way, "%", How.MEASURED), Column("to float", "points", How.MEASURED)]
    rows = []
    for index, point in enumerate(curves[0].points):
        cells: list[int | str | None] = [point.bits]
        for curve in curves:
            cells += _cells(curve.points[index].accuracies, curve.points[index].mean, reference, seeds)
        rows.append(Row(tuple(cells)))
    missing = list(dict.fromkeys(str(entry) for curve in curves for entry in curve.missing))
    notes = [f"Mean of {seeds} seeds; a figure of fewer says of how many."]
    if missing:
        more = f"; and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        notes.append(f"Still missing: {'; '.join(missing[:_NAMED])}{more}.")
    return Table(curves[0].network, tuple(columns), tuple(rows), tuple(notes))


def _cells(
    accuracies: tuple[float, ...], mean: float | None, reference: float | None, seeds: int
) -> tuple[str | None, str | None]:
    if mean is None:
        return None, None
    fewer = f" ({len(accuracies)} of {seeds})" if len(accuracies) < seeds else ""
    away = None if reference is None else f"{100 * (mean - reference):+.2f}"
    return f"{100 * mean:.2f}{fewer}", away
