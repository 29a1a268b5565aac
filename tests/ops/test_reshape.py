# SPDX-License-Identifier: Apache-2.0
"""Reshape: the reference interpreter equals tflite-micro (and LiteRT) to the last bit."""

import numpy as np
import pytest

from tests.graphs import GraphBuilder
from tests.ops.agreement import assert_runtimes_agree
from tests.ops.cases import CASES
from toolchain.graph.reference import run


@pytest.mark.parametrize("name", CASES["Reshape"])
def test_every_case_agrees(name: str) -> None:
    assert_runtimes_agree(CASES["Reshape"][name]())


def test_no_byte_moves() -> None:
    graph = GraphBuilder("net", (1, 3, 2, 4)).reshape((1, 24)).graph()
    x = np.arange(24, dtype=np.int8).reshape(1, 3, 2, 4)
    assert run(graph, {"input": x})[graph.outputs[0]].tolist() == [list(range(24))]
