# SPDX-License-Identifier: Apache-2.0
"""TakeRows: the reference interpreter equals tflite-micro (and LiteRT) to the last bit."""

import pytest

from tests.graphs import GraphBuilder
from tests.ops.agreement import assert_runtimes_agree
from tests.ops.cases import CASES
from toolchain.errors import ModelError
from toolchain.graph import ops


@pytest.mark.parametrize("name", CASES["TakeRows"])
def test_every_case_agrees(name: str) -> None:
    assert_runtimes_agree(CASES["TakeRows"][name]())


@pytest.mark.parametrize(("first", "rows"), [(-1, 2), (7, 2), (0, 9)])
def test_rows_outside_the_image_are_refused(first: int, rows: int) -> None:
    net = GraphBuilder("net", (1, 8, 3, 2))
    with pytest.raises(
        ModelError, match=rf"takerows_0: rows {first}\.\.{first + rows - 1} do not lie within .* 8 rows"
    ):
        net.take_rows(first, rows).graph()


def test_another_grid_is_refused() -> None:
    net = GraphBuilder("net", (1, 8, 3, 2), scale=1.0)
    with pytest.raises(ModelError, match="takerows_0: TakeRows needs one quantisation"):
        net._simple(ops.TakeRows, {"first": 0}, shape=(1, 2, 3, 2), scale=0.5).graph()
