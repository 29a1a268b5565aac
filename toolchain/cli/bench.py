# SPDX-License-Identifier: Apache-2.0
"""`subbyte bench`: our engine on benchmark networks, core by core, beside what is known of the peers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from toolchain.bench.measure import chosen_boards, measure, question_of
from toolchain.bench.networks import LAYER_CORES, Network, layer_networks, library_networks, models_in, network_of
from toolchain.bench.peers import Metric, Peers, known_peers
from toolchain.bench.record import bench_json, bench_text, compare, load_bench
from toolchain.bench.result import Bench, Origin
from toolchain.bench.versus import Side, elf_side, our_side, tflm_side
from toolchain.boards import Board
from toolchain.cli.aims import OptimiseOption
from toolchain.cli.progress import progress_bar
from toolchain.cli.waiting import waiting
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
    versus_table,
)
from toolchain.report.console import print_json, print_table

HELP = """Benchmark networks on emulated cores, beside what is known of the peers.

MODEL is a run folder, an .onnx (QDQ) or a .tflite file, any number of them.
Without one: the models in --models, built-in architectures and generated
networks, whose weights come from a seed, and single layers. Each is first
held against the reference and tflite-micro, byte for byte; then counted:
instructions of one inference (exact), cycles (estimated), flash, RAM.

The same compiler gives the same figures on every machine: --check holds a
fresh run against a recorded one and exits 1 on any difference.

With --compare a model is counted twice by the same means: by our engine, and
by a TFLite Micro library that you built, or by a finished firmware of which
the code between two symbols is counted.

Examples:

\b
  subbyte bench
  subbyte bench model.tflite runs/s --board mps2-an386
  subbyte bench --layers
  subbyte bench --models ../shared/data/models -o docs
  subbyte bench --models ../shared/data/models --check docs/benchmarks.json
  subbyte bench --compare model.tflite --board mps2-an386 \\
    --tflm-lib libtensorflow-microlite.a --tflm-include tflite-micro
  subbyte bench --compare model.tflite --board mps2-an386 \\
    --compare-elf theirs.elf --from begin --to end
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
    against: Annotated[
        Path | None, typer.Option("--compare", metavar="MODEL", help="Count MODEL by two engines.")
    ] = None,
    tflm_lib: Annotated[Path | None, typer.Option(help="TFLite Micro's library, built for the board's core.")] = None,
    tflm_include: Annotated[list[Path] | None, typer.Option(help="Folder of its headers; several times.")] = None,
    compare_elf: Annotated[Path | None, typer.Option(help="A finished firmware for the board instead.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="Symbol or address where its counting begins.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Where it ends; without it, when --from returns.")] = None,
    timeout: Annotated[
        float, typer.Option(min=1, max=86_400, help="With --compare-elf: seconds until it is given up.")
    ] = 60.0,
    optimise: OptimiseOption = Optimise.BALANCED,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """See HELP."""
    boards = chosen_boards(board or ())
    other = _Other(tflm_lib, tuple(tflm_include or ()), compare_elf, first, last, timeout)
    if against:
        if models or folder or layers or out or check:
            raise BenchError("--compare counts one model: give no other models, no --layers, --out and --check with it")
        _compare(against, boards, other, Aims(optimise), as_json)
        return
    if other != _Other():
        raise BenchError("--tflm-lib, --tflm-include, --compare-elf, --from, --to and --timeout need --compare MODEL")
    recorded = load_bench(check) if check else None
    jobs = _jobs(models or [], folder, layers, boards)
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
    """What is measured where. Single layers on the cores of the peers' study, unless others alone were asked for."""
    if models and (folder or layers):
        raise BenchError("MODEL is measured alone: give no --models and no --layers with it")
    singles = [board for board in boards if board.core.name in LAYER_CORES] or boards
    networks = [network_of(path) for path in models]
    if not models and not layers:
        networks = [*(network_of(path) for path in (models_in(folder) if folder else ())), *library_networks()]
    jobs = [(network, board) for network in networks for board in boards]
    return jobs if models else [*jobs, *((network, board) for network in layer_networks() for board in singles)]


@dataclass(frozen=True)
class _Other:
    """The other engine, as the options have it."""

    library: Path | None = None
    include: tuple[Path, ...] = ()
    elf: Path | None = None
    first: str | None = None
    last: str | None = None
    timeout_s: float = 60.0

    def side(self, network: Network, board: Board, aims: Aims) -> Side:
        if self.elf is not None and self.first is not None and self.library is None:
            return elf_side(self.elf, board, self.first, self.last, timeout_s=self.timeout_s)
        if self.library is not None and self.include and self.elf is None:
            return tflm_side(question_of(network), board, self.library, self.include, aims)
        raise BenchError("--compare needs --tflm-lib and --tflm-include, or --compare-elf and --from")


def _compare(model: Path, boards: Sequence[Board], other: _Other, aims: Aims, as_json: bool) -> None:
    if len(boards) != 1:
        raise BenchError("--compare needs one --board: the other side was built for one core")
    network = network_of(model)
    with waiting(f"Counting {network.name} twice"):
        theirs = other.side(network, boards[0], aims)
        (result,) = measure([(network, boards[0])], aims).results
    sides = our_side(result), theirs
    if as_json:
        print_json([asdict(side) for side in sides])
    else:
        print_table(versus_table(f"{network.title} on {boards[0].id}, {boards[0].core.name}", *sides))


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
    for core in measured.cores:
        table = single_layers_table(measured, peers, core)
        if table.rows:
            print_table(table)
