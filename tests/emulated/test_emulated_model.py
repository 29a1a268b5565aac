# SPDX-License-Identifier: Apache-2.0
"""EmulatedModel: many inputs through an emulated board, the same bytes as the reference interpreter's."""

import shutil

import numpy as np
import pytest

from tests.graphs import GraphBuilder, random_graph, random_inputs
from tests.projects import audio_front_end, audio_graph, tiny_graph
from toolchain.boards import board_ids, load_board
from toolchain.device.emulated import EmulatedModel, emulator_version
from toolchain.errors import BoardError, DataError, ModelError
from toolchain.export.c import Aims
from toolchain.export.project import c_runtime
from toolchain.frontend.numpy_frontend import features
from toolchain.graph.reference import run, run_batch

pytestmark = [
    pytest.mark.arm,
    pytest.mark.emulated,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc"),
    pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm"),
]

EMULATED = [name for name in board_ids() if load_board(name).emulation is not None]


@pytest.mark.parametrize(("name", "seed"), [(name, 40 + i) for i, name in enumerate(EMULATED)])
def test_random_networks_give_the_reference_bytes(name: str, seed: int) -> None:
    graph = random_graph(seed)
    inputs = random_inputs(graph, 6, seed=seed)
    expected = run_batch(graph, inputs)
    answered = EmulatedModel(graph, load_board(name)).run(inputs)
    assert set(answered) == set(expected)
    for output, value in expected.items():
        assert np.array_equal(answered[output], value), f"{name}, graph {seed}, {output}"


@pytest.mark.parametrize("name", ["mps2-an385", "mps2-an505"])
def test_layers_are_those_of_the_reference(name: str) -> None:
    graph = tiny_graph()
    model = EmulatedModel(graph, load_board(name))
    given = {key: value[3] for key, value in random_inputs(graph, 4).items()}
    expected = run(graph, given)
    layers = model.layers(given)
    assert len(layers) == len(graph.operators)
    for op, layer in zip(graph.operators, layers, strict=True):
        assert np.array_equal(layer, expected[op.writes[0]]), op.name


@pytest.mark.parametrize(("name", "size", "channels"), [("mps2-an386", 16, 8), ("microbit", 15, 5)])
def test_layers_in_bands_of_rows_give_the_same_bytes(name: str, size: int, channels: int) -> None:
    """15 x 5 bytes a row: on a Cortex-M0, which cannot load from there by words, bands begin anywhere."""
    net = GraphBuilder("net", (1, size, size, 3), seed=6).conv2d(channels, (3, 3))
    before = net.last
    net.conv2d(channels, (3, 3)).depthwise_conv2d((3, 3)).add(before, scale=0.06)
    graph = net.conv2d(channels, (3, 3), stride=(2, 2)).mean().fully_connected(4).graph()
    board = load_board(name)
    limit = c_runtime(graph, board).arena_bytes * 85 // 100
    runtime = c_runtime(graph, board, Aims(max_ram_bytes=limit + board.limits.stack_bytes))
    assert runtime.arena_bytes <= limit and runtime.executed.stages
    inputs = random_inputs(graph, 4)
    (output,) = graph.outputs
    assert np.array_equal(
        EmulatedModel(graph, board, runtime=runtime).run(inputs)[output], run_batch(graph, inputs)[output]
    )


@pytest.mark.parametrize(("name", "centred"), [("mps2-an386", False), ("mps2-an500", True)])
def test_audio_gives_the_same_features_and_outputs(name: str, centred: bool) -> None:
    front_end = audio_front_end(centred=centred)
    graph = audio_graph(front_end)
    model = EmulatedModel(graph, load_board(name), front_end=front_end)
    audio = np.random.default_rng(5).integers(-32768, 32768, (3, front_end.spec.clip_samples)).astype(np.int16)
    audio[0] = 0
    heard, outputs = model.run_audio(audio)
    expected = features(front_end.spec, front_end.normalisation, audio)
    assert np.array_equal(heard, expected)
    assert np.array_equal(outputs, run_batch(graph, {"input": expected[:, None, ..., None]})[graph.outputs[0]])
    assert np.array_equal(outputs, model.run(expected))


def test_several_inputs_stand_one_behind_the_other() -> None:
    net = GraphBuilder("two", (1, 4, 4, 3), seed=1)
    left = net.last
    net.input("right", (1, 4, 4, 3))
    graph = net.add(left).graph()
    inputs = random_inputs(graph, 5)
    model = EmulatedModel(graph, load_board("mps2-an385"))
    for name, value in run_batch(graph, inputs).items():
        assert np.array_equal(model.run(inputs)[name], value)


def test_no_inputs_give_no_outputs() -> None:
    graph = tiny_graph()
    answered = EmulatedModel(graph, load_board("mps2-an386")).run(np.empty((0, 10, 4, 1), np.int8))
    assert answered.shape == (0, 1, 3)


def test_what_does_not_fit_is_refused() -> None:
    graph = tiny_graph()
    model = EmulatedModel(graph, load_board("mps2-an386"))
    with pytest.raises(ModelError, match=r"graph tiny: input input must be int8 \[N, 1, 10, 4, 1\]"):
        model.run({"input": np.zeros((2, 10, 4, 1), np.int8)})
    with pytest.raises(ModelError, match="graph tiny: there is no front end"):
        model.run_audio(np.zeros((1, 16_000), np.int16))
    hearing = EmulatedModel(
        audio_graph(front := audio_front_end(centred=False)), load_board("mps2-an386"), front_end=front
    )
    with pytest.raises(DataError, match=r"audio for ears: int16 \[N, 16000\] is needed, not int16 \[1, 8000\]"):
        hearing.run_audio(np.zeros((1, 8_000), np.int16))
    with pytest.raises(BoardError, match="nrf52840-dk"):
        EmulatedModel(graph, load_board("nrf52840-dk")).run(np.zeros((1, 10, 4, 1), np.int8))


def test_the_version_names_emulator_and_compiler() -> None:
    assert emulator_version().startswith("qemu ") and ", gcc " in emulator_version()
