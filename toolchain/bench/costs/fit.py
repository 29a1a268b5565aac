# SPDX-License-Identifier: Apache-2.0
"""fit: counts as a linear form of features, so that the largest relative error is small and no coefficient negative.

A kernel that does something more often never takes less time, so a negative coefficient would only bend the form to its
samples, and mislead beyond them. Errors count relative to the count: a small layer matters as much as a large one.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from toolchain.bench.costs.count import Sample
from toolchain.export.c.costs import KernelCost

_ROUNDS = 60
_DIGITS = 5


def fit(samples: Sequence[Sample]) -> KernelCost:
    """The two forms of a kernel, and how far the one of cycles is off at most over its samples."""
    instructions = _form(samples, lambda sample: sample.instructions)
    cycles = _form(samples, lambda sample: sample.cycles)
    residual = max(abs(_value(cycles, sample) / sample.cycles - 1) for sample in samples)
    return KernelCost(instructions, cycles, round(residual, 4), len(samples))


def _value(form: dict[str, float], sample: Sample) -> float:
    return sum(coefficient * sample.features[name] for name, coefficient in form.items())


def _form(samples: Sequence[Sample], count_of: Callable[[Sample], int]) -> dict[str, float]:
    names = list(samples[0].features)
    counts = np.array([count_of(sample) for sample in samples], np.float64)
    relative = np.array([[sample.features[name] for name in names] for sample in samples], np.float64) / counts[:, None]
    weights = np.ones(len(samples))
    best, least = np.zeros(len(names)), np.inf
    # Samples that are furthest off weigh more in the next round: from least squares towards the least largest error.
    for _ in range(_ROUNDS):
        coefficients = nonnegative(relative * weights[:, None], weights)
        errors = np.abs(relative @ coefficients - 1)
        if errors.max() < least:
            best, least = coefficients, float(errors.max())
        weights *= np.sqrt(0.2 + errors / max(errors.max(), 1e-12))
        weights /= weights.mean()
    rounded = (float(f"{value:.{_DIGITS}g}") for value in best)
    return {name: value for name, value in zip(names, rounded, strict=True) if value}


def nonnegative(matrix: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """x >= 0 with the least |matrix x - target|: Lawson and Hanson's active-set method (Solving Least Squares
    Problems, 1974, chapter 23).

    >>> nonnegative(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([2.0, -1.0])).tolist()
    [2.0, 0.0]
    """
    scale = np.maximum(np.linalg.norm(matrix, axis=0), 1e-300)
    a = matrix / scale
    x = np.zeros(a.shape[1])
    free = np.zeros(a.shape[1], bool)
    for _ in range(3 * a.shape[1]):
        gradient = np.where(free, -np.inf, a.T @ (target - a @ x))
        entering = int(gradient.argmax())
        if gradient[entering] <= 1e-9:
            break
        free[entering] = True
        while True:
            trial = np.zeros_like(x)
            trial[free] = np.linalg.lstsq(a[:, free], target, rcond=None)[0]
            wrong = free & (trial <= 0)
            if not wrong.any():
                break
            step = float((x[wrong] / np.maximum(x[wrong] - trial[wrong], 1e-300)).min())
            x = x + step * (trial - x)
            free &= x > 1e-12
        x = trial
    return np.asarray(x / scale, np.float64)
