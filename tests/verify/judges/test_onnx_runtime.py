# SPDX-License-Identifier: Apache-2.0
"""The judge that runs the .onnx file itself: which values it shows, in the Graph's integers and shapes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.graph.onnx_in.onnx_nets import UINT8, OnnxNet
from tests.graphs import GraphBuilder, random_inputs
from toolchain.errors import ModelError
from toolchain.graph.onnx_in import read_onnx
from toolchain.graph.reference import run_batch
from toolchain.verify.agreement import Standing, agreement
from toolchain.verify.judge import Subject
from toolchain.verify.judges.onnx_runtime import OnnxRuntimeJudge


def chosen_only(folder: Path) -> Path:
    """Channels in front, uint8, and only operators that choose among integers: both must agree to the bit."""
    net = OnnxNet(seed=1)
    x = net.quantised(net.input("pixels", ["N", 3, 6, 4]), 0.5, 128, "uint8")
    x = net.quantised(net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], name="pool"), 0.5, 128, "uint8")
    return net.saved(folder, net.quantised(net.node("Relu", x, name="clamp"), 0.5, 128, "uint8"))


def test_values_arrive_in_the_graphs_integers_and_order(tmp_path: Path) -> None:
    path = chosen_only(tmp_path)
    graph = read_onnx(path)
    inputs = random_inputs(graph, 5)
    judge = OnnxRuntimeJudge(Subject(graph, b"", path))
    expected, found = run_batch(graph, inputs), judge.run(inputs)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    report = agreement(graph, [judge], inputs)
    assert report.findings[1].standing is Standing.AGREES and report.findings[1].bytes_compared == 5 * 3 * 2 * 3


def test_layers_are_shown_by_the_graphs_names(tmp_path: Path) -> None:
    net = OnnxNet(seed=1)
    x = net.dequantised(net.input("pixels", [1, 3, 6, 4], UINT8), 0.05, 128, "uint8")
    x = net.quantised(net.conv(x, 4, 3, (3, 3), name="first"), 0.05, 0)
    x = net.node("Softmax", net.node("Flatten", net.quantised(net.conv(x, 4, 4, (2, 2), name="second"), 0.05, 0)))
    path = net.saved(tmp_path, x)
    graph = read_onnx(path)
    inputs = random_inputs(graph, 3)
    shown = OnnxRuntimeJudge(Subject(graph, b"", path)).layers(inputs)
    assert set(shown) == {"first_out", "second_out", *graph.outputs}
    assert all(value.dtype == np.int8 and value.shape == (3, *graph.tensor(n).shape) for n, value in shown.items())


def test_differences_are_reported_and_no_failure(tmp_path: Path) -> None:
    net = OnnxNet(seed=1)
    x = net.quantised(net.input("input", [1, 3, 12, 12]), 0.05, 3)
    path = net.saved(tmp_path, net.quantised(net.conv(x, 8, 3, (3, 3), name="first"), 0.02, 1))
    graph = read_onnx(path)
    report = agreement(graph, [OnnxRuntimeJudge(Subject(graph, b"", path))], random_inputs(graph, 20))
    finding = report.findings[1]
    assert report.ok and finding.standing is Standing.EXCUSED
    assert finding.max_difference == 1 and finding.first_differing_layer == "first"


def test_a_subject_without_an_onnx_file_is_not_asked() -> None:
    graph = GraphBuilder("net", (1, 4, 4, 2)).conv2d(3, (3, 3)).graph()
    assert OnnxRuntimeJudge(Subject(graph, b"")).unavailable() == "this network did not come from an ONNX file"


def test_the_file_of_another_graph_is_refused(tmp_path: Path) -> None:
    path = chosen_only(tmp_path)
    graph = read_onnx(path)
    renamed = replace(graph, name="renamed")
    inputs = random_inputs(graph, 1)
    assert OnnxRuntimeJudge(Subject(renamed, b"", path)).run(inputs), "the name is no part of what is computed"
    other = GraphBuilder("net", (1, 4, 4, 2)).conv2d(3, (3, 3)).graph()
    judge = OnnxRuntimeJudge(Subject(other, b"", path))
    with pytest.raises(ModelError, match="is not the file that graph net is of"):
        judge.run(random_inputs(other, 1))
