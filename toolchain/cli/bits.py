# SPDX-License-Identifier: Apache-2.0
"""`subbyte bits`: what each layer loses at fewer bits, and the bits that lose least within a flash budget."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import tomli_w
import typer

from toolchain.arch.weights import WeightPlan, WeightSpec
from toolchain.bits.firmware import RoundedModels, Target
from toolchain.bits.prices import layer_prices
from toolchain.bits.search import (
    Candidate,
    Found,
    Problem,
    candidate,
    check_budget,
    search_bits,
    search_sized,
    uniform,
)
from toolchain.bits.trials import Allocation, Assignment, ClipScores, Subject, Trials, allocation
from toolchain.boards import load_board
from toolchain.budget.quantity import parse_size_option
from toolchain.cli.aims import OptimiseOption
from toolchain.cli.models import data_seed
from toolchain.cli.progress import progress_bar
from toolchain.cli.waiting import waiting
from toolchain.core import known_core
from toolchain.data.corpus import Split
from toolchain.data.layout import Partition
from toolchain.errors import BudgetError, ModelError, SubbyteError
from toolchain.export.c import Aims, Optimise
from toolchain.export.project import front_end_parts
from toolchain.files import write_text
from toolchain.frontend import Frontend
from toolchain.graph.model import ModelInfo, load_model_info
from toolchain.graph.tensor import Grid
from toolchain.nets.simulation import Simulation
from toolchain.report.bits_picture import scan_picture
from toolchain.report.bits_tables import (
    Answers,
    best_table,
    bits_text,
    candidate_json,
    scan_json,
    scan_of,
    scan_table,
    search_table,
)
from toolchain.report.console import console, print_json, print_table
from toolchain.verify.accuracy import answers_here, host_classifier
from toolchain.verify.accuracy import score as scored
from toolchain.verify.clips import as_inputs, front_end_of, load_clips

HELP = """Bits of each layer's weights: what they cost, and where they hurt least.

MODEL is a run folder (or an .onnx or .tflite file that names its classes and
its front end, as `subbyte train` and `export` write them).

