# SPDX-License-Identifier: Apache-2.0
"""MaxPool2D: the reference interpreter equals tflite-micro (and LiteRT) to the last bit."""

import numpy as np
import pytest

from tests.graphs import GraphBuilder
from tests.ops.agreement import assert_runtimes_agree
from tests.ops.cases import CASES
from toolchain.graph.reference import run


@pytest.mark.parametrize("name", CASES["MaxPool2D"])
def test_every_case_agrees(name: str) -> None:
    assert_runtimes_agree(CASES["MaxPool2D"][name]())


def test_padding_does_not_count() -> None:
    net = GraphBuilder("net", (1, 3, 3, 1), zero_point=100)
    graph = net.max_pool2d((3, 3), stride=(1, 1), padding="same").graph()
    full = np.full((1, 3, 3, 1), -120, np.int8)
    assert (run(graph, {"input": full})[graph.outputs[0]] == -120).all()
