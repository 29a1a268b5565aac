# SPDX-License-Identifier: Apache-2.0
"""The kernels for Helium on an emulated Cortex-M55: on the host they run on what sb_mve.h writes out for it."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.graphs import random_inputs
from tests.kernels.cases import CASES, graph_of
from toolchain.assets import asset_folder
from toolchain.boards import load_board
from toolchain.core import with_options
from toolchain.device.emulated import EmulatedModel
from toolchain.export.c import c_sources
from toolchain.export.c.kernel_table import KERNELS
from toolchain.export.c.rows import helium
from toolchain.export.project import c_runtime
from toolchain.graph.reference import run_batch

pytestmark = [
    pytest.mark.arm,
    pytest.mark.emulated,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc"),
    pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm"),
]

BOARD = load_board("mps3-an547")
OPERATORS = list(dict.fromkeys(kernel.operator for kernel in helium.KERNELS))


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda kind: kind.__name__)
def test_every_case_gives_the_reference_bytes(operator: type) -> None:
    graph = graph_of(CASES[operator])
    rows = {kernel.function for kernel in helium.KERNELS if kernel.operator is operator}
    runtime = c_runtime(graph, BOARD, table=KERNELS)
    assert all(f"{row}(" in runtime.sources["model/model.c"] for row in rows), "a kernel that no case reaches"
    inputs = random_inputs(graph, 3, seed=len(rows))
    expected, found = run_batch(graph, inputs), EmulatedModel(graph, BOARD, runtime=runtime).run(inputs)
    assert [name for name in graph.outputs if not np.array_equal(expected[name], found[name])] == []


def test_a_core_without_helium_takes_none_of_them() -> None:
    core = with_options(BOARD.core, mve=False)
    for operator in OPERATORS:
        layers = c_sources(graph_of(CASES[operator]), core).layers
        assert not any(layer.kernel.endswith("_mve") for layer in layers)
    assert all(kernel in KERNELS for kernel in helium.KERNELS)


@pytest.mark.parametrize("level", ["-O0", "-Og", "-Os", "-O3"])
def test_they_compile_at_every_level(level: str, tmp_path: Path) -> None:
    """Their inline assembly asks for many registers at once, of which a level may leave too few."""
    folder = asset_folder("firmware_templates") / "kernels"
    files = sorted(str(path) for path in folder.glob("*_mve.c"))
    command = [
        "arm-none-eabi-gcc",
        "-std=c11",
        level,
        *BOARD.core.gcc_flags,
        "-Wall",
        "-Wextra",
        "-Werror",
        "-c",
        *files,
    ]
    subprocess.run(command, check=True, cwd=tmp_path)
    assert len(list(tmp_path.glob("*.o"))) == len(files)
