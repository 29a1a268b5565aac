# SPDX-License-Identifier: Apache-2.0
"""search_bits: the bits of each layer that lose least within a flash budget.

    scan       what each layer alone loses at each width            -> sum over layers: the prediction
    knapsack   the K best allocations by that sum, exactly          (knapsack.py)
    joint      they, and one width for all, with all layers at once -> the best one
    again      what each layer alone changes, seen from that one    -> a new sum, as long as it finds a better one

A sum over layers is only a guide: errors of several layers add up, cancel, or meet where the network is already hurt.
Seen from the point that was chosen the sum is right to first order, so the following rounds correct what the first
one took for granted. What is returned has the least joint loss of all that was tried and fits.

Sizes: the knapsack works with prices of single layers; what it finds is sized by the generator, which may give a mixed
network other kernels. Where that is over the budget, the knapsack is asked again with as much less.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from toolchain.arch.weights import WeightSpec
from toolchain.bits.knapsack import Option, best_options, least_bytes
from toolchain.bits.prices import Prices
from toolchain.bits.trials import Assignment, Trial, Trials, allocation
from toolchain.errors import BudgetError

# Between the knapsack's sizes and the generator's: each time the excess is taken off, so two or three are enough.
_CORRECTIONS = 8


@dataclass(frozen=True)
class Problem:
    """options: layer -> specs that it may take, in the network's order. flash: what an allocation really takes."""

    options: Mapping[str, Sequence[WeightSpec]]
    prices: Prices
    trials: Trials
    flash: Callable[[Assignment], int]


@dataclass(frozen=True)
class Candidate:
    """specs: of every layer. predicted: the sum over layers that found it; trial: all layers at once."""

    specs: Mapping[str, WeightSpec]
    flash_bytes: int
    predicted: float
    trial: Trial


@dataclass(frozen=True)
class Found:
    """candidates: of the last round that helped, by joint loss; the first is the answer. rounds: how many helped."""

    budget: int
    candidates: tuple[Candidate, ...]
    rounds: int

    @property
    def best(self) -> Candidate:
        """The answer."""
        return self.candidates[0]


def search_bits(
    problem: Problem, budget: int, *, best: int = 8, rounds: int = 2, told: Callable[[str], None] = lambda text: None
) -> Found:
    """The allocation for `budget` bytes of flash. rounds: at most so many after the first. told: what comes next.

    Raises BudgetError where even the smallest allocation is larger, and says how large that is.
    """
    check_budget(problem, budget)
    told("choosing among single layers")
    found = Found(budget, _joint(problem, _fitting(problem, budget, {}, best), _uniform_within(problem, budget)), 0)
    for turn in range(1, rounds + 1):
        told(f"looking around the best, round {turn}")
        around = found.best.specs
        again = _joint(problem, _fitting(problem, budget, around, best), (found.best,))
        if again[0].trial.loss_increase >= found.best.trial.loss_increase:
            break
        found = Found(budget, again, turn)
    return found


def check_budget(problem: Problem, budget: int) -> None:
    """Raises BudgetError where no allocation fits, naming the least that does."""
    smallest = smallest_allocation(problem)
    least = problem.flash(smallest)
    if budget < least:
        raise BudgetError(
            f"--max-flash {budget:,} B: the network takes {least:,} B at the least, with {_widths(smallest)}; "
            f"{least - budget:,} B more are needed, or a smaller network"
        )


def smallest_allocation(problem: Problem) -> Assignment:
    """The allocation of fewest bytes by single prices; of equals the one of least loss."""
    layers, files = _layers(problem, {name: {spec: 0.0 for spec in specs} for name, specs in problem.options.items()})
    (found,) = best_options(layers, files, least_bytes(layers, files))
    return _named(problem, found.options)


def uniform(problem: Problem, spec: WeightSpec) -> Assignment:
    """Every layer at `spec`, or where it may not take that, at its own first."""
    return {name: spec if spec in specs else specs[0] for name, specs in problem.options.items()}


def _uniform_within(problem: Problem, budget: int) -> list[Candidate]:
    """One width for all layers, for each width with which that fits."""
    specs = dict.fromkeys(spec for of in problem.options.values() for spec in of)
    tried = [uniform(problem, spec) for spec in specs]
    return [candidate(problem, one) for one in tried if problem.flash(one) <= budget]


def candidate(problem: Problem, specs: Assignment) -> Candidate:
    """Any allocation as the search sees it."""
    predicted = sum(problem.trials.of({name: spec}).loss_increase for name, spec in specs.items())
    return Candidate(specs, problem.flash(specs), predicted, problem.trials.of(specs))


def _fitting(problem: Problem, budget: int, around: Assignment, best: int) -> list[tuple[Assignment, int, float]]:
    """The best allocations by the sum of single changes seen from `around`; with size and sum. At least one."""
    start = problem.trials.of(around).loss_increase
    losses = {
        name: {spec: problem.trials.of({**around, name: spec}).loss_increase - start for spec in specs}
        for name, specs in problem.options.items()
    }
    layers, files = _layers(problem, losses)
    allowance = budget - problem.prices.rest_bytes
    for _ in range(_CORRECTIONS):
        found = best_options(layers, files, allowance, best)
        sized = [
            (specs, problem.flash(specs), taken.loss) for taken in found for specs in [_named(problem, taken.options)]
        ]
        fitting = [entry for entry in sized if entry[1] <= budget]
        if fitting or not sized:
            break
        allowance -= min(size for _, size, _ in sized) - budget
    if not fitting:
        smallest = smallest_allocation(problem)
        fitting = [(smallest, problem.flash(smallest), sum(losses[name][spec] for name, spec in smallest.items()))]
    return [(specs, size, start + loss) for specs, size, loss in fitting]


def _joint(
    problem: Problem, found: Iterable[tuple[Assignment, int, float]], others: Sequence[Candidate] = ()
) -> tuple[Candidate, ...]:
    """All layers at once, by what that loses."""
    tried = [Candidate(specs, size, predicted, problem.trials.of(specs)) for specs, size, predicted in found]
    known = {allocation(one.specs): one for one in (*tried, *others)}
    return tuple(sorted(known.values(), key=lambda one: (one.trial.loss_increase, one.flash_bytes)))


def _layers(
    problem: Problem, losses: Mapping[str, Mapping[WeightSpec, float]]
) -> tuple[list[list[Option]], Mapping[str, int]]:
    layers = []
    for name, specs in problem.options.items():
        prices = problem.prices.layers[name]
        layers.append([Option(prices[spec].constant_bytes, losses[name][spec], prices[spec].files) for spec in specs])
    return layers, problem.prices.files


def _named(problem: Problem, options: Sequence[int]) -> Assignment:
    chosen = zip(problem.options.items(), options, strict=True)
    return {name: specs[index] for (name, specs), index in chosen}


def _widths(specs: Assignment) -> str:
    bits = sorted({spec.bits for spec in specs.values()})
    return f"weights of {', '.join(str(width) for width in bits)} bit{'s' if bits != [1] else ''}"
