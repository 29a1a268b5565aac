# SPDX-License-Identifier: Apache-2.0
"""Pad: the reference interpreter equals tflite-micro (and LiteRT) to the last bit."""

import numpy as np
import pytest

from tests.graphs import GraphBuilder
from tests.ops.agreement import assert_runtimes_agree
from tests.ops.cases import CASES
from toolchain.graph.reference import run


@pytest.mark.parametrize("name", CASES["Pad"])
def test_every_case_agrees(name: str) -> None:
    assert_runtimes_agree(CASES["Pad"][name]())


def test_the_border_is_the_zero_point() -> None:
    graph = GraphBuilder("net", (1, 1, 1, 1), zero_point=42).pad((1, 1, 1, 1)).graph()
    lone = np.zeros((1, 1, 1, 1), np.int8)
    assert run(graph, {"input": lone})[graph.outputs[0]].reshape(-1).tolist() == [42] * 4 + [0] + [42] * 4
