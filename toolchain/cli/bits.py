# SPDX-License-Identifier: Apache-2.0
"""`subbyte bits`: what each layer loses at fewer bits, and the bits that lose least within a flash budget."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import typer

from toolchain.arch.weights import WeightSpec
from toolchain.bits.firmware import Models, RoundedModels, Target, TrainedModels
from toolchain.bits.prices import layer_prices
from toolchain.bits.search import Problem, smallest_allocation
from toolchain.bits.trials import Assignment, ClipScores, Subject, Trials
from toolchain.boards import Board, load_board
from toolchain.budget.quantity import parse_size_option
from toolchain.cli.aims import OptimiseOption
from toolchain.cli.bits_search import Asked, Corpus, run_search
from toolchain.cli.models import data_seed
from toolchain.cli.progress import progress_bar
from toolchain.cli.waiting import waiting
from toolchain.core import known_core
from toolchain.data.layout import Partition
from toolchain.errors import BudgetError, ModelError, SubbyteError
from toolchain.export.c import Aims, Optimise
from toolchain.export.project import front_end_parts
from toolchain.files import write_text
from toolchain.graph.model import ModelInfo, load_model_info
from toolchain.graph.tensor import Grid
from toolchain.nets.any_width_training import train_any_width
from toolchain.nets.progress import TrainingProgress
from toolchain.nets.simulation import Simulation
from toolchain.report.bits_picture import scan_picture
from toolchain.report.bits_tables import ROUNDED, TRAINED, scan_json, scan_of, scan_table
from toolchain.report.console import print_json, print_table
from toolchain.verify.clips import as_inputs

HELP = """Bits of each layer's weights: what they cost, and where they hurt least.

MODEL is a run folder (or an .onnx or .tflite file that names its classes and
its front end, as `subbyte train` and `export` write them).

--scan rounds each layer alone to each width and measures how much the loss
on the validation part of the corpus rises. What was tried is kept in
sensitivity.json in the run folder (-o names another file); a scan that was
stopped goes on where it ended.

--trained EPOCHS judges by what is lost after training instead: for so many
epochs the float network of the run folder is trained at all widths at once,
each step at others, and every assignment is tried with those weights. The
training is kept in any_width.pt in the run folder, the trials in
sensitivity-trained.json; both go on where they were stopped.

--max-flash searches the bits that lose least within that much flash: with
--board of the linked firmware, checked by a build; without, of the network's
own share (constants and kernels). The search is exact for the sum of what
single layers lose; then the best are tried with all layers at once, and
looked around. Give it several times for a table. -o writes the bits as TOML,
for `subbyte train --bits`; for several budgets it names a folder.

Sizes: 24000, 24k or '24 kB' (24,000), 24KiB (24,576).

Examples:

\b
  subbyte bits runs/s --data speech_commands --scan --svg scan.svg
  subbyte bits runs/s --data speech_commands --max-flash '40 kB' --board mps2-an386 -o bits.toml
  subbyte bits runs/s --data speech_commands --max-flash 24k --keep stem=8 --widths 1,2,4,8
  subbyte bits runs/s --data speech_commands --max-flash 20k --max-flash 24k --uniform --test
  subbyte bits runs/s --data speech_commands --trained 10 --max-flash 16k --optimise size -o bits.toml
  subbyte train ds_cnn_s --data speech_commands --from runs/s --bits bits.toml -o runs/mixed
