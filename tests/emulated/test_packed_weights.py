# SPDX-License-Identifier: Apache-2.0
"""Packed weights of every width and grid on every core, emulated: unpacked to the arena, met by that core's kernels."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from tests.graphs import STORAGES, GraphBuilder, random_inputs
from toolchain.boards import load_board
from toolchain.core import known_core
from toolchain.device.emulated import EmulatedModel
from toolchain.export.c.kernel_table import KERNELS
from toolchain.export.project import c_runtime
from toolchain.graph.graph import Graph
from toolchain.graph.reference import run_batch

pytestmark = [
    pytest.mark.arm,
    pytest.mark.emulated,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc"),
    pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm"),
]


def _every_width() -> Graph:
    """For each width and grid: 1x1 and depthwise convolutions and a fully connected layer, side by side."""
    net = GraphBuilder("widths", (1, 3, 2, 8))
    outputs = []
    for index, storage in enumerate(STORAGES):
        net.input(f"input_{index}", (1, 3, 2, 8 + index % 3), scale=0.05, zero_point=index - 7)
        net.storage = storage
        net.conv2d(9, zero_point=-128).depthwise_conv2d((3, 3)).conv2d(4, (2, 2)).fully_connected(13)
        outputs.append(net.last)
    return net.graph(*outputs)


@pytest.mark.parametrize(
    ("board", "core"),
    [
        ("mps2-an385", "cortex-m0"),
        ("mps2-an385", "cortex-m3"),
        ("mps2-an386", "cortex-m4"),
        ("mps2-an500", "cortex-m7"),
        ("mps2-an505", "cortex-m33"),
        ("mps3-an547", "cortex-m55"),
    ],
)
def test_every_width_gives_the_reference_bytes(board: str, core: str) -> None:
    graph = _every_width()
    built_for = replace(load_board(board), core=known_core(core))
    runtime = c_runtime(graph, built_for, table=KERNELS)
    own = built_for.core.dsp  # kernels of their own for most convolutions
    assert runtime.sources["model/model.c"].count("sb_unpack_s8(") >= (1 if own else 3) * len(STORAGES)
    inputs = random_inputs(graph, 4, seed=1)
    expected = run_batch(graph, inputs)
    found = EmulatedModel(graph, built_for, runtime=runtime).run(inputs)
    wrong = [
        storage for storage, n in zip(STORAGES, graph.outputs, strict=True) if not np.array_equal(expected[n], found[n])
    ]
    assert wrong == []
