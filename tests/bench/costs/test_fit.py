# SPDX-License-Identifier: Apache-2.0
"""Fitting: a form that is there is found, nothing gets a negative coefficient, and the residual is the true one."""

import numpy as np
import pytest

from toolchain.bench.costs.count import Sample
from toolchain.bench.costs.fit import fit, nonnegative


def samples(cycles_of: "list[tuple[int, int]]", forms: "list[int]") -> tuple[Sample, ...]:
    """One of each pair (a, b) of features, with that many cycles."""
    return tuple(
        Sample(f"layer {index}", {"layer": 1, "a": a, "b": b}, cycles // 2, cycles)
        for index, ((a, b), cycles) in enumerate(zip(cycles_of, forms, strict=True))
    )


GRID = [(a, b) for a in (1, 7, 30, 200) for b in (2, 9, 55)]


def test_a_linear_form_is_found_again() -> None:
    found = fit(samples(GRID, [40 + 12 * a + 6 * b for a, b in GRID]))
    assert found.residual < 0.001 and found.n_layers == len(GRID)
    assert found.cycles == pytest.approx({"layer": 40, "a": 12, "b": 6}, rel=0.01)
    assert found.instructions == pytest.approx({"layer": 20, "a": 6, "b": 3}, rel=0.01)


def test_nothing_costs_less_than_nothing() -> None:
    found = fit(samples(GRID, [400 + 12 * a - b for a, b in GRID]))
    assert all(value > 0 for value in found.cycles.values())
    assert "b" not in found.cycles


def test_the_residual_is_the_largest_error() -> None:
    cycles = [40 + 12 * a + 6 * b for a, b in GRID]
    cycles[3] = cycles[3] * 2
    found = fit(samples(GRID, cycles))
    errors = [
        abs(sum(value * {"layer": 1, "a": a, "b": b}[name] for name, value in found.cycles.items()) / count - 1)
        for (a, b), count in zip(GRID, cycles, strict=True)
    ]
    assert found.residual == pytest.approx(max(errors), abs=1e-4)
    assert 0.2 < found.residual < 0.5  # the outlier pulls, and the others hold against it


def test_least_squares_without_negatives_keep_the_best_of_what_is_left() -> None:
    matrix = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])
    falling = nonnegative(matrix, np.array([3.0, 2.0, 1.0]))
    assert falling.tolist() == pytest.approx([2.0, 0.0])
    rising = nonnegative(matrix, np.array([1.0, 2.0, 3.0]))
    assert rising.tolist() == pytest.approx([0.0, 1.0])