--scan rounds each layer alone to each width and measures how much the loss
on the validation part of the corpus rises. What was tried is kept in
sensitivity.json in the run folder (-o names another file); a scan that was
stopped goes on where it ended.

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
"""

# Where trials are kept in a run folder.
SENSITIVITY = "sensitivity.json"

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
    with_uniform: Annotated[
        bool, typer.Option("--uniform", help="Also each uniform width, and the search at its size.")
    ] = False,
    test: Annotated[bool, typer.Option("--test", help="Also accuracy on the test part, by the generated C.")] = False,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the scan as a picture.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of the simulation.")] = 1,
    optimise: OptimiseOption = Optimise.BALANCED,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """See HELP."""
    if not scan and not max_flash and not with_uniform:
        raise SubbyteError("subbyte bits: give --scan to measure, or --max-flash SIZE to search")
    if scan and (max_flash or with_uniform):
        raise SubbyteError("subbyte bits: --scan only measures; leave it out to search")
    budgets = [_size(text) for text in max_flash or ()]
    info = load_model_info(model)
    described = load_board(board) if board else None
    chosen = described.core if described else known_core(core)
    target = Target(chosen, described, front_end_parts(info) if described else None, Aims(optimise))
    models = RoundedModels(info.graph, target)
    specs = _specs(widths, grid)
    options = _options(models.trained, specs, keep or [])
    corpus = _Corpus(info, data, data_seed(model) if model.is_dir() else 0)
    file = (out if scan else None) or sensitivity or _usual_file(model)
    trials = _trials(models, corpus, clips, file, threads)
    if scan:
        _scan(info, models, trials, specs, svg, as_json)
        return
    _try_all(trials, [{}, *({name: spec} for name, of in options.items() for spec in of)])
    problem = _problem(models, options, trials)
    _search(_Asked(info, problem, models, corpus, tuple(budgets), best, rounds, with_uniform, test), out, as_json)
    if svg:
        write_text(svg, scan_picture(scan_of(info.graph.name, trials, _weights(models), specs)))


@dataclass(frozen=True, eq=False)
class _Asked:
    """One search, as asked."""

    info: ModelInfo
    problem: Problem
    models: RoundedModels
    corpus: "_Corpus"
    budgets: tuple[int, ...]
    best: int
    rounds: int
    uniform: bool
    test: bool


class _Corpus:
    """Features of the parts that are asked for, each decoded once."""

    def __init__(self, info: ModelInfo, folder: Path, seed: int) -> None:
        self._info, self._folder, self._seed = info, folder, seed
        self.front_end: Frontend = front_end_of(info)
        self._parts: dict[Partition, Split] = {}

    def part(self, partition: Partition) -> Split:
        if partition not in self._parts:
            with progress_bar("Decoding clips") as progress:
                loaded = load_clips(self._info, self._folder, partition, seed=self._seed, progress=progress)
            self._parts[partition] = loaded.split
        return self._parts[partition]


def _size(text: str) -> int:
    try:
        return parse_size_option(text)
    except BudgetError as error:
        raise BudgetError(f"--max-flash: {error}") from error


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


def _usual_file(model: Path) -> Path:
    return model / SENSITIVITY if model.is_dir() else model.with_suffix(f".{SENSITIVITY}")


def _trials(models: RoundedModels, corpus: _Corpus, clips: int | None, file: Path, threads: int) -> Trials:
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


def _weights(models: RoundedModels) -> dict[str, int]:
    """Layer -> number of weights."""
    return {name: models.n_weights(name) for name in models.trained}


def _scan(
    info: ModelInfo, models: RoundedModels, trials: Trials, specs: Sequence[WeightSpec], svg: Path | None, as_json: bool
) -> None:
    _try_all(trials, [{}, *({name: spec} for name in models.trained for spec in specs)])
    found = scan_of(info.graph.name, trials, _weights(models), specs)
    if svg:
        write_text(svg, scan_picture(found))
    if as_json:
        print_json(scan_json(found))
    else:
        print_table(scan_table(found))


def _problem(models: RoundedModels, options: Mapping[str, Sequence[WeightSpec]], trials: Trials) -> Problem:
    with progress_bar("Pricing widths") as progress:
        problem = Problem(options, layer_prices(options, models.at, models.generated, progress), trials)
    if models.target.board is None:
        return problem
    with waiting(f"Building for {models.target.board.id}"):
        return problem.costing(models.size({}) - models.share({}))


def _search(asked: _Asked, out: Path | None, as_json: bool) -> None:
    problem, models = asked.problem, asked.models
    others = _uniform(asked) if asked.uniform else {}
    budgets = sorted({*asked.budgets, *(one.flash_bytes for one in others.values())})
    for budget in budgets:
        check_budget(problem, budget)
    sized: dict[Allocation, int] = {}
    found = []
    with waiting("Searching") as told:
        for budget in budgets:
            found.append(_found(asked, budget, sized, told))
    rows = [one.best for one in found] + list(others.values())
    parts = (Partition.VALIDATION, Partition.TEST) if asked.test else (Partition.VALIDATION,)
    exact = {part: _accuracies(asked, rows, part) for part in parts}
    linked = sized if models.target.board else {}
    answers = Answers(problem.trials.subject.clips, linked, exact[Partition.VALIDATION], exact.get(Partition.TEST, {}))
    if out is not None:
        _write(out, [one for one in found if one.budget in asked.budgets], asked.info.graph.name)
    if as_json:
        print_json(
            {
                "model": asked.info.graph.name,
                "graph_sha256": models.graph.sha256,
                "counted": _counted(models),
                "budgets": [
                    {
                        "budget_bytes": one.budget,
                        "rounds": one.rounds,
                        "best": [candidate_json(each, answers) for each in one.candidates],
                    }
                    for one in found
                ],
                "uniform": [candidate_json(one, answers) for one in others.values()],
            }
        )
        return
    terminal = console()
    print_table(search_table(asked.info.graph.name, found, others, answers), terminal)
    for one in found:
        print_table(best_table(one, answers.clips), terminal)
    terminal.print(f"Flash: {_counted(models)}.")


def _counted(models: RoundedModels) -> str:
    """What the flash of a table is."""
    if models.target.board is not None:
        return f"the whole firmware for {models.target.board.id}"
    return f"the network's constants and kernels on {models.target.core.name}; --board counts the linked firmware"


def _found(asked: _Asked, budget: int, sized: dict[Allocation, int], told: Callable[[str], None]) -> Found:
    """The search for one budget, until what it finds fits as a whole."""

    def said(text: str) -> None:
        told(f"{budget:,} B: {text}")

    def search(problem: Problem) -> Found:
        return search_bits(problem, budget, best=asked.best, rounds=asked.rounds, told=said)

    def size(specs: Assignment) -> int:
        said("building what was found")
        return asked.models.size(specs)

    return search_sized(asked.problem, budget, search, size, sized)


def _uniform(asked: _Asked) -> dict[str, Candidate]:
    """Each width for all layers, but for those that are kept; equal ones once."""
    specs = dict.fromkeys(spec for of in asked.problem.options.values() for spec in of if len(of) > 1)
    found = {f"all {spec.bits}" if spec.usual else f"all {spec}": uniform(asked.problem, spec) for spec in specs}
    return {name: candidate(asked.problem, one) for name, one in found.items()}


def _accuracies(asked: _Asked, rows: Sequence[Candidate], partition: Partition) -> dict[Allocation, float]:
    """Accuracy of each allocation by the generated C on this machine, which is every target's to the last clip."""
    split = asked.corpus.part(partition)
    found = {}
    for index, one in enumerate(rows, 1):
        classifier = host_classifier(asked.models.at(one.specs))
        with progress_bar(f"{partition.value}, {index} of {len(rows)}: {bits_text(one.specs)}") as progress:
            answers = answers_here(asked.corpus.front_end, classifier, split.x, progress)
        found[allocation(one.specs)] = scored(answers, split).accuracy
    return found


def _write(out: Path, found: Sequence[Found], name: str) -> None:
    """The TOML of each budget that was asked for."""
    for one in found:
        specs = one.best.specs
        plan = WeightPlan(Counter(specs.values()).most_common(1)[0][0], dict(specs))
        head = (
            f"# {name}: {one.best.flash_bytes} B of flash, budget {one.budget} B; rounded without training it loses "
            f"{one.best.trial.loss_increase:+.4f}.\n# Written by `subbyte bits`; `subbyte train --bits` reads it.\n"
        )
        path = out if len(found) == 1 else out / f"{one.budget}.toml"
        write_text(path, head + tomli_w.dumps(plan.to_dict()))
