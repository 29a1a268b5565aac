# SPDX-License-Identifier: Apache-2.0
"""`subbyte verify` and `subbyte export`: what they write, what they refuse, how they fail."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.command import Said, subbyte
from tests.graphs import GraphBuilder, random_inputs
from tests.models import audio_model, tiny_model
from tests.projects import tiny_graph
from toolchain.cli import export as export_module
from toolchain.cli import verify as verify_module
from toolchain.device.build import DoesNotFitError
from toolchain.export.tflite import tflite_bytes
from toolchain.graph.graph import Graph
from toolchain.graph.model import load_model, load_model_info
from toolchain.graph.reference import run_batch
from toolchain.verify.judge import DoesNotFitHereError, Subject
from toolchain.verify.judges.c_host import CHostJudge
from toolchain.verify.panel import board_judges


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """`command("verify", ...)` -> Said."""

    def run(*arguments: object) -> Said:
        return subbyte(monkeypatch, capsys, *arguments)

    return run


def _broken_judges(subject: Subject) -> tuple[CHostJudge, ...]:
    """Generated C of a network in which one bias is off by a thousand."""
    bias = next(tensor for tensor in subject.graph.constants() if tensor.bits == 32)
    changed = replace(bias, data=bias.array + 1000)
    tensors = tuple(changed if tensor is bias else tensor for tensor in subject.graph.tensors)
    return (CHostJudge(Subject(replace(subject.graph, tensors=tensors), subject.tflite)),)


def test_json_names_every_judge_and_they_agree(tmp_path: Path, command) -> None:
    said = command("verify", tiny_model(tmp_path), "--samples", 5, "--seed", 3, "--json")
    value = json.loads(said.out)
    assert said.code == 0 and value["ok"] is True and value["samples"] == 5
    names = [judge["name"] for judge in value["judges"]]
    assert names[:2] == ["reference", "ONNX Runtime"] and {"C host", "tflite-micro"} <= set(names)
    keys = {"name", "bytes_compared", "bytes_differing", "max_difference", "first_differing_layer"}
    assert all(keys <= set(judge) for judge in value["judges"])


def test_a_judge_that_differs_makes_exit_1_and_names_the_layer(
    tmp_path: Path, command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_module, "host_judges", _broken_judges)
    said = command("verify", tiny_model(tmp_path), "--samples", 4)
    (line,) = (line for line in said.out.splitlines() if line.startswith("C host"))
    assert said.code == 1 and line.endswith("differs")
    assert load_model(tmp_path / "tiny.tflite").operators[0].name in line


@pytest.mark.arm
@pytest.mark.emulated
@pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm")
def test_boards_stand_in_the_same_table(tmp_path: Path, command) -> None:
    said = command("verify", tiny_model(tmp_path), "--samples", 3, "--board", "mps2-an385,mps2-an505")
    assert said.code == 0
    assert "mps2-an385, cortex-m3" in said.out and "mps2-an505, cortex-m33" in said.out


def _too_large_for_microbit() -> Graph:
    return GraphBuilder("wide", (1, 32, 32, 1), seed=2).conv2d(20, (1, 1)).mean().graph()


@pytest.mark.arm
@pytest.mark.emulated
@pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm")
def test_a_board_that_is_too_small_fails_only_where_it_was_named(tmp_path: Path, command) -> None:
    model = tmp_path / "wide.tflite"
    model.write_bytes(tflite_bytes(_too_large_for_microbit()))
    said = command("verify", model, "--samples", 2, "--board", "mps2-an386,microbit", "--json")
    standings = {judge["name"]: judge["standing"] for judge in json.loads(said.out)["judges"]}
    assert said.code == 1
    assert (standings["mps2-an386, cortex-m4"], standings["microbit, cortex-m0"]) == ("agrees", "failed")
    said = command("verify", model, "--samples", 2, "--board", "all")
    (line,) = (line for line in said.out.splitlines() if line.startswith("microbit, cortex-m0 "))
    assert said.code == 0 and line.endswith("does not fit") and "wide does not fit microbit: " in said.out


@pytest.mark.parametrize(
    ("names", "must_fit"), [(("all",), False), (("all", "microbit"), True), (("microbit, all",), True)]
)
def test_all_does_not_excuse_a_board_that_was_named(names: tuple[str, ...], must_fit: bool) -> None:
    graph = _too_large_for_microbit()
    judges = board_judges(Subject(graph, tflite_bytes(graph)), names)
    (judge,) = (judge for judge in judges if judge.name.startswith("microbit,"))
    with pytest.raises(DoesNotFitError if must_fit else DoesNotFitHereError, match="wide does not fit microbit"):
        judge.run(random_inputs(graph, 1))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--board", "nrf52840-dk"), "board nrf52840-dk has no emulator"),
        (("--board", "mps2"), "unknown board 'mps2'"),
        (("--data", "speech"), "its file does not say how sound becomes its input"),
    ],
)
def test_what_cannot_be_asked_is_one_line(tmp_path: Path, command, options: tuple[str, ...], text: str) -> None:
    said = command("verify", tiny_model(tmp_path), "--samples", 2, *options)
    assert said.code == 2 and said.out == "" and text in said.err and said.err.count("\n") == 1


def test_export_writes_files_that_mean_the_same_network(tmp_path: Path, command) -> None:
    out = tmp_path / "out"
    said = command("export", audio_model(tmp_path), "-o", out, "--samples", 3)
    assert said.code == 0
    info = load_model_info(out / "model.tflite")
    before = load_model_info(tmp_path / "ears.tflite")
    assert (info.labels, info.feature_spec, info.normalisation) == (
        before.labels,
        before.feature_spec,
        before.normalisation,
    )
    inputs = random_inputs(before.graph, 4)
    expected = run_batch(before.graph, inputs)[before.graph.outputs[0]]
    answered = run_batch(info.graph, {info.graph.inputs[0]: inputs[before.graph.inputs[0]]})[info.graph.outputs[0]]
    assert np.array_equal(answered, expected)
    manifest = json.loads((out / "graph.json").read_text(encoding="utf-8"))
    assert manifest["graph_sha256"] == before.graph.sha256
    assert [op["op"] for op in manifest["operators"]] == [op.kind for op in before.graph.operators]
    assert {op["rounding"] for op in manifest["operators"]} <= {"never", "twice", "once, in the division"}
    assert "g_ears_model_data" in (out / "tflm/model/ears_model_data.h").read_text(encoding="utf-8")
    assert json.loads((out / "agreement.json").read_text(encoding="utf-8"))["ok"] is True
    assert "| tflite-micro |" in (out / "agreement.md").read_text(encoding="utf-8")


def test_export_compress_writes_the_file_with_look_up_tables_beside(tmp_path: Path, command) -> None:
    net = GraphBuilder("narrow", (1, 6, 5, 3), seed=1).conv2d(64, (3, 3), bits=2).conv2d(64, bits=2, per_channel=False)
    model, out = tmp_path / "narrow.tflite", tmp_path / "out"
    model.write_bytes(tflite_bytes(net.graph()))
    said = command("export", model, "-o", out, "--samples", 3, "--compress", "--json")
    value = json.loads(said.out)
    standings = {judge["name"]: judge["standing"] for judge in value["judges"]}
    assert said.code == 0 and standings["tflite-micro, compressed"] == standings["LiteRT"] == "agrees"
    assert value["files"]["model_compressed.tflite"] < value["files"]["model.tflite"]
    assert load_model(out / "model_compressed.tflite").sha256 == load_model(model).sha256
    assert "resolver.AddDecode()" in (out / "tflm/model/narrow_op_resolver.h").read_text(encoding="utf-8")
    assert "--compress" in (out / "tflm/model/model.h").read_text(encoding="utf-8")


def test_export_compress_of_a_small_network_is_one_clear_error(tmp_path: Path, command) -> None:
    said = command("export", tiny_model(tmp_path), "-o", tmp_path / "out", "--compress")
    assert said.code == 2 and said.out == "" and said.err.count("\n") == 1
    assert "no weight tensor gets smaller as a look-up table" in said.err and not (tmp_path / "out").exists()


def test_exporting_twice_gives_the_same_bytes(tmp_path: Path, command) -> None:
    model = tiny_model(tmp_path)
    for name in ("one", "two"):
        assert command("export", model, "-o", tmp_path / name, "--samples", 2).code == 0
    one, two = (
        {str(path.relative_to(tmp_path / name)): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("one", "two")
    )
    assert one == two and "graph.json" in one


def test_nothing_is_exported_where_judges_differ(tmp_path: Path, command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_module, "host_judges", _broken_judges)
    said = command("export", tiny_model(tmp_path), "-o", tmp_path / "out")
    assert said.code == 1 and "nothing written: the judges do not agree" in said.out
    assert not (tmp_path / "out").exists()


def test_the_manifest_of_a_graph_states_every_tensor_once() -> None:
    graph = tiny_graph()
    value = export_module.graph_manifest(graph)
    assert [tensor["name"] for tensor in value["tensors"]] == [tensor.name for tensor in graph.tensors]
    constants = [tensor for tensor in value["tensors"] if "data_sha256" in tensor]
    assert len(constants) == len(list(graph.constants()))
