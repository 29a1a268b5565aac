# SPDX-License-Identifier: Apache-2.0
"""docs/benchmarks.*: the page and the picture follow from the record, and this machine counts what the record says.

A change of a kernel, of the planner or of the generator changes counts or sizes: `make bench` writes them anew, and the
diff is reviewed.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from toolchain.bench.measure import bench_tools, benchmark_boards, measure
from toolchain.bench.networks import Network, layer_networks, library_networks, models_in, network_of
from toolchain.bench.peers import known_peers
from toolchain.bench.record import bench_text, compare, load_bench
from toolchain.bench.result import Bench, Origin
from toolchain.report.bench_page import PAGE, PICTURE, RECORD, bench_page
from toolchain.report.bench_plot import bench_svg

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def recorded() -> Bench:
    return load_bench(DOCS / RECORD)


def test_page_picture_and_record_belong_together(recorded: Bench) -> None:
    for name, text in (
        (PAGE, bench_page(recorded, known_peers())),
        (PICTURE, bench_svg(recorded, known_peers())),
        (RECORD, bench_text(recorded)),
    ):
        assert (DOCS / name).read_text() == text, f"docs/{name} is not what `make bench` writes"


def test_the_record_has_every_network_on_every_core(recorded: Bench) -> None:
    networks, cores = library_networks(), [board.core.name for board in benchmark_boards()]
    for network in networks:
        hashes = {result.graph_sha256 for result in recorded.results if result.network == network.name}
        assert hashes == {network.graph.sha256}
        assert all(recorded.find(network.name, core) for core in cores)
    assert {result.network for result in recorded.results if result.origin is Origin.NAMED} == {
        "kws_ref_model",
        "pretrainedResnet_quant",
    }


@pytest.mark.arm
@pytest.mark.emulated
@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")
@pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm")
class TestThisMachine:
    """Counts what another one counted."""

    def held(self, recorded: Bench, network: Network) -> None:
        """`network` on every core that the record has it on."""
        cores = {result.core for result in recorded.results if result.network == network.name}
        now = measure([(network, board) for board in benchmark_boards() if board.core.name in cores])
        if now.tools != recorded.tools:
            pytest.skip(f"the record was made with {recorded.tools}, here are {now.tools}")
        found = compare(recorded, now)
        assert not found.differences, "run `make bench` and review the diff"
        assert found.compared == len(cores) > 0

    @pytest.mark.parametrize("name", ["pless_sweep_5", "mobile_picture", "depthwise_3x3_64"])
    def test_networks_with_weights_from_a_seed(self, recorded: Bench, name: str) -> None:
        networks = {network.name: network for network in (*library_networks(), *layer_networks())}
        self.held(recorded, networks[name])

    @pytest.mark.parametrize("name", ["kws_ref_model", "pretrainedResnet_quant"])
    def test_named_networks(self, recorded: Bench, name: str, shared_data: Path) -> None:
        (path,) = [path for path in models_in(shared_data / "models") if path.stem == name]
        self.held(recorded, network_of(path))

    def test_other_figures_would_be_found(self, recorded: Bench) -> None:
        (network,) = [network for network in layer_networks() if network.name == "conv_1x1_64"]
        now = measure([(network, benchmark_boards()[2])])
        known = recorded.find("conv_1x1_64", "cortex-m4")
        assert known is not None
        other = replace(known, instructions=known.instructions + 1)
        changed = replace(recorded, tools=bench_tools(), results=(other,))
        assert any(difference.what == "instructions" for difference in compare(changed, now).differences)
