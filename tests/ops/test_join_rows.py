# SPDX-License-Identifier: Apache-2.0
"""JoinRows: the reference interpreter equals tflite-micro (and LiteRT) to the last bit."""

import pytest

from tests.graphs import GraphBuilder
from tests.ops.agreement import assert_runtimes_agree
from tests.ops.cases import CASES
from toolchain.errors import ModelError


@pytest.mark.parametrize("name", CASES["JoinRows"])
def test_every_case_agrees(name: str) -> None:
    assert_runtimes_agree(CASES["JoinRows"][name]())


def test_images_of_two_widths_are_refused() -> None:
    net = GraphBuilder("net", (1, 4, 3, 2))
    other = net.input("other", (1, 4, 5, 2))
    with pytest.raises(ModelError, match="differ in width or channels"):
        net.back_to("input").join_rows(other).graph()


def test_inputs_of_two_grids_are_refused() -> None:
    net = GraphBuilder("net", (1, 4, 3, 2), scale=1.0)
    other = net.input("other", (1, 4, 3, 2), scale=0.5)
    with pytest.raises(ModelError, match=r"joinrows_0: JoinRows needs one quantisation"):
        net.back_to("input").join_rows(other).graph()
