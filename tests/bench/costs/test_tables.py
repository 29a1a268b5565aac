# SPDX-License-Identifier: Apache-2.0
"""The committed cost tables: of kernels that exist, close to what was measured, and right about other networks.

Where these fail after a change of a kernel: `make costs`.
"""

import shutil

import pytest

from toolchain.arch.untrained import untrained_graph
from toolchain.arch.weights import WeightPlan, WeightSpec
from toolchain.bench.costs.shapes import measured_layers, together
from toolchain.bench.generated import generated_layers
from toolchain.bench.measure import benchmark_boards
from toolchain.device.profile import profile_model
from toolchain.export.c import Aims, Optimise
from toolchain.export.c.costs import FOLDER, cost_table
from toolchain.export.c.costs.features import UNPACK
from toolchain.export.c.kernel_table import KERNELS

BOARDS = {board.core.name: board for board in benchmark_boards()}
# Largest error of a form over the layers that it was fitted to, and over layers of networks that it has not seen.
_FITTED, _UNSEEN = 0.08, 0.1


def test_every_core_of_the_benchmark_was_measured() -> None:
    assert {path.stem for path in FOLDER.glob("*.toml")} == set(BOARDS)


@pytest.mark.parametrize("core", BOARDS)
def test_a_table_is_about_kernels_that_exist_and_close_to_them(core: str) -> None:
    table = cost_table(core)
    assert table is not None and table.core == core
    files = {kernel.function: kernel.files for kernel in KERNELS} | {UNPACK: (f"{UNPACK}.c",)}
    for function, cost in table.kernels.items():
        assert set(files[function]) <= table.file_bytes.keys(), f"{function}: make costs"
        assert cost.residual <= _FITTED, f"{function} on {core}: {cost.residual:.1%}"
        assert all(value > 0 for form in (cost.cycles, cost.instructions) for value in form.values())
        for file in files[function]:
            assert 0 < table.file_bytes[file] < 4096


def test_measured_layers_are_told_apart_and_use_every_kind() -> None:
    layers = measured_layers()
    graph = together(layers)
    assert len(graph.inputs) == len(graph.outputs) == len(layers)
    assert {op.kind for op in graph.operators} == {
        *("Conv2D", "DepthwiseConv2D", "FullyConnected", "AveragePool2D", "Add", "Reshape")
    }


@pytest.mark.arm
@pytest.mark.emulated
@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")
@pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm")
@pytest.mark.parametrize(
    ("core", "name", "bits"),
    [("cortex-m4", "mobile_grey", 8), ("cortex-m0plus", "sound", 8), ("cortex-m3", "sound", 3)],
)
def test_a_network_that_was_not_measured_takes_what_was_foretold(core: str, name: str, bits: int) -> None:
    graph = untrained_graph(name, generated_layers(name), seed=1, plan=WeightPlan(WeightSpec.of(bits)))
    profile = profile_model(graph, BOARDS[core], aims=Aims(Optimise.BALANCED))
    unpack = [call.function == UNPACK for layer in profile.layers for calls in layer.calls for call in calls.walk()]
    assert any(unpack) == (bits < 8)
    weighed = 0
    for layer in profile.layers:
        if layer.estimate is not None and layer.tally.cycles > profile.total.cycles / 100:
            assert layer.estimate.cycles == pytest.approx(layer.tally.cycles, rel=_UNSEEN), f"{layer.name}: make costs"
            assert layer.estimate.instructions == pytest.approx(layer.tally.instructions, rel=_UNSEEN)
            weighed += layer.tally.cycles
    assert weighed > 0.9 * profile.total.cycles
