# SPDX-License-Identifier: Apache-2.0
"""Networks measured on emulated cores: exact first, equal each time; nothing is said of one that is not exact."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.graphs import GraphBuilder
from tests.projects import tiny_graph
from toolchain.bench.kinds import LayerKind
from toolchain.bench.measure import benchmark_boards, check_exact, chosen_boards, measure
from toolchain.bench.networks import Network, layer_networks, library_networks, models_in, network_of
from toolchain.bench.peers import known_peers, load_peers
from toolchain.bench.record import compare
from toolchain.bench.result import Origin
from toolchain.device.profile import profile_model
from toolchain.errors import BenchError, BoardError
from toolchain.export.tflite import tflite_bytes
from toolchain.graph.cost import graph_cost

on_boards = [
    pytest.mark.arm,
    pytest.mark.emulated,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc"),
    pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm"),
]


def tiny(name: str = "tiny") -> Network:
    return Network(name, "a tiny network", Origin.GIVEN, replace(tiny_graph(), name=name))


def test_there_is_a_board_for_every_core_of_the_table() -> None:
    cores = [board.core.name for board in benchmark_boards()]
    assert cores == ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55"]
    assert len({board.id for board in benchmark_boards()}) == len(cores)
    known = {figure.core for figure in known_peers().figures}
    assert known <= set(cores)


def test_boards_are_chosen_by_id_also_the_one_of_the_smallest_core() -> None:
    assert chosen_boards([]) == benchmark_boards()
    small, m4, stm = chosen_boards(["mps2-an385-m0plus,mps2-an386", "netduinoplus2", "mps2-an386"])
    assert (small.core.name, m4.id, stm.id) == ("cortex-m0plus", "mps2-an386", "netduinoplus2")
    with pytest.raises(BoardError, match="no emulator"):
        chosen_boards(["nucleo-f446re"])


class TestMeasured:
    """On boards."""

    pytestmark = on_boards

    def test_every_core_gives_a_result_and_two_runs_are_equal(self) -> None:
        network = tiny()
        jobs = [(network, board) for board in benchmark_boards()]
        counted: list[tuple[int, int | None]] = []
        first = measure(jobs, progress=lambda done, total: counted.append((done, total)))
        assert [result.core for result in first.results] == [board.core.name for _, board in jobs]
        assert counted == [(done, 6) for done in range(7)]
        for result in first.results:
            assert result.instructions == sum(layer.instructions for layer in result.layers) > 0
            assert result.cycles == sum(layer.cycles for layer in result.layers)
            assert result.macs == graph_cost(network.graph).macs
            assert 0 < result.engine_flash < result.firmware_flash
            assert result.ram == result.arena + result.static + result.stack
            assert result.exactness.inputs == 4 and result.exactness.n_bytes == 12
        by_core = {result.core: result.instructions for result in first.results}
        assert by_core["cortex-m0plus"] > by_core["cortex-m4"]
        again = compare(first, measure(jobs[1:3]))
        assert again.ok and again.compared == 2

    def test_the_figures_are_the_profiler_s(self) -> None:
        board = benchmark_boards()[2]
        (result,) = measure([(tiny(), board)]).results
        profile = profile_model(tiny().graph, board)
        assert result.instructions == pytest.approx(profile.total.instructions, rel=0.02)  # softmax follows its input
        assert result.arena == profile.memory.arena_bytes
        assert [layer.work.kind for layer in result.layers if layer.work] == [
            LayerKind.FIRST,
            LayerKind.DEPTHWISE,
            LayerKind.FULLY_CONNECTED,
        ]

    def test_two_networks_of_one_name_are_refused(self) -> None:
        board = benchmark_boards()[1]
        with pytest.raises(BenchError, match="two networks are called tiny"):
            measure([(tiny(), board), (tiny(), board)])


def test_a_byte_that_differs_ends_the_benchmark() -> None:
    right = {"out": np.zeros((4, 3), np.int8)}
    wrong = {"out": right["out"].copy()}
    check_exact("net", "board", right, wrong)
    wrong["out"][3, 1] = 1
    with pytest.raises(BenchError, match=r"net: board gives 1 of 12 bytes otherwise .* not exact"):
        check_exact("net", "board", right, wrong)


def test_library_networks_have_names_of_their_own_and_single_layers_the_peers_work() -> None:
    networks = (*library_networks(), *layer_networks())
    assert len({network.name for network in networks}) == len(networks)
    for network in layer_networks():
        assert graph_cost(network.graph).macs == known_peers().subject(network.name).macs


def test_a_file_is_the_peers_network_by_its_hash_or_by_name_and_size(tmp_path: Path) -> None:
    given = tmp_path / "vww_96_int8.tflite"
    given.write_bytes(tflite_bytes(tiny_graph()))
    assert network_of(given).origin is Origin.GIVEN
    peers = tmp_path / "peers.toml"
    macs = graph_cost(tiny_graph()).macs
    peers.write_text(f'source = []\nfigures = []\n[[subject]]\nid = "vww_96_int8"\ntitle = "vww"\nmacs = {macs}\n')
    named = network_of(given, load_peers(peers))
    assert (named.name, named.origin) == ("vww_96_int8", Origin.NAMED)


def test_the_named_files_are_known(shared_data: Path) -> None:
    names = {(network.name, network.origin) for network in map(network_of, models_in(shared_data / "models"))}
    assert names == {("kws_ref_model", Origin.NAMED), ("pretrainedResnet_quant", Origin.NAMED)}


def test_a_folder_that_is_not_there_has_no_models(tmp_path: Path) -> None:
    assert models_in(tmp_path / "none") == ()


def test_a_file_in_the_place_of_a_folder_of_models_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(b"")
    with pytest.raises(BenchError, match=r"model\.tflite: is no folder of models"):
        models_in(model)


def test_a_file_s_name_becomes_an_identifier(tmp_path: Path) -> None:
    path = tmp_path / "my net.tflite"
    path.write_bytes(tflite_bytes(GraphBuilder("x", (1, 4, 4, 2)).conv2d(3).graph()))
    assert network_of(path).name == "my_net"
