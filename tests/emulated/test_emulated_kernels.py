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
from toolchain.graph.ops import Add, Conv2D, DepthwiseConv2D, FullyConnected, MaxPool2D, Mean
from toolchain.graph.reference import run_batch

pytestmark = [
    pytest.mark.arm,
    pytest.mark.emulated,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc"),
    pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm"),
]


@pytest.mark.parametrize("operator", [Conv2D, DepthwiseConv2D, FullyConnected, MaxPool2D, Mean, Add])
@pytest.mark.parametrize(
    ("board", "core", "level"),
    [
        ("mps2-an385", "cortex-m3", "-O2"),
        ("mps2-an385", "cortex-m0plus", "-Os"),
        ("mps2-an385", "cortex-m23", "-O3"),
        ("microbit", "cortex-m0", "-O2"),
        ("mps2-an386", "cortex-m4", "-O2"),
        ("mps2-an500", "cortex-m7", "-O3"),
        ("mps2-an505", "cortex-m33", "-Os"),
    ],
)
def test_every_case_gives_the_reference_bytes(operator: type, board: str, core: str, level: str) -> None:
    """The Cortex-M3 has all instructions of the smaller cores too; a Cortex-M0 faults where one is not aligned."""
    built_for = replace(load_board(board), core=known_core(core))
    for start in range(0, len(CASES[operator]), 12):  # all at once they need more RAM than a Cortex-M0 has
        cases = CASES[operator][start : start + 12]
        graph = graph_of(cases)
        inputs = random_inputs(graph, 4, seed=3)
        expected = run_batch(graph, inputs)
        found = EmulatedModel(graph, built_for, make_variables=(f"OPT={level}",)).run(inputs)
        wrong = [
            case.label
            for case, name in zip(cases, graph.outputs, strict=True)
            if not np.array_equal(expected[name], found[name])
        ]
        assert wrong == []
