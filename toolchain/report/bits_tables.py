# SPDX-License-Identifier: Apache-2.0
"""What a scan and a search of bits found, as tables and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolchain.arch.weights import WeightSpec
from toolchain.bits.search import Candidate, Found
from toolchain.bits.trials import Allocation, Trial, Trials, allocation
from toolchain.measure import How
from toolchain.report.table import Cell, Column, Row, Table, Tone

# What was done to the networks that are tried.
ROUNDED = "rounded without training"
TRAINED = "trained at all widths at once"


@dataclass(frozen=True)
class Scan:
    """how: what was done to what was tried.

    trials: layer -> spec -> what it loses alone. weights: of each layer. loss, accuracy: as trained.
    """

    model: str
    how: str
    clips: int
    loss: float
    accuracy: float
    weights: Mapping[str, int]
    specs: tuple[WeightSpec, ...]
    trials: Mapping[str, Mapping[WeightSpec, Trial]]


@dataclass(frozen=True)
class Answers:
    """What was found beside the search, by the items of an allocation.

    how: what was done to what was tried. clips: of the validation part.
    linked: bytes of flash. validation, test: accuracy of the generated C on those parts.
    """

    how: str
    clips: int
    linked: Mapping[Allocation, int]
    validation: Mapping[Allocation, float]
    test: Mapping[Allocation, float]


def scan_of(model: str, how: str, trials: Trials, weights: Mapping[str, int], specs: Sequence[WeightSpec]) -> Scan:
    """All single trials of a network."""
    found = {name: {spec: trials.of({name: spec}) for spec in specs} for name in weights}
    return Scan(
        model, how, trials.subject.clips, trials.loss, trials.accuracy(trials.of({})), weights, tuple(specs), found
    )


def short(spec: WeightSpec) -> str:
    """A spec as the head of a column: 4, or 4r for four bits on the grid that is not usual.

    >>> from toolchain.graph.tensor import Grid
    >>> short(WeightSpec.of(2)), short(WeightSpec.of(4, Grid.MID_RISE)), short(WeightSpec.of(2, Grid.MID_TREAD))
    ('2', '4 rise', '2 tread')
    """
    return str(spec.bits) if spec.usual else f"{spec.bits} {spec.grid.value.removeprefix('mid-')}"


def alone(scan: Scan) -> str:
    """What a field of the scan is about."""
    if scan.how == ROUNDED:
        return "one layer rounded, nothing trained after it"
    return "one layer at its width and the others at 8 bits, trained at all widths at once"


def scan_table(scan: Scan) -> Table:
    """One row a layer, one column a width: how much the mean cross-entropy rises with that layer alone rounded."""
    columns = (
        Column("layer", text=True),
        Column("weights"),
        *(Column(f"{short(spec)} bit{'s' if spec.bits > 1 else ''}", how=How.MEASURED) for spec in scan.specs),
    )
    rows = [
        Row((name, count, *(_loss(scan.trials[name][spec]) for spec in scan.specs)))
        for name, count in scan.weights.items()
    ]
    together = Row(
        ("sum", sum(scan.weights.values()), *(_sum(scan, spec) for spec in scan.specs)),
        Tone.TOTAL,
    )
    errors = [scan.trials[name][spec].standard_error for name in scan.weights for spec in scan.specs]
    notes = (
        f"Loss increase over {scan.loss:.4f} (accuracy {scan.accuracy:.2%}), {scan.clips:,} clips of the validation",
        f"part, {alone(scan)}; largest standard error {max(errors):.4f}.",
    )
    return Table(f"{scan.model}: what each layer alone loses", columns, (*rows, together), notes)


def search_table(model: str, found: Sequence[Found], others: Mapping[str, Candidate], answers: Answers) -> Table:
    """One row a budget; behind it the uniform allocations of no more bytes. others: name -> a uniform one."""
    linked = any(size is not None for size in answers.linked.values())
    columns = (
        Column("budget", "B"),
        Column("bits, layer by layer", text=True),
        Column("flash", "B", How.ESTIMATED),
        *((Column("flash", "B", How.LINKED),) if linked else ()),
        Column("predicted loss"),
        Column("loss", how=How.MEASURED),
        Column("±", how=How.MEASURED),
        Column("validation", "%", How.MEASURED),
        Column("in C", "%", How.MEASURED),
        *((Column("test in C", "%", How.MEASURED),) if answers.test else ()),
    )

    def row(head: Cell, candidate: Candidate, tone: Tone = Tone.PLAIN) -> Row:
        key = allocation(candidate.specs)
        cells: tuple[Cell, ...] = (
            head,
            bits_text(candidate.specs),
            candidate.flash_bytes,
            *((answers.linked.get(key),) if linked else ()),
            f"{candidate.predicted:+.4f}",
            f"{candidate.trial.loss_increase:+.4f}",
            f"{candidate.trial.standard_error:.4f}",
            _percent(candidate.trial.correct / answers.clips),
            _percent(answers.validation[key]),
            *((_percent(answers.test[key]),) if answers.test else ()),
        )
        return Row(cells, tone)

    rows, left = [], sorted(others, key=lambda name: others[name].flash_bytes)
    for one in sorted(found, key=lambda one: one.budget):
        rows.append(row(one.budget, one.best, Tone.GOOD))
        while left and others[left[0]].flash_bytes <= one.budget:
            rows.append(row(left[0], others[left[0]]))
            left = left[1:]
    rows += [row(name, others[name]) for name in left]
    layers = ", ".join(next(iter(found)).best.specs) if found else ""
    notes = (
        f"Layers: {layers}.",
        f"predicted: sum of what single layers lose; loss: all of them at once, over the same clips, {answers.how}.",
    )
    return Table(f"{model}: bits under a flash budget", columns, tuple(rows), notes)


def best_table(found: Found, clips: int) -> Table:
    """The K best of one budget."""
    columns = (
        Column("#"),
        Column("bits, layer by layer", text=True),
        Column("flash", "B", How.ESTIMATED),
        Column("predicted loss"),
        Column("loss", how=How.MEASURED),
        Column("validation", "%", How.MEASURED),
    )
    rows = tuple(
        Row(
            (
                index,
                bits_text(one.specs),
                one.flash_bytes,
                f"{one.predicted:+.4f}",
                f"{one.trial.loss_increase:+.4f}",
                _percent(one.trial.correct / clips),
            )
        )
        for index, one in enumerate(found.candidates, 1)
    )
    helped = f"{found.rounds} round{'s' if found.rounds != 1 else ''}"
    notes = (f"The best by the sum over layers, proven by an exact search; ordered by joint loss; {helped} around it.",)
    return Table(f"{found.budget:,} B: the best", columns, rows, notes)


def bits_text(specs: Mapping[str, WeightSpec]) -> str:
    """Widths in the network's order: `8 4 4 2`."""
    return " ".join(short(spec).replace(" ", "-") for spec in specs.values())


