# SPDX-License-Identifier: Apache-2.0
"""The exact search for bits against trying everything."""

import itertools

import numpy as np
import pytest

from toolchain.bits.knapsack import Option, Taken, best_options, least_bytes, total_bytes

Instance = tuple[list[list[Option]], dict[str, int]]


def _drawn(seed: int, layers: int, options: int, parts: int) -> Instance:
    """Losses and bytes as in a network: each width has its kernel, which several kinds of layers may share."""
    generator = np.random.default_rng(seed)
    shared = {f"part{index}": int(generator.integers(0, 400)) for index in range(parts)}
    names = sorted(shared)

    def option() -> Option:
        needs = frozenset(name for name in names if generator.random() < 0.4)
        return Option(int(generator.integers(0, 300)), round(float(generator.normal(0.5, 1)), 2), needs)

    return [[option() for _ in range(int(generator.integers(1, options + 1)))] for _ in range(layers)], shared


def _everything(instance: Instance) -> list[Taken]:
    layers, shared = instance
    return [
        Taken(options, total_bytes(layers, shared, options), sum(layers[i][o].loss for i, o in enumerate(options)))
        for options in itertools.product(*(range(len(layer)) for layer in layers))
    ]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("parts", [0, 1, 4])
def test_the_best_are_those_that_trying_everything_finds(seed: int, parts: int) -> None:
    instance = _drawn(seed, layers=4, options=5, parts=parts)
    everything = _everything(instance)
    sizes = sorted(taken.n_bytes for taken in everything)
    for budget in (sizes[0], sizes[len(sizes) // 4], sizes[len(sizes) // 2], sizes[-1]):
        fitting = sorted((taken for taken in everything if taken.n_bytes <= budget), key=lambda taken: taken.loss)
        for n in (1, 6):
            found = best_options(*instance, budget, n)
            assert [taken.loss for taken in found] == pytest.approx([taken.loss for taken in fitting[:n]])
            assert len({taken.options for taken in found}) == len(found)
            for taken in found:
                assert taken.n_bytes == total_bytes(*instance, taken.options) <= budget


@pytest.mark.parametrize("seed", range(40))
def test_the_least_is_the_smallest_of_all(seed: int) -> None:
    instance = _drawn(seed, layers=4, options=5, parts=5)
    least = least_bytes(*instance)
    assert least == min(taken.n_bytes for taken in _everything(instance))
    assert best_options(*instance, least) and not best_options(*instance, least - 1)


def test_a_kernel_is_paid_once() -> None:
    """Two layers on one kernel of 100 bytes beat one on each of two, though either kernel alone is cheaper for one."""
    a, b = frozenset({"a"}), frozenset({"b"})
    layers = [[Option(10, 1.0, a), Option(10, 0.9, b)], [Option(10, 1.0, a), Option(300, 0.0, b)]]
    shared = {"a": 100, "b": 90}
    (found,) = best_options(layers, shared, 120)
    assert (found.options, found.n_bytes) == ((0, 0), 120)
    assert not best_options(layers, shared, 119)
    assert best_options(layers, shared, 400)[0].options == (1, 1)


def test_a_network_of_thirty_layers_and_eight_widths_takes_no_minute() -> None:
    """As many allocations as 8^30; the K best under a tight budget, with the code of sixteen kernels."""
    generator = np.random.default_rng(7)
    shared = {f"{kind}{bits}": 400 + 20 * bits for kind in "dp" for bits in range(1, 9)}
    layers = []
    for index in range(30):
        kind, weights = "dp"[index % 2], (576, 4096)[index % 2]
        worth = float(generator.lognormal(0, 1))
        layers.append(
            [Option(weights * bits // 8, worth * 4.0**-bits, frozenset({f"{kind}{bits}"})) for bits in range(1, 9)]
        )
    found = best_options(layers, shared, 30_000, 8)
    assert len(found) == 8
    assert all(first.loss <= second.loss for first, second in itertools.pairwise(found))
    assert found == best_options(layers, shared, 30_000, 8)
