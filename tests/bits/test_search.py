# SPDX-License-Identifier: Apache-2.0
"""The search on a network whose losses are known: what it finds, what it refuses, that it finds it again."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from toolchain.arch.weights import WeightSpec
from toolchain.bits.prices import Price, Prices
from toolchain.bits.search import Problem, candidate, search_bits, search_sized, smallest_allocation, uniform
from toolchain.bits.trials import Allocation, Assignment, ClipScores, Subject, Trials
from toolchain.errors import BudgetError, ModelError

WEIGHTS = {"stem": 400, "depthwise": 300, "pointwise": 2000, "tail": 900}
SPECS = tuple(WeightSpec.of(bits) for bits in (1, 2, 4, 8))
KERNEL_BYTES, REST = 120, 1000


def _noise(spec: WeightSpec) -> float:
    return 0.0 if spec.bits == 8 else 4.0**-spec.bits


def _loss(specs: Mapping[str, WeightSpec]) -> float:
    """Far from a sum: stem and pointwise share their errors, so that coarse weights in both cost hardly more than in
    one."""
    worth = {"stem": 3.0, "depthwise": 1.5, "pointwise": 3.2, "tail": 0.8}
    each = {name: worth[name] * _noise(spec) for name, spec in specs.items()}
    shared = min(each.get("stem", 0.0), each.get("pointwise", 0.0))
    return sum(each.values()) - 0.9 * shared


def _judge(assignment: Assignment) -> ClipScores:
    clips = 0.5 + np.random.default_rng(0).uniform(0, 0.1, 50)
    return ClipScores(clips + _loss(assignment), clips + _loss(assignment) < 0.8)


def _flash(specs: Assignment) -> int:
    own = sum(WEIGHTS[name] * spec.bits // 8 for name, spec in specs.items())
    return REST + own + KERNEL_BYTES * len({spec.bits for spec in specs.values()})


def _problem(path: Path | None = None, options: Mapping[str, tuple[WeightSpec, ...]] | None = None) -> Problem:
    options = options or dict.fromkeys(WEIGHTS, SPECS)
    layers = {
        name: {spec: Price(WEIGHTS[name] * spec.bits // 8, frozenset({f"k{spec.bits}"})) for spec in SPECS}
        for name in WEIGHTS
    }
    prices = Prices(layers, {f"k{spec.bits}": KERNEL_BYTES for spec in SPECS}, REST)
    subject = Subject("network", "data", "validation", 50, dict.fromkeys(WEIGHTS, WeightSpec()))
    return Problem(options, prices, Trials(subject, _judge, path))


def test_one_width_for_all_leaves_the_ends_what_they_are() -> None:
    """Unless they may not have that."""
    problem = _problem(options=dict.fromkeys(WEIGHTS, SPECS) | {"tail": SPECS[:2]})
    four, eight = WeightSpec.of(4), WeightSpec.of(8)
    found = uniform(replace(problem, ends=eight), four)
    assert found == {"stem": eight, "depthwise": four, "pointwise": four, "tail": SPECS[0]}
    assert uniform(problem, four) == found | {"stem": four}


def _everything() -> list[dict[str, WeightSpec]]:
    return [dict(zip(WEIGHTS, specs, strict=True)) for specs in itertools.product(SPECS, repeat=len(WEIGHTS))]


@pytest.mark.parametrize("budget", [1900, 2100, 2400, 3000, 4900])
def test_looking_around_finds_the_best_of_all_although_the_sum_is_wrong(budget: int) -> None:
    found = search_bits(_problem(), budget, best=6, rounds=5)
    least = min(_loss(specs) for specs in _everything() if _flash(specs) <= budget)
    assert found.best.flash_bytes <= budget
    assert found.best.trial.loss_increase == pytest.approx(least)


def test_it_never_loses_more_than_one_width_for_all() -> None:
    for spec in SPECS:
        problem = _problem()
        other = candidate(problem, uniform(problem, spec))
        found = search_bits(problem, other.flash_bytes, best=1, rounds=0)
        assert found.best.trial.loss_increase <= other.trial.loss_increase


def test_a_budget_below_the_least_says_what_the_least_is() -> None:
    problem = _problem()
    least = min(_flash(specs) for specs in _everything())
    assert _flash(smallest_allocation(problem)) == least
    assert search_bits(problem, least).best.flash_bytes == least
    with pytest.raises(BudgetError, match=rf"{least:,} B are the least possible, with weights of 1 bit; 1 B more"):
        search_bits(problem, least - 1)


def test_a_layer_that_is_kept_is_not_touched() -> None:
    kept = dict.fromkeys(WEIGHTS, SPECS) | {"stem": (WeightSpec(),)}
    found = search_bits(_problem(options=kept), 2600)
    assert all(one.specs["stem"] == WeightSpec() for one in found.candidates)


@pytest.mark.parametrize("beside", [-50, 0, 300])
@pytest.mark.parametrize("mixed", [0, 150])
def test_what_is_found_fits_as_a_whole(beside: int, mixed: int) -> None:
    """Sizes are not the prices' sums: something lies beside all, and more as soon as widths differ."""

    def size(specs: Assignment) -> int:
        return _flash(specs) + beside + (mixed if len(set(specs.values())) > 1 else 0)

    for budget in (2200, 2450, 3000, 4000):
        sized: dict[Allocation, int] = {}
        found = search_sized(_problem(), budget, lambda problem, to=budget: search_bits(problem, to), size, sized)
        assert size(found.best.specs) <= budget and sized[tuple(found.best.specs.items())] == size(found.best.specs)
        if not mixed:
            least = min(_loss(specs) for specs in _everything() if size(specs) <= budget)
            assert found.best.trial.loss_increase <= least + 0.02


