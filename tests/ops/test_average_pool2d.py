# SPDX-License-Identifier: Apache-2.0
"""AveragePool2D: the reference interpreter equals tflite-micro (and LiteRT) to the last bit."""

import numpy as np
import pytest

from tests.graphs import GraphBuilder
from tests.ops.agreement import assert_runtimes_agree
from tests.ops.cases import CASES
from toolchain.errors import ModelError
from toolchain.export.tflite import tflite_bytes
from toolchain.graph.reference import run


@pytest.mark.parametrize("name", CASES["AveragePool2D"])
def test_every_case_agrees(name: str) -> None:
    assert_runtimes_agree(CASES["AveragePool2D"][name]())


def test_halves_round_away_from_zero() -> None:
    graph = GraphBuilder("net", (1, 2, 4, 1)).average_pool2d((2, 1)).graph()
    columns = np.array([[1, -1, 3, -3], [2, -2, 0, 0]], np.int8).reshape(1, 2, 4, 1)
    assert run(graph, {"input": columns})[graph.outputs[0]].reshape(-1).tolist() == [2, -2, 2, -2]


def test_padding_does_not_count() -> None:
    net = GraphBuilder("net", (1, 3, 3, 1), zero_point=-100)
    graph = net.average_pool2d((3, 3), stride=(1, 1), padding="same").graph()
    full = np.full((1, 3, 3, 1), 50, np.int8)
    assert (run(graph, {"input": full})[graph.outputs[0]] == 50).all()


def test_irregular_padding_has_no_tflite_form() -> None:
    graph = GraphBuilder("net", (1, 6, 6, 1)).average_pool2d((3, 3), padding=(2, 0, 0, 0)).graph()
    with pytest.raises(ModelError, match=r"averagepool2d_0: TFLite cannot say .* SAME would be"):
        tflite_bytes(graph)
