# SPDX-License-Identifier: Apache-2.0
"""Mean: the reference interpreter equals tflite-micro (and LiteRT) to the last bit."""

import numpy as np
import pytest

from tests.graphs import GraphBuilder
from tests.ops.agreement import assert_runtimes_agree
from tests.ops.cases import CASES
from toolchain.graph.reference import run


@pytest.mark.parametrize("name", CASES["Mean"])
def test_every_case_agrees(name: str) -> None:
    assert_runtimes_agree(CASES["Mean"][name]())


@pytest.mark.parametrize("seed", range(12))
def test_random_means_agree(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (1, int(rng.integers(1, 30)), int(rng.integers(1, 30)), 40)
    net = GraphBuilder("net", shape, zero_point=int(rng.integers(-128, 128)), seed=seed)
    net.mean(keep=bool(seed % 2), scale=float(rng.uniform(0.0005, 0.01)), zero_point=int(rng.integers(-128, 128)))
    assert_runtimes_agree(net.graph(), seed=seed)


def test_one_grid_is_no_special_case() -> None:
    """Old kernels divided with truncation where input and output share a grid: 1, 2 would give 1, not 2."""
    graph = GraphBuilder("net", (1, 2, 1, 1), zero_point=0).mean().graph()
    ones = np.array([1, 2], np.int8).reshape(1, 2, 1, 1)
    assert run(graph, {"input": ones})[graph.outputs[0]].item() == 2
    assert_runtimes_agree(graph, count=50)
