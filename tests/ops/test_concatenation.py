# SPDX-License-Identifier: Apache-2.0
"""Concatenation: the reference interpreter equals tflite-micro (and LiteRT) to the last bit."""

import pytest

from tests.graphs import GraphBuilder
from tests.ops.agreement import assert_runtimes_agree
from tests.ops.cases import CASES
from toolchain.errors import ModelError


@pytest.mark.parametrize("name", CASES["Concatenation"])
def test_every_case_agrees(name: str) -> None:
    assert_runtimes_agree(CASES["Concatenation"][name]())


def test_inputs_of_two_grids_are_refused() -> None:
    net = GraphBuilder("net", (1, 4), scale=1.0)
    other = net.input("other", (1, 4), scale=0.5)
    with pytest.raises(ModelError, match=r"concatenation_0: Concatenation needs one quantisation"):
        net.back_to("input").concatenation(other).graph()
