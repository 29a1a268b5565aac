# SPDX-License-Identifier: Apache-2.0
"""Add: the reference interpreter equals tflite-micro (and LiteRT) to the last bit."""

import numpy as np
import pytest

from tests.graphs import GraphBuilder
from tests.ops.agreement import assert_runtimes_agree
from tests.ops.cases import CASES
from toolchain.errors import ModelError


@pytest.mark.parametrize("name", CASES["Add"])
def test_every_case_agrees(name: str) -> None:
    assert_runtimes_agree(CASES["Add"][name]())


@pytest.mark.parametrize("seed", range(12))
def test_random_sums_agree(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scales, zero_points = np.exp2(rng.uniform(-8, 0, 3)).tolist(), rng.integers(-128, 128, 3).tolist()
    net = GraphBuilder("net", (1, 8, 8, 8), scale=scales[0], zero_point=zero_points[0])
    other = net.input("other", (1, 8, 8, 8), scale=scales[1], zero_point=zero_points[1])
    net.back_to("input").add(other, scale=scales[2], zero_point=zero_points[2])
    assert_runtimes_agree(net.graph(), seed=seed)


def test_an_output_scale_without_a_factor_is_refused() -> None:
    net = GraphBuilder("net", (1, 4), scale=1.0)
    with pytest.raises(ModelError, match=r"operator add_0: the output's scale 1e-06 is less than 2\^-19"):
        net.add("input", scale=1e-6).graph()
