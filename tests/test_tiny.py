# SPDX-License-Identifier: Apache-2.0
"""The whole chain on a network of two layers, in seconds: no board, no training, no download.

Graph -> .tflite -> read back -> reference = tflite-micro = generated C on this machine, and what it costs.
"""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.graphs import GraphBuilder, random_inputs
from toolchain.core import known_core
from toolchain.device.host import HostModel, host_compiler
from toolchain.export.c import c_sources
from toolchain.export.tflite import tflite_bytes
from toolchain.graph.cost import count, graph_cost
from toolchain.graph.counting import Rule
from toolchain.graph.graph import Graph
from toolchain.graph.model import load_model
from toolchain.graph.plan_check import check_plan
from toolchain.graph.reference import run_batch
from toolchain.verify.agreement import agreement
from toolchain.verify.judge import Subject
from toolchain.verify.panel import host_judges


@pytest.fixture(scope="module")
def graph() -> Graph:
    """12x6 -> convolution of 4 channels, 3x3, stride 2 -> 3 classes."""
    net = GraphBuilder("tiny", (1, 12, 6, 1), seed=42)
    return net.conv2d(4, (3, 3), stride=(2, 2), activation=(-20, 127)).fully_connected(3).graph()


def test_the_file_means_the_same_integers(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tflite_bytes(graph))
    read = load_model(path)
    assert [op.kind for op in read.operators] == ["Conv2D", "FullyConnected"]
    inputs = random_inputs(graph, 20, seed=1)
    expected = run_batch(graph, inputs)[graph.outputs[0]]
    answered = run_batch(read, {read.inputs[0]: inputs["input"]})[read.outputs[0]]
    assert np.array_equal(answered, expected)
    assert len(np.unique(expected)) > 10, "outputs that hardly vary would agree by chance"


def test_every_judge_here_gives_the_same_bytes(graph: Graph) -> None:
    found = agreement(graph, host_judges(Subject(graph, tflite_bytes(graph))), random_inputs(graph, 20, seed=2))
    answered = {finding.name: finding.bytes_differing for finding in found.findings if finding.bytes_compared}
    assert found.ok
    assert {"reference", "C host", "C host, DSP kernels"} <= set(answered)
    assert all(differing == 0 for name, differing in answered.items() if name not in ("LiteRT", "tf.lite"))


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55"])
def test_generated_c_of_each_kind_of_core_gives_the_same_bytes(graph: Graph, core: str) -> None:
    inputs = random_inputs(graph, 10, seed=3)
    output = graph.outputs[0]
    answered = HostModel(c_sources(graph, known_core(core))).run(inputs)[output]
    assert np.array_equal(answered, run_batch(graph, inputs)[output])


def test_what_it_costs_can_be_counted_by_hand(graph: Graph) -> None:
    conv, dense = graph_cost(graph).rows
    assert (conv.macs, conv.weights, conv.biases) == (6 * 3 * 4 * 9, 36, 4)
    assert (dense.macs, dense.weights, dense.biases) == (72 * 3, 216, 3)
    counted = count(graph, Rule.HELLO_EDGE)
    assert counted.operations == 2 * (648 + 216) + 72 + 3
    assert counted.memory_bytes == 36 + 4 + 216 + 3 + (72 + 72)


def test_the_same_graph_gives_the_same_c_and_a_plan_that_holds(graph: Graph) -> None:
    core = known_core("cortex-m4")
    first, second = c_sources(graph, core), c_sources(graph, core)
    assert first.sources == second.sources
    scratch = {layer.name: layer.scratch_bytes for layer in first.layers}
    check_plan(graph, first.plan, scratch, {op.name: op.reads for op in graph.operators})
    assert first.plan.arena_bytes >= first.plan.lower_bound_bytes >= 72 + 72


def _without_calls() -> dict[str, Graph]:
    return {
        "an output that is the input": GraphBuilder("through", (1, 3, 4, 1)).graph(),
        "a reshape in place": GraphBuilder("reshape", (1, 3, 4, 1)).reshape((1, 12)).graph(),
    }


@pytest.mark.parametrize("name", _without_calls())
def test_a_network_that_computes_nothing_goes_the_whole_way(name: str) -> None:
    graph = _without_calls()[name]
    found = agreement(graph, host_judges(Subject(graph, tflite_bytes(graph))), random_inputs(graph, 4, seed=4))
    assert found.ok and [f.bytes_differing for f in found.findings if f.name.startswith("C host")] == [0, 0]
    assert [(count(graph, rule).operations, graph_cost(graph).macs) for rule in Rule] == [(0, 0)] * len(Rule)


@pytest.mark.parametrize("name", _without_calls())
@pytest.mark.parametrize("trace", [(), ("-DSUBBYTE_TRACE",)])
def test_its_c_compiles_without_a_complaint(name: str, trace: tuple[str, ...], tmp_path: Path) -> None:
    compiler = host_compiler()
    assert compiler is not None
    for file, text in c_sources(_without_calls()[name], known_core("cortex-m4")).sources.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text, encoding="utf-8")
    flags = ("-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I.")
    subprocess.run([compiler.path, *flags, *trace, "model/model.c", "model/weights.c"], cwd=tmp_path, check=True)


def test_an_output_named_twice_is_compared_once() -> None:
    net = GraphBuilder("twice", (1, 5, 5, 2), seed=3).conv2d(3, (3, 3))
    graph = net.graph(net.checkpoint(), net.checkpoint())
    found = agreement(graph, host_judges(Subject(graph, tflite_bytes(graph))), random_inputs(graph, 4, seed=5))
    assert found.ok and {f.bytes_compared for f in found.findings} <= {None, 4 * 75}
