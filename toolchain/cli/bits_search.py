# SPDX-License-Identifier: Apache-2.0
"""The search of `subbyte bits`: every budget that was asked for, what is found there, its tables and files."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from toolchain.arch.weights import WeightPlan
from toolchain.bits.firmware import Models
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
from toolchain.bits.trials import Allocation, Assignment, allocation
from toolchain.cli.progress import progress_bar
from toolchain.cli.waiting import waiting
from toolchain.data.corpus import Split
from toolchain.data.layout import Partition
from toolchain.files import write_text
from toolchain.frontend import Frontend
from toolchain.graph.model import ModelInfo
from toolchain.report.bits_tables import Answers, best_table, bits_text, candidate_json, search_table
from toolchain.report.console import console, print_json, print_table
from toolchain.verify.accuracy import answers_here, host_classifier
from toolchain.verify.accuracy import score as scored
from toolchain.verify.clips import front_end_of, load_clips


@dataclass(frozen=True, eq=False)
class Asked:
    """One search, as asked. how: what was done to what is tried."""

    info: ModelInfo
    problem: Problem
    models: Models
    corpus: "Corpus"
    how: str
    budgets: tuple[int, ...]
    best: int
    rounds: int
    uniform: bool
    test: bool


class Corpus:
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


def run_search(asked: Asked, out: Path | None, as_json: bool) -> None:
    problem, models = asked.problem, asked.models
    others = _uniform(asked) if asked.uniform else {}
    board = models.target.board
    most = math.inf if board is None else board.limits.flash_bytes
    budgets = sorted({*asked.budgets, *(one.flash_bytes for one in others.values() if one.flash_bytes <= most)})
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
    linked = sized if board else {}
    answers = Answers(
        asked.how, problem.trials.subject.clips, linked, exact[Partition.VALIDATION], exact.get(Partition.TEST, {})
    )
    if out is not None:
        _write(out, [one for one in found if one.budget in asked.budgets or not asked.budgets], asked)
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


def _counted(models: Models) -> str:
    """What the flash of a table is."""
    if models.target.board is not None:
        return f"the whole firmware for {models.target.board.id}"
    return f"the network's constants and kernels on {models.target.core.name}; --board counts the linked firmware"


def _found(asked: Asked, budget: int, sized: dict[Allocation, int], told: Callable[[str], None]) -> Found:
    """The search for one budget, until what it finds fits as a whole."""

    def said(text: str) -> None:
        told(f"{budget:,} B: {text}")

    def search(problem: Problem) -> Found:
        return search_bits(problem, budget, best=asked.best, rounds=asked.rounds, told=said)

    def size(specs: Assignment) -> int:
        said("building what was found")
        return asked.models.size(specs)

    return search_sized(asked.problem, budget, search, size, sized)


def _uniform(asked: Asked) -> dict[str, Candidate]:
    """Each width for all layers, but for those that are kept; equal ones once."""
    specs = dict.fromkeys(spec for of in asked.problem.options.values() for spec in of if len(of) > 1)
    found = {f"all {spec.bits}" if spec.usual else f"all {spec}": uniform(asked.problem, spec) for spec in specs}
    return {name: candidate(asked.problem, one) for name, one in found.items()}


def _accuracies(asked: Asked, rows: Sequence[Candidate], partition: Partition) -> dict[Allocation, float]:
    """Accuracy of each allocation by the generated C on this machine, which is every target's to the last clip."""
    split = asked.corpus.part(partition)
    found = {}
    for index, one in enumerate(rows, 1):
        classifier = host_classifier(asked.models.at(one.specs))
        with progress_bar(f"{partition.value}, {index} of {len(rows)}: {bits_text(one.specs)}") as progress:
            answers = answers_here(asked.corpus.front_end, classifier, split.x, progress)
        found[allocation(one.specs)] = scored(answers, split).accuracy
    return found


def _write(out: Path, found: Sequence[Found], asked: Asked) -> None:
    """The TOML of each budget that was asked for; of each uniform one's, where none was."""
    for one in found:
        specs = one.best.specs
        plan = WeightPlan(Counter(specs.values()).most_common(1)[0][0], dict(specs))
        head = (
            f"# {asked.info.graph.name}: {one.best.flash_bytes} B of flash, budget {one.budget} B; {asked.how} "
            f"it loses {one.best.trial.loss_increase:+.4f}.\n"
            "# Written by `subbyte bits`; `subbyte train --bits` reads it.\n"
        )
        path = out if len(found) == 1 else out / f"{one.budget}.toml"
        write_text(path, head + tomli_w.dumps(plan.to_dict()))
