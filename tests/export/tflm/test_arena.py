# SPDX-License-Identifier: Apache-2.0
"""The arena's size: the plan is TFLite Micro's own, the whole is never too small and seldom much too large."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tflite_micro.python.tflite_micro import runtime

from tests.graphs import GraphBuilder, random_graph, random_inputs
from tests.ops.cases import CASES
from toolchain.core import known_core
from toolchain.errors import ModelError
from toolchain.export.tflite import compressed_tflite_bytes, tflite_bytes
from toolchain.export.tflm.arena import ArenaSize, arena_size, plan_bytes
from toolchain.graph.graph import Graph
from toolchain.graph.reference import run
from toolchain.graph.tensor import Grid
from toolchain.graph.tflite_in import read_tflite
from toolchain.graph.tflite_in.container import RawModel, RawOperator, unpack
from toolchain.graph.tflite_in.schema import Builtin, TensorType

# Without DSP and Helium, CMSIS-NN asks for no less scratch than the reference kernels of the wheel do.
PLAIN, DSP, HELIUM = (known_core(name) for name in ("cortex-m3", "cortex-m4", "cortex-m55"))


def _networks() -> list[tuple[Graph, bytes]]:
    """Networks and their files: of 8 bits, with int4 weights, with look-up tables."""
    graphs = [case() for cases in CASES.values() for case in cases.values()]
    graphs += [random_graph(seed) for seed in range(150)]
    graphs += [random_graph(seed, bits=1 + seed % 3, grid=Grid.MID_RISE) for seed in range(40)]
    graphs += [_larger(bits) for bits in range(1, 8)]
    found = []
    for graph in graphs:
        try:
            files = [tflite_bytes(graph), compressed_tflite_bytes(graph)]
        except ModelError:  # an average over irregular padding
            continue
        found += [(graph, content) for content in files if content is not None]
    return found


def _larger(bits: int) -> Graph:
    """Layers that are smaller as look-up tables, of each kind."""
    net = GraphBuilder("larger", (1, 5, 4, 3), seed=bits)
    storage = {"bits": bits, "grid": Grid.MID_RISE}
    net.conv2d(64, (3, 3), **storage).depthwise_conv2d((5, 5), **storage).conv2d(48, **storage)
    return net.mean().fully_connected(40, **storage).graph()


def _reference_scratch(model: RawModel) -> list[tuple[int, ...]]:
    """What the wheel's kernels ask for."""

    def requests(op: RawOperator) -> tuple[int, ...]:
        if op.code == Builtin.MEAN:
            return (4 * model.tensors[op.outputs[0]].shape[-1], 16, 16)
        unpacked = [model.tensors[each] for each in op.inputs if model.tensors[each].type == TensorType.INT4]
        return tuple(int(np.prod(tensor.shape)) for tensor in unpacked)

    return [requests(op) for op in model.operators]


def test_the_plan_is_the_recorded_one_and_the_rest_is_an_upper_bound(capfd: pytest.CaptureFixture[str]) -> None:
    for graph, content in _networks():
        model = unpack(content)
        interpreter = runtime.Interpreter.from_bytes(content, arena_size=4 << 20)
        for index, name in enumerate(graph.inputs):
            interpreter.set_input(np.zeros(graph.tensor(name).shape, np.int8), index)
        interpreter.invoke()
        capfd.readouterr()
        interpreter.print_allocations()
        said = capfd.readouterr().err
        head, tail = (int(re.search(rf"allocation {part} (\d+) bytes", said)[1]) for part in ("head", "tail"))
        described = f"{graph.name}: {[op.kind for op in graph.operators]}"
        assert plan_bytes(model, _reference_scratch(model)) == head, described
        assert tail <= arena_size(model, PLAIN).persistent_bytes <= 1.4 * tail, described


