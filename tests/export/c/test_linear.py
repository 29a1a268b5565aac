# SPDX-License-Identifier: Apache-2.0
"""Add as a linear function: TFLite's byte for every pair of inputs, or none at all."""

import numpy as np
import pytest

from toolchain.export.c.linear import fit_sum
from toolchain.graph.fixedpoint import multiply_rounding_twice, quantise_multiplier

VALUES = np.arange(-128, 128)


def _outputs(scales: tuple[float, float, float], zero_points: tuple[int, int, int], low: int) -> np.ndarray:
    """TFLite's Add of all pairs: [256, 256]."""
    twice = 2 * max(scales[:2])
    parts = [
        multiply_rounding_twice((VALUES - zero_point) << 20, *quantise_multiplier(scale / twice))
        for scale, zero_point in zip(scales[:2], zero_points[:2], strict=True)
    ]
    factor = quantise_multiplier(twice / ((1 << 20) * scales[2]))
    scaled = multiply_rounding_twice(parts[0][:, None] + parts[1][None, :], *factor)
    return np.clip(scaled + zero_points[2], low, 127)


@pytest.mark.parametrize("seed", range(30))
def test_linear_sum_gives_every_byte(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scales = [float(np.float32(scale)) for scale in rng.uniform(0.005, 0.1, 2)]
    scales.append(float(np.float32(max(scales) * rng.uniform(0.5, 3))))
    zero_points = [int(value) for value in rng.integers(-128, 128, 3)]
    low = -128 if seed % 2 else max(-128, zero_points[2])
    outputs = _outputs((scales[0], scales[1], scales[2]), (zero_points[0], zero_points[1], zero_points[2]), low)
    found = fit_sum(outputs, low, 127, (scales[0] / scales[2], scales[1] / scales[2]))
    assert found is not None
    total = (VALUES * found.slope)[:, None] + (VALUES * found.other_slope)[None, :] + found.start
    assert int(np.abs(total).max()) < 1 << 31
    assert np.array_equal(np.clip(total >> found.shift, low, 127), outputs)


def test_what_is_not_linear_is_not_taken_for_it() -> None:
    outputs = np.clip(VALUES[:, None] + VALUES[None, :], -128, 127)
    assert fit_sum(outputs, -128, 127, (1.0, 1.0)) is not None
    outputs[130, 140] += 1
    assert fit_sum(outputs, -128, 127, (1.0, 1.0)) is None