def test_one_width_for_all_is_not_lost_to_prices_that_rose_for_mixed_ones() -> None:
    def size(specs: Assignment) -> int:
        return _flash(specs) + (150 if len(set(specs.values())) > 1 else 0)

    problem = _problem()
    for spec in SPECS:
        other = candidate(problem, uniform(problem, spec))
        budget = size(other.specs)
        found = search_sized(problem, budget, lambda one, to=budget: search_bits(one, to, rounds=0), size, {})
        assert found.best.trial.loss_increase <= other.trial.loss_increase
        assert size(found.best.specs) <= budget


def test_sizes_that_always_show_more_are_an_error() -> None:
    seen: list[int] = []

    def size(specs: Assignment) -> int:
        seen.append(1)
        return 2501

    with pytest.raises(BudgetError, match="--max-flash 2,500 B: "):
        search_sized(_problem(), 2500, lambda problem: search_bits(problem, 2500, rounds=0), size, {})
    assert len(seen) <= 8


def test_the_same_is_found_twice_and_from_its_own_file(tmp_path: Path) -> None:
    first = search_bits(_problem(tmp_path / "trials.json"), 2300)
    written = (tmp_path / "trials.json").read_bytes()
    problem = _problem(tmp_path / "trials.json")
    problem.trials.judge = None  # nothing is tried again
    second = search_bits(problem, 2300)
    assert first == second and (tmp_path / "trials.json").read_bytes() == written


def test_trials_are_paired_over_the_clips() -> None:
    trial = _problem().trials.of({"stem": WeightSpec.of(1)})
    assert trial.loss_increase == pytest.approx(0.75)
    assert trial.standard_error == pytest.approx(0, abs=1e-12), "the clips' own spread is not in it"


def test_a_file_about_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trials.json"
    trials = _problem(path).trials
    trials.of({"stem": WeightSpec.of(1)})
    other = Subject("another", "data", "validation", 50, dict.fromkeys(WEIGHTS, WeightSpec()))
    with pytest.raises(ModelError, match="is about another network"):
        Trials(other, _judge, path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 1}', '{"format": 1, "network": 3, "trials": [3]}'])
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "trials.json"
    path.write_text(content)
    with pytest.raises(ModelError, match=r"trials\.json: no scan of `subbyte bits`"):
        _problem(path)


def test_what_was_never_tried_needs_a_judge(tmp_path: Path) -> None:
    problem = _problem(tmp_path / "trials.json")
    problem.trials.judge = None
    with pytest.raises(ModelError, match="holds no trial of stem 1"):
        problem.trials.of({"stem": WeightSpec.of(1)})