def scan_json(scan: Scan) -> dict[str, Any]:
    """The scan as plain values."""
    return {
        "model": scan.model,
        "tried": scan.how,
        "clips": scan.clips,
        "loss": scan.loss,
        "accuracy": scan.accuracy,
        "how": How.MEASURED.value,
        "layers": [
            {
                "name": name,
                "weights": count,
                "trials": [trial_json(scan.trials[name][spec], scan.clips, spec) for spec in scan.specs],
            }
            for name, count in scan.weights.items()
        ],
    }


def trial_json(trial: Trial, clips: int, spec: WeightSpec) -> dict[str, Any]:
    """What one layer alone loses."""
    return {
        "bits": spec.bits,
        "grid": spec.grid.value,
        "loss_increase": trial.loss_increase,
        "standard_error": trial.standard_error,
        "accuracy": trial.correct / clips,
    }


def candidate_json(candidate: Candidate, answers: Answers) -> dict[str, Any]:
    """An allocation as plain values."""
    key = allocation(candidate.specs)
    return {
        "bits": {name: spec.bits for name, spec in candidate.specs.items()},
        "grids": {name: spec.grid.value for name, spec in candidate.specs.items()},
        "flash_bytes_estimated": candidate.flash_bytes,
        "flash_bytes_linked": answers.linked.get(key),
        "predicted_loss_increase": candidate.predicted,
        "loss_increase": candidate.trial.loss_increase,
        "standard_error": candidate.trial.standard_error,
        "validation_accuracy": candidate.trial.correct / answers.clips,
        "validation_accuracy_in_c": answers.validation.get(key),
        "test_accuracy_in_c": answers.test.get(key),
    }


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _loss(trial: Trial) -> str:
    return f"{trial.loss_increase:+.4f}"


def _sum(scan: Scan, spec: WeightSpec) -> str:
    return f"{sum(of[spec].loss_increase for of in scan.trials.values()):+.4f}"
