# SPDX-License-Identifier: Apache-2.0
"""Rounding trained weights: the grid is kept, and no other scale is nearer."""

import numpy as np
import pytest

from toolchain.arch.weights import WeightSpec
from toolchain.bits.rounding import nearest_integers, round_weights
from toolchain.graph.tensor import Grid

SPECS = [WeightSpec(bits) for bits in range(2, 9)] + [WeightSpec(bits, Grid.MID_RISE) for bits in range(1, 8)]


def _error(weight: np.ndarray, scale: float, spec: WeightSpec) -> float:
    return float(((nearest_integers(weight / scale, spec) * scale - weight) ** 2).sum())


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_no_scale_of_a_fine_search_is_nearer(spec: WeightSpec) -> None:
    generator = np.random.default_rng(spec.bits)
    weight = (generator.standard_t(3, (6, 3, 5)) * 10.0 ** generator.integers(-4, 3, (6, 1, 1))).astype(np.float32)
    rounded = round_weights(weight, spec, np.zeros(6))
    for row, reals in zip(weight.astype(np.float64), rounded.reals, strict=True):
        largest = np.abs(row).max()
        searched = min(_error(row, scale, spec) for scale in np.geomspace(largest / 400, 3 * largest, 4000))
        assert float(((reals - row) ** 2).sum()) <= searched * (1 + 1e-5)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_integers_are_on_the_grid(spec: WeightSpec) -> None:
    weight = np.random.default_rng(0).normal(0, 1, (8, 40)).astype(np.float32)
    integers = round_weights(weight, spec, np.zeros(8)).integers
    assert np.abs(integers.astype(int)).max() <= spec.limit
    if spec.grid is Grid.MID_RISE:
        assert bool((integers & 1).all())
    elif spec.bits > 2:
        assert 0 in integers


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_what_lies_on_a_grid_stays_there(spec: WeightSpec) -> None:
    generator = np.random.default_rng(1)
    levels = np.arange(-spec.limit, spec.limit + 1, 2 if spec.grid is Grid.MID_RISE else 1)
    integers = np.stack([generator.permutation(np.resize(levels, 300)) for _ in range(4)])
    weight = (integers * 2.0**-7).astype(np.float32)
    rounded = round_weights(weight, spec, np.zeros(4))
    assert np.array_equal(rounded.reals, weight)


def test_a_scale_can_be_held_up_for_the_bias() -> None:
    weight = np.array([[1.0, 0.003, -0.3]] * 2, np.float32)
    rounded = round_weights(weight, WeightSpec(8), np.array([0.0, 0.25]))
    assert rounded.scales[0] < 0.25 and rounded.scales[1] == 0.25
    assert rounded.integers[1].tolist() == [4, 0, -1]


@pytest.mark.parametrize("spec", [WeightSpec(4), WeightSpec.of(1)], ids=str)
def test_a_dead_channel_gets_a_scale_and_next_to_nothing(spec: WeightSpec) -> None:
    rounded = round_weights(np.zeros((1, 9), np.float32), spec, np.zeros(1))
    assert rounded.scales[0] > 0 and np.abs(rounded.reals).max() < 1e-11


def test_wide_layers_are_rounded_in_pieces_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = np.random.default_rng(2).normal(0, 1, (7, 50)).astype(np.float32)
    whole = round_weights(weight, WeightSpec(5), np.zeros(7))
    monkeypatch.setattr("toolchain.bits.rounding._PASSAGES", 1)
    pieces = round_weights(weight, WeightSpec(5), np.zeros(7))
    assert np.array_equal(whole.integers, pieces.integers) and np.array_equal(whole.scales, pieces.scales)