def test_networks_run_in_an_arena_of_exactly_this_size() -> None:
    for graph, content in _networks():
        interpreter = runtime.Interpreter.from_bytes(content, arena_size=arena_size(unpack(content), PLAIN).total_bytes)
        inputs = {name: value[0] for name, value in random_inputs(graph, 1).items()}
        for index, name in enumerate(graph.inputs):
            interpreter.set_input(inputs[name], index)
        interpreter.invoke()
        expected = run(graph, inputs)
        for index, name in enumerate(graph.outputs):
            np.testing.assert_array_equal(interpreter.get_output(index), expected[name])


def test_real_models_are_bounded_closely(shared_data: Path) -> None:
    """Measured: TFLite Micro with CMSIS-NN on an emulated Cortex-M4 (mps2-an386), arena_used_bytes."""
    for name, measured in (("kws_ref_model", 22_820), ("pretrainedResnet_quant", 54_996)):
        graph = read_tflite(shared_data / "models" / f"{name}.tflite")
        total = arena_size(unpack(tflite_bytes(graph)), DSP).total_bytes
        assert measured <= total <= 1.2 * measured


def _scratch(graph: Graph, core_name: str) -> int:
    """What scratch adds to the plan of a network of one operator."""
    model = unpack(tflite_bytes(graph))
    return arena_size(model, known_core(core_name)).plan_bytes - plan_bytes(model, [() for _ in model.operators])


@pytest.mark.parametrize(
    ("net", "core", "expected"),
    [
        (lambda: _net().conv2d(4, (3, 3)), "cortex-m3", 2 * 2 * 48),  # 45 weights a channel, up to a multiple of 4
        (lambda: _net().conv2d(4, (3, 3)), "cortex-m4", 2 * 2 * 48),
        (lambda: _net().conv2d(4, (3, 3)), "cortex-m55", 4 * 48),  # up to a multiple of 8
        (lambda: _net().conv2d(4), "cortex-m4", 0),
        (lambda: _net().conv2d(4, stride=(2, 2)), "cortex-m4", 0),
        (lambda: _net((1, 1, 9, 4)).conv2d(4, (1, 3)), "cortex-m55", 0),
        (lambda: _net((1, 1, 9, 4)).conv2d(4, (1, 3)), "cortex-m4", 2 * 2 * 12),
        (lambda: _net().depthwise_conv2d((5, 5)), "cortex-m3", 0),
        (lambda: _net().depthwise_conv2d((5, 5)), "cortex-m4", 256),  # 2 * 5 * 25, up to a multiple of 16
        (lambda: _net().depthwise_conv2d((5, 5)), "cortex-m55", 4 * 124 * 25),
        (lambda: _net().depthwise_conv2d((5, 5), multiplier=2), "cortex-m4", 0),
        (lambda: _net().depthwise_conv2d((3, 3), dilation=(2, 2)), "cortex-m4", 0),
        (lambda: _net().fully_connected(12), "cortex-m4", 0),
        (lambda: _net().fully_connected(12), "cortex-m55", 48),
        (lambda: _net().average_pool2d((2, 2)), "cortex-m4", 32),  # 4 * 5, up to a multiple of 16
        (lambda: _net().average_pool2d((2, 2)), "cortex-m55", 0),
    ],
)
def test_scratch_is_what_cmsis_nn_asks_for(net: object, core: str, expected: int) -> None:
    assert _scratch(net().graph(), core) == expected  # type: ignore[operator]


def _net(shape: tuple[int, ...] = (1, 8, 6, 5)) -> GraphBuilder:
    return GraphBuilder("net", shape, seed=2)


def test_the_larger_of_plan_and_temporaries_counts() -> None:
    size = ArenaSize(plan_bytes=100, temporary_bytes=300, persistent_bytes=50)
    assert size.total_bytes == 304 + 64
    assert "while it prepares, 300 B" in size.how
    assert replace(size, plan_bytes=400).total_bytes == 400 + 64
    assert "while it prepares" not in replace(size, plan_bytes=400).how
