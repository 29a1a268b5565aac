# SPDX-License-Identifier: Apache-2.0
"""`subbyte bench`: our engine on benchmark networks, core by core, beside what is known of the peers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from toolchain.bench.measure import benchmark_boards, measure
from toolchain.bench.networks import LAYER_CORES, Network, layer_networks, library_networks, models_in, network_of
from toolchain.bench.peers import Metric, Peers, known_peers
from toolchain.bench.record import bench_json, bench_text, compare, load_bench
from toolchain.bench.result import Bench, Origin
from toolchain.boards import Board
from toolchain.cli.aims import OptimiseOption
from toolchain.cli.progress import progress_bar
from toolchain.errors import BenchError
from toolchain.export.c import Aims, Optimise
from toolchain.files import write_text
from toolchain.report.bench_page import PAGE, PICTURE, RECORD, bench_page
from toolchain.report.bench_plot import bench_svg
from toolchain.report.bench_tables import (
    comparison_table,
    layer_table,
    memory_table,
    per_mac_table,
    single_layers_table,
    speed_table,
)
from toolchain.report.console import print_json, print_table
from toolchain.verify.panel import emulated_boards

HELP = """Benchmark networks on emulated cores, beside what is known of the peers.

MODEL is a run folder, an .onnx (QDQ) or a .tflite file, any number of them.
Without one: the models in --models, built-in architectures and generated
networks, whose weights come from a seed, and single layers. Each is first
held against the reference and tflite-micro, byte for byte; then counted:
instructions of one inference (exact), cycles (estimated), flash, RAM.

The same compiler gives the same figures on every machine: --check holds a
fresh run against a recorded one and exits 1 on any difference.

Examples:

\b
  subbyte bench
  subbyte bench model.tflite runs/s --board mps2-an386
  subbyte bench --layers
  subbyte bench --models ../shared/data/models -o docs
  subbyte bench --models ../shared/data/models --check docs/benchmarks.json
"""

app = typer.Typer(add_completion=False)


@app.command(help=HELP)
def bench(
    models: Annotated[list[Path] | None, typer.Argument(metavar="MODEL...", help="Run folder, .onnx, .tflite.")] = None,
    board: Annotated[list[str] | None, typer.Option(help="Emulated board; several times, or a list.")] = None,
    folder: Annotated[Path | None, typer.Option("--models", help="Folder of benchmark models; may be absent.")] = None,
    layers: Annotated[bool, typer.Option("--layers", help="Single layers alone.")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Write page, picture and record here.")] = None,
    check: Annotated[Path | None, typer.Option(help="Hold the run against this record.")] = None,
    optimise: OptimiseOption = Optimise.BALANCED,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """See HELP."""
    recorded = load_bench(check) if check else None
    jobs = _jobs(models or [], folder, layers, emulated_boards(board) if board else benchmark_boards())
    with progress_bar("Benchmarking") as progress:
        measured = measure(jobs, Aims(optimise), progress)
    if out:
        for name, text in (
            (PAGE, bench_page(measured, known_peers())),
            (PICTURE, bench_svg(measured, known_peers())),
            (RECORD, bench_text(measured)),
        ):
            write_text(out / name, text)
    if as_json:
        print_json(bench_json(measured))
    elif recorded is None:
        _print(measured, known_peers())
    if check and recorded is not None:
        found = compare(recorded, measured)
        if not as_json:
            print_table(comparison_table(found, str(check)))
        raise typer.Exit(0 if found.ok else 1)


def _jobs(
    models: Sequence[Path], folder: Path | None, layers: bool, boards: Sequence[Board]
) -> list[tuple[Network, Board]]:
    """What is measured where."""
    if models and (folder or layers):
        raise BenchError("MODEL is measured alone: give no --models and no --layers with it")
    singles = [board for board in boards if board.core.name in LAYER_CORES]
    networks = [network_of(path) for path in models]
    if not models and not layers:
        networks = [*(network_of(path) for path in (models_in(folder) if folder else ())), *library_networks()]
    jobs = [(network, board) for network in networks for board in boards]
    return jobs if models else [*jobs, *((network, board) for network in layer_networks() for board in singles)]


def _print(measured: Bench, peers: Peers) -> None:
    """What a terminal shows: for a few models everything, for the whole benchmark what stands on one screen or two."""
    origins = {result.network: result.origin for result in measured.results}
    for network, origin in origins.items():
        if origin in (Origin.NAMED, Origin.GIVEN):
            print_table(speed_table(measured, peers, network))
    if set(origins.values()) == {Origin.GIVEN}:
        for result in measured.results:
            print_table(layer_table(result))
    if any(origin is not Origin.LAYER for origin in origins.values()):
        print_table(memory_table(measured, peers))
        print_table(per_mac_table(measured, Metric.INSTRUCTIONS))
        print_table(per_mac_table(measured, Metric.CYCLES))
    for core in LAYER_CORES:
        table = single_layers_table(measured, peers, core)
        if table.rows:
            print_table(table)
