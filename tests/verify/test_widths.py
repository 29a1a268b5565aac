# SPDX-License-Identifier: Apache-2.0
"""Networks of every width and grid: 0 bytes differ between the reference and TFLite Micro, in every form of weights."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.command import subbyte
from tests.graphs import GraphBuilder
from toolchain.arch import load_arch
from toolchain.arch.untrained import untrained_graph
from toolchain.arch.weights import WeightPlan, WeightSpec
from toolchain.export.tflite import compressed_tflite_bytes, tflite_bytes
from toolchain.graph.tensor import Grid
from toolchain.verify.accuracy import host_classifier, reference_classifier
from toolchain.verify.agreement import Standing, agreement
from toolchain.verify.inputs import random_inputs
from toolchain.verify.judge import Subject
from toolchain.verify.judges.tflm import CompressedTfliteMicroJudge, TfliteMicroJudge
from toolchain.verify.panel import host_judges

SPECS = [
    *(WeightSpec(bits, Grid.MID_TREAD) for bits in range(2, 9)),
    *(WeightSpec(bits, Grid.MID_RISE) for bits in range(1, 8)),
]


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("name", ["ds_cnn_s", "stream_250k"])
def test_tflite_micro_agrees_at_every_width(name: str, spec: WeightSpec) -> None:
    graph = untrained_graph("net", load_arch(name).layers(), plan=WeightPlan(spec))
    plain, compressed = tflite_bytes(graph), compressed_tflite_bytes(graph)
    subject = Subject(graph, plain)
    judges = [TfliteMicroJudge(subject)]
    if compressed is not None:
        judges.append(CompressedTfliteMicroJudge(subject, compressed))
        assert len(compressed) < len(plain)
    assert len(judges) == (1 if spec.bits == 8 else 2)
    found = agreement(graph, judges, random_inputs(graph, 2, seed=spec.bits))
    assert [finding.standing for finding in found.findings] == [Standing.AGREES] * (1 + len(judges))


def test_a_file_with_look_up_tables_has_a_judge_of_its_own() -> None:
    graph = GraphBuilder("net", (1, 4)).fully_connected(3).graph()
    names = [judge.name for judge in host_judges(Subject(graph, b""))]
    assert "tflite-micro" in names and "tflite-micro, compressed" not in names
    names = [judge.name for judge in host_judges(Subject(graph, b"", compressed=b"TFL3"))]
    assert names.index("tflite-micro, compressed") == names.index("tflite-micro") + 1


def test_verify_asks_every_judge_about_mixed_widths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    net = GraphBuilder("mixed", (1, 9, 5, 2), seed=3).conv2d(48, (3, 3), bits=8)
    net.depthwise_conv2d((3, 3), bits=4).conv2d(48, bits=1, grid=Grid.MID_RISE).conv2d(40, bits=5)
    path = tmp_path / "mixed.tflite"
    path.write_bytes(tflite_bytes(net.mean().fully_connected(4, bits=2, grid=Grid.MID_RISE).graph()))
    said = subbyte(monkeypatch, capsys, "verify", path, "--samples", 4, "--json")
    judges = {judge["name"]: judge for judge in json.loads(said.out)["judges"]}
    assert said.code == 0
    for name in ("tflite-micro", "tflite-micro, compressed", "C host"):
        assert (judges[name]["standing"], judges[name]["bytes_differing"]) == ("agrees", 0)
    assert "int4 weights of a depthwise convolution" in judges["LiteRT"]["note"]


@pytest.mark.parametrize("spec", [WeightSpec(1, Grid.MID_RISE), WeightSpec(4, Grid.MID_TREAD)], ids=str)
def test_accuracy_and_detection_score_by_bytes_what_packed_weights_say(spec: WeightSpec) -> None:
    """The C that hours of audio go through on this machine keeps every weight in a byte: the same integers."""
    net = GraphBuilder("net", (1, 9, 5, 1), seed=spec.bits).conv2d(6, (3, 3), bits=spec.bits, grid=spec.grid)
    graph = net.mean().fully_connected(4, bits=spec.bits, grid=spec.grid).graph()
    (inputs,) = random_inputs(graph, 50, seed=7).values()
    assert np.array_equal(host_classifier(graph)(inputs), reference_classifier(graph)(inputs))