"""

# Where trials are kept in a run folder: of rounded networks, and of one trained at all widths.
SENSITIVITY = "sensitivity.json"
SENSITIVITY_TRAINED = "sensitivity-trained.json"

app = typer.Typer(add_completion=False)


@app.command(help=HELP)
def bits(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Run folder, .onnx or .tflite.")],
    data: Annotated[Path, typer.Option(help="Folder of the corpus, in the layout of Speech Commands.")],
    scan: Annotated[bool, typer.Option("--scan", help="Only measure what each layer loses.")] = False,
    max_flash: Annotated[
        list[str] | None, typer.Option("--max-flash", metavar="SIZE", help="Search within this budget; repeatable.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="TOML file of the bits, a folder for several; with --scan JSON.")
    ] = None,
    sensitivity: Annotated[Path | None, typer.Option(help="File of what was tried; in the run folder without.")] = None,
    board: Annotated[str | None, typer.Option(help="Count the linked firmware of this board.")] = None,
    core: Annotated[str, typer.Option(help="Count the network's share on this core, without a board.")] = "cortex-m4",
    keep: Annotated[
        list[str] | None, typer.Option(metavar="LAYER=BITS", help="Fix a layer, or those of a pattern; repeatable.")
    ] = None,
    widths: Annotated[str, typer.Option(help="Widths to choose from.")] = "1,2,3,4,5,6,7,8",
    grid: Annotated[
        str, typer.Option(help="usual (mid-rise for 1 and 2 bits, else mid-tread), mid-tread, mid-rise or both.")
    ] = "usual",
    clips: Annotated[int | None, typer.Option(min=2, help="Only so many clips of the validation part.")] = None,
    best: Annotated[int, typer.Option(min=1, max=1000, help="Allocations to try with all layers at once.")] = 8,
    rounds: Annotated[int, typer.Option(min=0, max=100, help="How often to look around the best one.")] = 2,
    trained: Annotated[
        int | None, typer.Option(min=1, metavar="EPOCHS", help="Judge by a training at all widths at once.")
    ] = None,
    with_uniform: Annotated[
        bool, typer.Option("--uniform", help="Also each uniform width, and the search at its size.")
    ] = False,
    first_last_bits: Annotated[
        int | None, typer.Option(min=1, max=8, help="First and last layer of the uniform ones; as the others without.")
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="Also accuracy on the test part, by the generated C.")] = False,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the scan as a picture.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of torch.")] = 1,
    optimise: OptimiseOption = Optimise.BALANCED,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """See HELP."""
    if not scan and not max_flash and not with_uniform:
        raise SubbyteError("subbyte bits: give --scan to measure, or --max-flash SIZE to search")
    if scan and (max_flash or with_uniform):
        raise SubbyteError("subbyte bits: --scan only measures; leave it out to search")
    described = load_board(board) if board else None
    budgets = [_size(text, described) for text in max_flash or ()]
    info = load_model_info(model)
    chosen = described.core if described else known_core(core)
    target = Target(chosen, described, front_end_parts(info) if described else None, Aims(optimise))
    specs = _specs(widths, grid)
    models: Models = RoundedModels(info.graph, target)
    options = _options(models.trained, specs, keep or [])
    how = ROUNDED if trained is None else TRAINED
    if trained is not None:
        every = {*specs, *(spec for of in options.values() for spec in of)}
        any_width = train_any_width(model, data, tuple(every), trained, threads, TrainingProgress())
        models = TrainedModels(any_width.at({}), target, any_width.at)
    corpus = Corpus(info, data, data_seed(model) if model.is_dir() else 0)
    file = (out if scan else None) or sensitivity or _usual_file(model, how)
    trials = _trials(models, corpus, clips, file, threads)
    if scan:
        _scan(info, models, trials, specs, how, svg, as_json)
        return
    _try_all(trials, [{}, *({name: spec} for name, of in options.items() for spec in of)])
    ends = None if first_last_bits is None else WeightSpec.of(first_last_bits)
    problem = replace(_problem(models, options, trials), ends=ends)
    asked = Asked(info, problem, models, corpus, how, tuple(budgets), best, rounds, with_uniform, test)
    run_search(asked, out, as_json)
    if svg:
        write_text(svg, scan_picture(scan_of(info.graph.name, how, trials, _weights(models), specs)))


def _size(text: str, board: Board | None) -> int:
    try:
        size = parse_size_option(text)
    except BudgetError as error:
        raise BudgetError(f"--max-flash: {error}") from error
    if board is not None and size > board.limits.flash_bytes:
        allowed = board.limits.flash_bytes
        raise BudgetError(f"--max-flash {size:,} B: {board.id} allows {allowed:,} B of flash: ask for no more")
    return size


def _specs(widths: str, grid: str) -> tuple[WeightSpec, ...]:
    """The specs to choose from, narrow ones first."""
    grids: dict[str, tuple[Grid | None, ...]] = {
        "usual": (None,),
        "mid-tread": (Grid.MID_TREAD,),
        "mid-rise": (Grid.MID_RISE,),
        "both": (Grid.MID_TREAD, Grid.MID_RISE),
    }
    if grid not in grids:
        raise SubbyteError(f"--grid {grid!r} is not one of {', '.join(grids)}")
    found = []
    try:
        for width in sorted({WeightSpec.parse(text.strip()).bits for text in widths.split(",")}):
            # One bit has no mid-tread grid; where both are asked for the other one is there.
            found += [WeightSpec.of(width, one) for one in grids[grid] if (width, one) != (1, Grid.MID_TREAD)]
    except ModelError as error:
        raise SubbyteError(f"--widths {widths!r}: {error}") from error
    if not found:
        raise SubbyteError(f"--widths {widths!r} --grid {grid}: one bit has only the mid-rise grid")
    return tuple(dict.fromkeys(found))


def _options(
    trained: Mapping[str, WeightSpec], specs: Sequence[WeightSpec], keep: Sequence[str]
) -> dict[str, tuple[WeightSpec, ...]]:
    """Layer -> what it may take."""
    options = dict.fromkeys(trained, tuple(specs))
    for line in keep:
        pattern, equals, value = (part.strip() for part in line.partition("="))
        names = [name for name in trained if fnmatchcase(name, pattern)]
        if not equals or not names:
            raise SubbyteError(
                f"--keep {line!r}: write LAYER=BITS, such as stem=8; the layers with weights are {', '.join(trained)}"
            )
        try:
            options |= dict.fromkeys(names, (WeightSpec.parse(value),))
        except ModelError as error:
            raise SubbyteError(f"--keep {line!r}: {error}") from error
    return options


def _usual_file(model: Path, how: str) -> Path:
    name = SENSITIVITY if how == ROUNDED else SENSITIVITY_TRAINED
    return model / name if model.is_dir() else model.with_suffix(f".{name}")


def _trials(models: Models, corpus: Corpus, clips: int | None, file: Path, threads: int) -> Trials:
    """Trials by the simulation on the validation part."""
    split = corpus.part(Partition.VALIDATION)
    audio, labels = split.x[:clips], split.y[:clips]
    features = corpus.front_end.features(audio)
    simulation = Simulation(as_inputs(models.graph, features)[models.graph.inputs[0]], labels, threads)
    subject = Subject(models.graph.sha256, split.sha256, Partition.VALIDATION.value, len(labels), dict(models.trained))
    return Trials(subject, lambda assignment: ClipScores(*simulation.scores(models.at(assignment))), file)


def _try_all(trials: Trials, assignments: Sequence[Assignment]) -> None:
    missing = [assignment for assignment in assignments if not trials.knows(assignment)]
    with progress_bar("Trying networks") as progress:
        for done, assignment in enumerate(missing, 1):
            trials.of(assignment)
            progress(done, len(missing))


def _weights(models: Models) -> dict[str, int]:
    """Layer -> number of weights."""
    return {name: models.n_weights(name) for name in models.trained}


def _scan(
    info: ModelInfo,
    models: Models,
    trials: Trials,
    specs: Sequence[WeightSpec],
    how: str,
    svg: Path | None,
    as_json: bool,
) -> None:
    _try_all(trials, [{}, *({name: spec} for name in models.trained for spec in specs)])
    found = scan_of(info.graph.name, how, trials, _weights(models), specs)
    if svg:
        write_text(svg, scan_picture(found))
    if as_json:
        print_json(scan_json(found))
    else:
        print_table(scan_table(found))


def _problem(models: Models, options: Mapping[str, Sequence[WeightSpec]], trials: Trials) -> Problem:
    with progress_bar("Pricing widths") as progress:
        problem = Problem(options, layer_prices(options, models.at, models.generated, progress), trials)
    if models.target.board is None:
        return problem
    smallest = smallest_allocation(problem)
    with waiting(f"Building for {models.target.board.id}"):
        return problem.costing(models.size(smallest) - models.share(smallest))
