# SPDX-License-Identifier: Apache-2.0
"""Losses that fall as bits rise: nearest to what was measured, and with nothing left to chance."""

import itertools

import numpy as np
import pytest

from toolchain.arch.weights import WeightSpec
from toolchain.bits.monotone import monotone
from toolchain.graph.tensor import Grid

SPECS = [WeightSpec.of(bits) for bits in (8, 1, 2, 4, 3)]


def _by_bits(losses: dict[WeightSpec, float]) -> list[float]:
    return [losses[spec] for spec in sorted(losses, key=lambda spec: spec.bits)]


def test_what_falls_already_stays() -> None:
    measured = {spec: 4.0**-spec.bits for spec in SPECS}
    assert _by_bits(monotone(measured)) == pytest.approx(_by_bits(measured), abs=1e-5)


def test_chance_is_shared_among_the_widths_that_it_confused() -> None:
    measured = dict(zip(SPECS, (-0.001, 0.09, 0.012, 0.006, -0.004), strict=True))  # of 8, 1, 2, 4, 3 bits
    assert _by_bits(monotone(measured)) == pytest.approx([0.09, 0.012, 0.001, 0.001, -0.001], abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_more_bits_always_lose_less_and_the_sum_is_kept(seed: int) -> None:
    measured = dict(zip(SPECS, np.random.default_rng(seed).normal(size=len(SPECS)), strict=True))
    found = _by_bits(monotone(measured))
    assert all(more < fewer for fewer, more in itertools.pairwise(found))  # also where they come out alike
    assert sum(found) == pytest.approx(sum(measured.values()), abs=1e-4)


def test_of_one_width_mid_rise_is_the_finer_grid() -> None:
    tread, rise = WeightSpec(2, Grid.MID_TREAD), WeightSpec(2, Grid.MID_RISE)
    found = monotone({tread: 0.1, rise: 0.3})
    assert found[tread] == pytest.approx(0.2, abs=1e-5) and found[rise] == pytest.approx(0.2, abs=1e-5)
