# SPDX-License-Identifier: Apache-2.0
"""profile_model: layers add up, two runs are the same, and the figures are those of the firmware that is packed."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from tests.graphs import GraphBuilder, random_graph, random_inputs
from tests.projects import tiny_graph
from toolchain.boards import load_board
from toolchain.core import known_core
from toolchain.device.profile import profile_model
from toolchain.device.profile.firmware import random_input
from toolchain.device.profile.tally import summed
from toolchain.export.c.kernel_table import KERNELS
from toolchain.graph.graph import Graph
from toolchain.graph.reference import run_batch

pytestmark = [
    pytest.mark.arm,
    pytest.mark.emulated,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc"),
    pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm"),
]


def joining_graph() -> Graph:
    """Layers of one call, of several (concatenation), of none (reshape), and a last one that is a tail call."""
    net = GraphBuilder("joining", (1, 6, 5, 3), seed=3)
    net.conv2d(4, (1, 1))
    left = net.checkpoint()
    net.max_pool2d((3, 3), stride=(1, 1), padding="same").concatenation(left)
    return net.reshape((1, 6 * 5 * 8)).fully_connected(3).softmax().graph()


@pytest.mark.parametrize("board", ["mps2-an385", "mps3-an547"])
def test_layers_add_up_to_the_run(board: str) -> None:
    graph = joining_graph()
    profile = profile_model(graph, load_board(board))
    assert [layer.name for layer in profile.layers] == [op.name for op in graph.operators]
    assert profile.total == profile.run.total
    assert profile.total.instructions == sum(call.own.instructions for call in profile.run.walk())
    by_op = {layer.op: layer for layer in profile.layers}
    assert by_op["Reshape"].tally.instructions == 0
    assert [call.function for call in by_op["Softmax"].calls] == ["sb_softmax_s8"]
    assert sum(call.function == "sb_concatenation_s8" for call in by_op["Concatenation"].calls) == 2
    for layer in profile.layers:
        assert layer.tally.instructions >= sum(call.total.instructions for call in layer.calls)
        if layer.kernel.startswith("sb_"):
            assert {call.function for call in layer.calls} == {layer.kernel}
            assert layer.tally.cycles > 0


def test_two_runs_are_the_same() -> None:
    graph, board = random_graph(5), load_board("mps2-an386")
    assert profile_model(graph, board).run == profile_model(graph, board).run


def test_convolutions_take_the_same_whatever_the_input() -> None:
    net = GraphBuilder("even", (1, 7, 5, 3), seed=11)
    graph = net.conv2d(5, (3, 3)).depthwise_conv2d((3, 3)).conv2d(6, (1, 1)).graph()
    board = load_board("mps2-an386")
    first, second = (profile_model(graph, board, inputs=random_input(graph, seed), table=KERNELS) for seed in (1, 2))
    assert first.total == second.total


def test_the_first_of_several_inputs_is_counted_and_all_give_outputs() -> None:
    graph, board = tiny_graph(), load_board("mps2-an386")
    inputs = random_inputs(graph, 5)
    found = profile_model(graph, board, inputs=inputs)
    for name, expected in run_batch(graph, inputs).items():
        assert np.array_equal(found.outputs[name], expected)
    first = profile_model(graph, board, inputs={name: values[:1] for name, values in inputs.items()})
    assert first.run == found.run


def test_memory_is_that_of_the_linked_firmware() -> None:
    memory = profile_model(tiny_graph(), load_board("mps2-an386")).memory
    assert 0 < memory.engine_flash_bytes < memory.flash_bytes
    assert memory.stack.bound_bytes is not None
    assert 0 < memory.stack.used_bytes <= memory.stack.bound_bytes <= memory.stack.reserved_bytes
    assert memory.ram_bytes == memory.arena_bytes + memory.static_bytes + memory.stack.used_bytes


def test_a_board_without_emulator_is_counted_on_one_with_its_core() -> None:
    graph = tiny_graph()
    profile = profile_model(graph, load_board("nucleo-f446re"))
    assert (profile.board.id, profile.counted_on.id) == ("nucleo-f446re", "mps2-an386")
    assert profile.total == profile_model(graph, load_board("mps2-an386")).total


@pytest.mark.parametrize(("core", "on"), [("cortex-m0plus", "mps2-an385"), ("cortex-m23", "mps2-an505")])
def test_code_of_a_smaller_core_runs_on_a_larger_one(core: str, on: str) -> None:
    graph, board = tiny_graph(), load_board("nucleo-f446re")
    small = profile_model(graph, replace(board, core=known_core(core)), table=KERNELS)
    assert (small.core.name, small.counted_on.id) == (core, on)
    assert small.total.instructions > profile_model(graph, load_board(on), table=KERNELS).total.instructions


def test_parts_of_a_sum_are_kept_by_kind() -> None:
    profile = profile_model(tiny_graph(), load_board("mps2-an385"))
    assert summed(layer.tally for layer in profile.layers).kinds == profile.run.total.kinds
