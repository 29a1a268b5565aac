# SPDX-License-Identifier: Apache-2.0
"""The judges that run generated C: exact at every layer, and a weight that is changed is traced to its layer.

The faults are real: a judge is made for a network of which one weight differs, and is held against the original.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.graphs import GraphBuilder, random_graph, random_inputs
from toolchain.boards import load_board
from toolchain.errors import BoardError
from toolchain.export.c import Aims, c_sources
from toolchain.export.tflite import tflite_bytes
from toolchain.graph.graph import Graph
from toolchain.graph.reference import run
from toolchain.verify.agreement import Standing, agreement
from toolchain.verify.judge import Judge, Subject
from toolchain.verify.judges.c_host import CHostDspJudge, CHostJudge
from toolchain.verify.judges.emulated import EmulatedJudge
from toolchain.verify.panel import emulated_boards

on_boards = [
    pytest.mark.arm,
    pytest.mark.emulated,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc"),
    pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm"),
]

MAKERS: list[object] = [
    pytest.param(CHostJudge, id="plain"),
    pytest.param(CHostDspJudge, id="dsp"),
    pytest.param(lambda s: EmulatedJudge(s, load_board("mps2-an385")), id="mps2-an385", marks=on_boards),
    pytest.param(lambda s: EmulatedJudge(s, load_board("mps2-an386")), id="mps2-an386", marks=on_boards),
]


def _graph() -> Graph:
    net = GraphBuilder("faulty", (1, 9, 5, 3), seed=9)
    left = net.conv2d(6, (3, 3), stride=(2, 1)).checkpoint()
    net.depthwise_conv2d((3, 3)).conv2d(6).add(left, scale=0.05).mean(scale=0.03)
    return net.fully_connected(5, scale=0.05).graph()


def _subject(graph: Graph) -> Subject:
    return Subject(graph, tflite_bytes(graph))


def _with_one_weight_changed(graph: Graph, layer: str) -> Graph:
    """The weight is one of the middle of the kernel, so that padding cannot hide it."""
    op = next(op for op in graph.operators if op.name == layer)
    weights = graph.tensor(op.weights)  # type: ignore[attr-defined]
    changed = weights.array.copy()
    middle = tuple(size // 2 for size in changed.shape)
    changed[middle] += 64 if changed[middle] < 0 else -64
    tensors = tuple(replace(t, data=changed) if t is weights else t for t in graph.tensors)
    return replace(graph, tensors=tensors)


@pytest.mark.parametrize("make", MAKERS)
def test_every_layer_equals_the_reference(make: Callable[[Subject], Judge]) -> None:
    graph = random_graph(12)
    judge = make(_subject(graph))
    inputs = random_inputs(graph, 3, seed=4)
    shown = judge.layers(inputs)
    assert judge.unavailable() is None and judge.version
    for index in range(3):
        expected = run(graph, {name: value[index] for name, value in inputs.items()})
        for op in graph.operators:
            assert np.array_equal(shown[op.writes[0]][index], expected[op.writes[0]]), op.name


@pytest.mark.parametrize("layer", ["conv2d_0", "depthwiseconv2d_1", "conv2d_2", "fullyconnected_5"])
@pytest.mark.parametrize("make", MAKERS)
def test_a_changed_weight_is_traced_to_its_layer(make: Callable[[Subject], Judge], layer: str) -> None:
    graph = _graph()
    judge = make(_subject(_with_one_weight_changed(graph, layer)))
    finding = agreement(graph, [judge], random_inputs(graph, 10, seed=6)).findings[1]
    assert finding.standing is Standing.DIFFERS
    assert finding.first_differing_layer == layer
    assert finding.bytes_differing and finding.max_difference


def _residual() -> Graph:
    net = GraphBuilder("residual", (1, 16, 16, 3), seed=6).conv2d(8, (3, 3))
    before = net.last
    net.conv2d(8, (3, 3)).conv2d(8, (3, 3)).add(before, scale=0.06).conv2d(8, (3, 3), stride=(2, 2))
    return net.mean(scale=0.03).fully_connected(4, scale=0.05).graph()


@pytest.mark.parametrize("make", [CHostDspJudge, *MAKERS[3:]])
def test_a_changed_weight_is_traced_to_its_layer_through_bands(make: Callable[[Subject], Judge]) -> None:
    graph = _residual()
    plain = c_sources(graph, CHostDspJudge.core).arena_bytes
    aims = Aims(max_ram_bytes=4096 + plain * 8 // 10)
    judge = make(replace(_subject(_with_one_weight_changed(graph, "conv2d_2")), aims=aims))
    (_, finding) = agreement(graph, [judge], random_inputs(graph, 4)).findings
    assert (finding.standing, finding.first_differing_layer) == (Standing.DIFFERS, "conv2d_2")


def test_a_limit_of_ram_that_another_core_cannot_meet_stops_no_judge() -> None:
    graph = _residual()
    judge = CHostJudge(replace(_subject(graph), aims=Aims(max_ram_bytes=4096 + 64)))
    assert [finding.standing for finding in agreement(graph, [judge], random_inputs(graph, 3)).findings] == [
        Standing.AGREES,
        Standing.AGREES,
    ]


def test_boards_are_named_once_in_lists_repeats_or_all() -> None:
    names = [board.id for board in emulated_boards(["mps2-an386,mps2-an385", " mps2-an386 "])]
    assert names == ["mps2-an386", "mps2-an385"]
    every = [board.id for board in emulated_boards(["all"])]
    assert set(names) < set(every) and "nucleo-f446re" not in every


def test_a_board_without_emulator_is_refused_and_those_with_one_are_named() -> None:
    with pytest.raises(BoardError, match=r"board nucleo-f446re has no emulator.*mps2-an385.*netduinoplus2"):
        emulated_boards(["nucleo-f446re"])
    with pytest.raises(BoardError, match="unknown board 'mps2-an387'"):
        emulated_boards(["mps2-an386,mps2-an387"])
