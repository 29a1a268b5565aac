# SPDX-License-Identifier: Apache-2.0
"""search_bits: the bits of each layer that lose least within a flash budget.

    scan       what each layer alone loses at each width            -> sum over layers: the prediction
    monotone   more bits never lose more, but by chance             (monotone.py)
    knapsack   the K best allocations by that sum, exactly          (knapsack.py)
    joint      they, and one width for all, with all layers at once -> the best one
    again      what each layer alone changes, seen from that one    -> a new sum, as long as it finds a better one

A sum over layers is only a guide: errors of several layers add up, cancel, or meet where the network is already hurt.
Seen from the point that was chosen the sum is right to first order, so the following rounds correct what the first
one took for granted. What is returned has the least joint loss of all that was tried and fits.

Sizes: the search works with prices of single layers. What it finds is then sized as a whole, by the generator, which
may give a mixed network other kernels, or by the linker; what that shows beside the prices is added to them, and the
search asked again, until what it finds has been sized before and fits.

    search: A    -> size of A    -> prices    -> search: A or B    -> size of B    -> prices ...

From the second size on prices only rise, so what was too large once is not found again. Risen prices may hide one width
for all layers, which was priced rightly before; so those that lose less are sized in the end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from toolchain.arch.weights import WeightSpec
from toolchain.bits.knapsack import Option, best_options, least_bytes
from toolchain.bits.monotone import monotone
from toolchain.bits.prices import Prices
from toolchain.bits.trials import Allocation, Assignment, Trial, Trials, allocation
from toolchain.errors import BudgetError

# Sizes of one search. Two agree, as a rule: the first shows what lies beside the prices.
_SIZES = 8


@dataclass(frozen=True)
class Problem:
    """options: layer -> specs that it may take, in the network's order.

    ends: what the first and the last layer have where one width is for all others, if they may; None: that width.
    """

    options: Mapping[str, Sequence[WeightSpec]]
    prices: Prices
    trials: Trials
    ends: WeightSpec | None = None

    def costing(self, more: int) -> "Problem":
        """The same with `more` bytes beside the layers."""
        return replace(self, prices=replace(self.prices, rest_bytes=self.prices.rest_bytes + more))


@dataclass(frozen=True)
class Candidate:
    """specs: of every layer. flash_bytes: by prices. predicted: the sum over layers; trial: all layers at once."""

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
    found = Found(budget, _by_loss(_fitting(problem, budget, {}, best), _uniform_within(problem, budget)), 0)
    for turn in range(1, rounds + 1):
        told(f"looking around the best, round {turn}")
        around = found.best.specs
        again = _by_loss(_fitting(problem, budget, around, best), found.candidates[:1])
        if again[0].trial.loss_increase >= found.best.trial.loss_increase:
            break
        found = Found(budget, again, turn)
    return found


def search_sized(
    problem: Problem,
    budget: int,
    search: Callable[[Problem], Found],
    size: Callable[[Assignment], int],
    sized: dict[Allocation, int],
) -> Found:
    """`search` until what it finds takes no more than `budget` by `size`.

    sized: sizes that are known, and those that become known. Raises BudgetError where that does not come about.
    """
    rivals = _uniform_within(problem, budget)
    for turn in range(_SIZES):
        found = search(problem)
        specs = found.best.specs
        key = allocation(specs)
        known = key in sized
        if not known:
            sized[key] = size(specs)
        beside = sized[key] - found.best.flash_bytes
        if sized[key] <= budget and (known or not beside):
            return _held_against(found, rivals, size, sized)
        problem = problem.costing(max(beside, 0) if turn else beside)
    raise BudgetError(
        f"--max-flash {budget:,} B: prices and sizes do not meet; the smallest that was sized takes "
        f"{min(sized.values()):,} B: allow a little more"
    )


def _held_against(
    found: Found, rivals: Sequence[Candidate], size: Callable[[Assignment], int], sized: dict[Allocation, int]
) -> Found:
    """`found`, or first in it the rival that loses least, if it loses less and fits as a whole."""
    for rival in _by_loss(rivals):
        key = allocation(rival.specs)
        if rival.trial.loss_increase >= found.best.trial.loss_increase:
            break
        if key not in sized:
            sized[key] = size(rival.specs)
        if sized[key] <= found.budget:
            return replace(found, candidates=(rival, *found.candidates))
    return found


def check_budget(problem: Problem, budget: int) -> None:
    """Raises BudgetError where no allocation fits, naming the least that does."""
    smallest = smallest_allocation(problem)
    least = flash_bytes(problem, smallest)
    if budget < least:
        raise BudgetError(
            f"--max-flash {budget:,} B: {least:,} B are the least possible, with {_widths(smallest)}; "
            f"{least - budget:,} B more are needed, or a smaller network"
        )


def flash_bytes(problem: Problem, specs: Assignment) -> int:
    """What an allocation takes by the prices of its layers."""
    prices = [problem.prices.layers[name][spec] for name, spec in specs.items()]
    files = frozenset[str]().union(*(price.files for price in prices))
    own = sum(price.constant_bytes for price in prices)
    return problem.prices.rest_bytes + own + sum(problem.prices.files[file] for file in files)


def smallest_allocation(problem: Problem) -> Assignment:
    """The allocation of fewest bytes by single prices; of equals the one of least loss."""
    layers, files = _layers(problem, {name: {spec: 0.0 for spec in specs} for name, specs in problem.options.items()})
    (found,) = best_options(layers, files, least_bytes(layers, files))
    return _named(problem, found.options)


def uniform(problem: Problem, spec: WeightSpec) -> Assignment:
    """Every layer at `spec`, but for the ends; where it may not take that, at its own first."""
    names = list(problem.options)
    ends = dict.fromkeys((names[0], names[-1]), (problem.ends or spec, spec))
    return {
        name: next((one for one in ends.get(name, (spec,)) if one in specs), specs[0])
        for name, specs in problem.options.items()
    }


def _uniform_within(problem: Problem, budget: int) -> list[Candidate]:
    """One width for all layers, for each width with which that fits."""
    specs = dict.fromkeys(spec for of in problem.options.values() for spec in of)
    tried = [uniform(problem, spec) for spec in specs]
    return [candidate(problem, one) for one in tried if flash_bytes(problem, one) <= budget]


def candidate(problem: Problem, specs: Assignment) -> Candidate:
    """Any allocation as the search sees it."""
    predicted = sum(problem.trials.of({name: spec}).loss_increase for name, spec in specs.items())
    return Candidate(specs, flash_bytes(problem, specs), predicted, problem.trials.of(specs))


def _fitting(problem: Problem, budget: int, around: Assignment, best: int) -> list[Candidate]:
    """The best allocations by the sum of single changes seen from `around`, then tried."""
    start = problem.trials.of(around).loss_increase
    losses = {
        name: monotone({spec: problem.trials.of({**around, name: spec}).loss_increase - start for spec in specs})
        for name, specs in problem.options.items()
    }
    layers, files = _layers(problem, losses)
    rest = problem.prices.rest_bytes
    found = []
    for taken in best_options(layers, files, budget - rest, best):
        specs = _named(problem, taken.options)
        found.append(Candidate(specs, taken.n_bytes + rest, start + taken.loss, problem.trials.of(specs)))
    return found


def _by_loss(*found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """All of them once, by joint loss."""
    known = {allocation(one.specs): one for some in found for one in some}
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
