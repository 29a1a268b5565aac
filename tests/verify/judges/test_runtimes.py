# SPDX-License-Identifier: Apache-2.0
"""tflite-micro, LiteRT and tf.lite as judges: what they answer, show and refuse."""

import numpy as np
import pytest

from tests.graphs import GraphBuilder, random_inputs
from toolchain.errors import ToolError
from toolchain.export.tflite import tflite_bytes
from toolchain.graph.graph import Graph
from toolchain.graph.reference import run, run_batch
from toolchain.verify.judge import Subject
from toolchain.verify.judges.litert import LiteRtJudge
from toolchain.verify.judges.tf_lite import TfLiteJudge
from toolchain.verify.judges.tflm import TfliteMicroJudge

every_judge = pytest.mark.parametrize("make", [TfliteMicroJudge, LiteRtJudge, TfLiteJudge])


def _two_ends() -> Graph:
    """Two inputs, two outputs."""
    net = GraphBuilder("net", (1, 4, 4, 3), seed=8)
    other = net.input("other", (1, 4, 4, 3), scale=0.1, zero_point=-9)
    total = net.back_to("input").add(other, scale=0.1, zero_point=4).checkpoint()
    net.conv2d(5, (3, 3), stride=(2, 2)).max_pool2d((2, 2))
    return net.graph(net.last, total)


@every_judge
def test_outputs_and_layers_are_the_references(make: type) -> None:
    graph = _two_ends()
    judge = make(Subject(graph, tflite_bytes(graph)))
    if judge.unavailable() is not None:
        pytest.skip(judge.unavailable())
    inputs = random_inputs(graph, 5)
    answered, expected = judge.run(inputs), run_batch(graph, inputs)
    assert set(answered) == set(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(answered[name], value)
    layers = judge.layers(inputs)
    for index in range(5):
        for name, value in run(graph, {name: value[index] for name, value in inputs.items()}).items():
            np.testing.assert_array_equal(layers[name][index], value, err_msg=name)
    assert judge.version[0].isdigit()


@pytest.mark.parametrize("make", [LiteRtJudge, TfLiteJudge])  # tflite-micro stops the program
def test_a_file_that_the_runtime_refuses_is_a_tool_error(make: type) -> None:
    graph = _two_ends()
    judge = make(Subject(graph, tflite_bytes(graph).replace(b"TFL3", b"TFL9")))
    if judge.unavailable() is not None:
        pytest.skip(judge.unavailable())
    with pytest.raises(ToolError, match=judge.name):
        judge.run(random_inputs(graph, 1))


@every_judge
def test_a_missing_package_is_said(make: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    graph = _two_ends()
    assert "is not installed" in make(Subject(graph, tflite_bytes(graph))).unavailable()


def test_only_fully_connected_is_excused() -> None:
    graph = _two_ends()
    subject = Subject(graph, tflite_bytes(graph))
    assert TfliteMicroJudge(subject).duty.exempt == frozenset()
    assert LiteRtJudge(subject).duty.exempt == TfLiteJudge(subject).duty.exempt == {"FullyConnected"}
