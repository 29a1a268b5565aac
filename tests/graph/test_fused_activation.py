# SPDX-License-Identifier: Apache-2.0
"""Fused activations as ranges of integers; tflite-micro's own ranges are held in tests/ops (cases relu, relu6)."""

import pytest

from toolchain.graph.fused_activation import FusedActivation, activation_of_range, activation_range
from toolchain.graph.ops import Clamp
from toolchain.graph.tensor import Quantisation


@pytest.mark.parametrize(
    ("activation", "scale", "zero_point", "expected"),
    [
        (FusedActivation.NONE, 0.1, 5, Clamp(-128, 127)),
        (FusedActivation.RELU, 0.1, 5, Clamp(5, 127)),
        (FusedActivation.RELU, 0.1, -128, Clamp(-128, 127)),
        (FusedActivation.RELU6, 0.1, 5, Clamp(5, 65)),
        (FusedActivation.RELU6, 0.01, 0, Clamp(0, 127)),
        (FusedActivation.RELU6, 4.0, 0, Clamp(0, 2)),  # 1.5 rounds away from zero
        (FusedActivation.RELU_N1_TO_1, 0.25, 10, Clamp(6, 14)),
        (FusedActivation.RELU_N1_TO_1, 2.0, 10, Clamp(9, 11)),  # -0.5 and 0.5 round away from zero
    ],
)
def test_range(activation: FusedActivation, scale: float, zero_point: int, expected: Clamp) -> None:
    assert activation_range(activation, Quantisation((scale,), zero_point)) == expected


@pytest.mark.parametrize("zero_point", [-128, -20, 0, 127])
@pytest.mark.parametrize("activation", FusedActivation)
def test_a_range_is_found_again(activation: FusedActivation, zero_point: int) -> None:
    grid = Quantisation((0.07,), zero_point)
    found = activation_of_range(activation_range(activation, grid), grid)
    assert found is not None and activation_range(found, grid) == activation_range(activation, grid)


def test_the_simplest_activation_is_taken() -> None:
    assert activation_of_range(Clamp(-128, 127), Quantisation((1.0,), -128)) is FusedActivation.NONE
    assert activation_of_range(Clamp(0, 127), Quantisation((0.01,), 0)) is FusedActivation.RELU


def test_another_range_is_no_activation() -> None:
    assert activation_of_range(Clamp(-5, 60), Quantisation((0.1,), 0)) is None
