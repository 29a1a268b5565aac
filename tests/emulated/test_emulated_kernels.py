# SPDX-License-Identifier: Apache-2.0
"""Kernels whose inner loops are written in assembly for a core: all cases of their operators on that core, emulated.

On the host the same kernels run their C twins (tests/kernels/), so this is where those instructions are seen.
"""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from tests.graphs import random_inputs
from tests.kernels.cases import CASES, graph_of
from toolchain.boards import load_board
from toolchain.core import known_core
from toolchain.device.emulated import EmulatedModel
from toolchain.graph.ops import Conv2D, DepthwiseConv2D, FullyConnected
from toolchain.graph.reference import run_batch

pytestmark = [
    pytest.mark.arm,
    pytest.mark.emulated,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc"),
    pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm"),
]


@pytest.mark.parametrize("operator", [Conv2D, DepthwiseConv2D, FullyConnected])
@pytest.mark.parametrize(
    ("core", "level"), [("cortex-m3", "-O2"), ("cortex-m0plus", "-O2"), ("cortex-m0plus", "-Os"), ("cortex-m23", "-O3")]
)
def test_every_case_gives_the_reference_bytes(operator: type, core: str, level: str) -> None:
    """Code for the smaller cores runs on the Cortex-M3, which has all of their instructions."""
    cases = CASES[operator]
    graph = graph_of(cases)
    inputs = random_inputs(graph, 4, seed=3)
    expected = run_batch(graph, inputs)
    board = replace(load_board("mps2-an385"), core=known_core(core))
    found = EmulatedModel(graph, board, make_variables=(f"OPT={level}",)).run(inputs)
    wrong = [
        case.label
        for case, name in zip(cases, graph.outputs, strict=True)
        if not np.array_equal(expected[name], found[name])
    ]
    assert wrong == []
