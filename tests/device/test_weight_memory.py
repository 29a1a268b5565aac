# SPDX-License-Identifier: Apache-2.0
"""What fewer bits save in a linked firmware: the streaming network of 250,000 weights, from 8 bits down."""

import shutil
from pathlib import Path

import pytest

from toolchain.arch import load_arch
from toolchain.arch.untrained import untrained_graph
from toolchain.arch.weights import WeightPlan, WeightSpec
from toolchain.boards import load_board
from toolchain.device.build import build_firmware
from toolchain.export.c.aims import Aims, Optimise
from toolchain.export.project import c_runtime, make_project

pytestmark = [
    pytest.mark.arm,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc"),
]


# Where unpacking is fast it is chosen anyhow; elsewhere bytes are faster, and small is what must be asked for.
@pytest.mark.parametrize(
    ("name", "optimise"),
    [("mps2-an386", Optimise.BALANCED), ("mps2-an385", Optimise.SIZE), ("mps3-an547", Optimise.SIZE)],
)
def test_weights_shrink_with_their_bits(name: str, optimise: Optimise, tmp_path: Path) -> None:
    """Weights with their biases and requantisation tables, which are the same at every width."""
    board, arch = load_board(name), load_arch("stream_250k")
    weights, flash = {}, {}
    for bits in (8, 4, 1):
        graph = untrained_graph(arch.identifier, arch.layers(), plan=WeightPlan(WeightSpec.of(bits)))
        runtime = c_runtime(graph, board, Aims(optimise=optimise))
        sizes = build_firmware(make_project(graph, board, runtime), tmp_path / str(bits)).sizes
        weights[bits], flash[bits] = sizes.weights, sizes.flash
    print(f"{name}: weights and tables {weights}, flash {flash}")
    assert weights[8] >= 1.9 * weights[4] and weights[8] >= 6 * weights[1]
    assert flash[8] - flash[4] > 110_000 and flash[8] - flash[1] > 200_000, "kernels eat up none of it"
