# SPDX-License-Identifier: Apache-2.0
"""The generated C: what it computes on whole networks, what it is made of, and what it refuses."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.graphs import GraphBuilder, random_graph, random_inputs
from toolchain.core import known_core
from toolchain.device.host import HostModel, host_compiler
from toolchain.errors import ModelError
from toolchain.export.c import CModel, c_sources
from toolchain.export.c.kernel_table import KERNELS
from toolchain.graph.graph import Graph
from toolchain.graph.reference import run, run_batch
from toolchain.graph.tflite_in import read_tflite

M4, M0 = known_core("cortex-m4"), known_core("cortex-m0plus")


def _small(name: str = "small") -> GraphBuilder:
    net = GraphBuilder(name, (1, 10, 4, 1), seed=7)
    net.conv2d(8, (3, 3), stride=(2, 1)).depthwise_conv2d().conv2d(6).average_pool2d((5, 4))
    return net.reshape((1, 6)).fully_connected(3).softmax()


def _differing(graph: Graph, model: CModel, count: int = 12, *, sanitize: bool = False) -> dict[str, int]:
    inputs = random_inputs(graph, count, seed=count)
    expected, found = run_batch(graph, inputs), HostModel(model, sanitize=sanitize).run(inputs)
    return {name: n for name in graph.outputs if (n := int((expected[name] != found[name]).sum()))}


@pytest.mark.parametrize("seed", range(100, 112))
def test_random_network_equals_the_reference(seed: int) -> None:
    graph = random_graph(seed)
    for core in (M4, M0):
        assert _differing(graph, c_sources(graph, core)) == {}, f"seed {seed}, {core.name}"


@pytest.mark.parametrize("seed", range(200, 203))
def test_random_network_is_clean_under_the_sanitizers(seed: int) -> None:
    graph = random_graph(seed)
    for core in (M4, M0):
        assert _differing(graph, c_sources(graph, core), 4, sanitize=True) == {}, f"seed {seed}, {core.name}"


def test_every_layer_can_be_traced() -> None:
    graph = _small().graph()
    one = {name: value[0] for name, value in random_inputs(graph, 3).items()}
    values = run(graph, one)
    for core in (M4, M0):
        layers = HostModel(c_sources(graph, core)).layers(one)
        assert [layer.tolist() for layer in layers] == [values[op.writes[0]].tolist() for op in graph.operators]


@pytest.mark.parametrize("name", ["kws_ref_model", "pretrainedResnet_quant"])
def test_real_models_are_exact(shared_data: Path, name: str) -> None:
    graph = read_tflite(shared_data / "models" / f"{name}.tflite")
    for core in (M4, M0):
        assert _differing(graph, c_sources(graph, core), 10) == {}


def test_one_run_does_not_depend_on_the_one_before() -> None:
    """The arena is not cleared between runs; nothing may be read before it is written."""
    graph = _small().graph()
    inputs = random_inputs(graph, 6)["input"]
    host = HostModel(c_sources(graph, M4))
    together = host.run(inputs)
    assert np.array_equal(together[::-1], host.run(inputs[::-1]))


def test_several_inputs_and_outputs_keep_their_names() -> None:
    net = GraphBuilder("pair", (1, 4, 4, 3), seed=5)
    net.input("right/ear", (1, 4, 4, 3), scale=0.02, zero_point=9)
    net.back_to("input").add("right/ear", scale=0.05)
    left = net.last
    graph = net.mean(scale=0.05).graph(left, "mean_1_out")
    model = c_sources(graph, M4)
    assert _differing(graph, model) == {}
    header = model.sources["model/model.h"]
    for text in (
        "int8_t *pair_input_input(void);",
        "int8_t *pair_right_ear_input(void);",
        "const int8_t *pair_add_0_out_output(void);",
        "#define PAIR_RIGHT_EAR_INPUT_ZERO_POINT (9)",
        "void pair_predict(const int8_t *input_input, const int8_t *right_ear_input, "
        "int8_t *add_0_out_output, int8_t *mean_1_out_output);",
    ):
        assert text in header


def test_input_can_be_an_output() -> None:
    net = GraphBuilder("through", (1, 2, 2, 3), seed=1)
    graph = net.requantise(scale=0.1).graph("input", "requantise_0_out")
    assert _differing(graph, c_sources(graph, M4)) == {}


def test_same_graph_gives_the_same_bytes() -> None:
    assert c_sources(_small().graph(), M4).sources == c_sources(_small().graph(), M4).sources


def test_text_knows_no_date_and_no_path() -> None:
    for name, text in c_sources(_small().graph(), M4).sources.items():
        assert not re.search(r"\b20\d\d-\d\d|/home|/tmp|/work", text), name
        assert all(len(line) <= 140 and line == line.rstrip() for line in text.splitlines()), name
        assert text.endswith("\n") and not text.endswith("\n\n") and "\n\n\n" not in text, name


def test_only_the_kernels_that_are_called_come_along() -> None:
    model = c_sources(_small().graph(), M0, table=KERNELS)
    assert model.kernels == (
        "sb_average_pool2d_s8.c",
        "sb_clamp_s8.c",
        "sb_conv2d_1x1_s8_scalar.c",
        "sb_conv2d_s8_scalar.c",
        "sb_depthwise_conv2d_s8_scalar.c",
        "sb_four_pixels_s8_scalar.c",
        "sb_fully_connected_s8_scalar.c",
        "sb_softmax_s8.c",
    )
    assert "kernels/sb_dsp.h" not in model.sources
    assert set(model.sources) >= {f"kernels/{file}" for file in model.kernels}


def test_constants_that_layers_share_are_there_once() -> None:
    net = GraphBuilder("twins", (1, 6, 6, 4), scale=0.05, zero_point=3, seed=2)
    weights = np.random.default_rng(0).integers(-99, 99, (4, 4))
    same = {"weights": weights, "bias": [1, 2, 3, 4], "per_channel": False, "scale": 0.05, "zero_point": 3}
    graph = net.conv2d(4, **same).conv2d(4, **same).graph()
    model = c_sources(graph, M4, table=KERNELS)
    first, second = model.layers
    assert [constant.role for constant in first.constants] == ["weights", "channels", "layer"]
    assert "weights" not in [constant.role for constant in second.constants]
    assert model.sources["model/weights.c"].count(".weights = twins_conv2d_0_weights,") == 2
    assert _differing(graph, model) == {}


def test_fast_kernel_that_is_passed_over_says_why() -> None:
    graph = GraphBuilder("steep", (1, 4, 4, 4), seed=2).conv2d(4, scale=1e-5).graph()
    layer = c_sources(graph, M4, table=KERNELS).layers[0]
    assert layer.kernel == "sb_conv2d_1x1_s8_dsp"
    reason = dict(layer.passed_over)["sb_conv2d_1x1_paired_s8_dsp"]
    assert reason.startswith("a channel's scale is at least half the output's")
    assert dict(c_sources(graph, M0, table=KERNELS).layers[0].passed_over)["sb_conv2d_1x1_paired_s8_dsp"] == (
        "cortex-m0plus has no DSP instructions"
    )


def test_convolution_behind_a_relu_takes_straight_lines() -> None:
    net = GraphBuilder("lines", (1, 4, 4, 8), seed=2).conv2d(8, zero_point=-128).conv2d(8, (3, 3), zero_point=5)
    model = c_sources(net.graph(), M4, table=KERNELS)
    assert [layer.kernel for layer in model.layers] == ["sb_conv2d_1x1_paired_relu_s8_dsp", "sb_conv2d_paired_s8_dsp"]
    assert "static const sb_line lines_conv2d_0_lines[8]" in model.sources["model/weights.c"]
    assert dict(model.layers[1].passed_over)["sb_conv2d_paired_relu_s8_dsp"] == (
        "a channel's way from sum to output is no straight line"
    )


def test_manifest_says_what_was_made_of_what() -> None:
    graph = _small().graph()
    manifest = c_sources(graph, M4, table=KERNELS).manifest
    assert manifest["graph_sha256"] == graph.sha256
    assert [layer["rounding"] for layer in manifest["layers"]] == [
        *("twice",) * 3, "once, in the division", "never", "twice", "twice",
    ]  # fmt: skip
    assert manifest["layers"][0]["kernel"] == "sb_conv2d_paired_s8_dsp"
    assert manifest["arena_bytes"] == manifest["arena_lower_bound_bytes"] == 496


@pytest.mark.parametrize(
    ("name", "prefix"), [("int", "int"), ("sb", "net_sb"), ("Kws", "kws"), ("frontend_2", "net_frontend_2")]
)
def test_awkward_names_of_networks_become_identifiers(name: str, prefix: str) -> None:
    graph = replace(_small().graph(), name=name)
    model = c_sources(graph, M4)
    assert model.prefix == prefix and f"void {prefix}_run(void);" in model.sources["model/model.h"]
    assert _differing(graph, model, 2) == {}


def test_awkward_names_of_layers_do_not_meet() -> None:
    graph = _small().graph()
    names = ["run", "input", "conv weights", "conv/weights", "*/ int x; /*", "", "weights"]
    renamed = tuple(replace(op, name=name) for op, name in zip(graph.operators, names, strict=True))
    graph = replace(graph, operators=renamed)
    model = c_sources(graph, M4)
    symbols = [constant.symbol for constant in model.constants]
    assert len(symbols) == len(set(symbols)) and "small_conv_weights_2_layer" in symbols
    assert _differing(graph, model, 2) == {}


def test_layer_beyond_the_kernels_is_refused_by_name() -> None:
    wide = GraphBuilder("wide", (1, 1, 70000, 1), seed=2).max_pool2d((1, 2)).graph()
    with pytest.raises(ModelError, match=r"layer wide_maxpool2d_0: input_w is 70000, the C kernels hold 0\.\.65535"):
        c_sources(wide, M4)
    net = GraphBuilder("many", (1, 140_000), seed=2)
    with pytest.raises(
        ModelError, match=r"fullyconnected_0: no C kernel .*140000 products an output, more than 131071"
    ):
        c_sources(net.fully_connected(1, scale=1e-4).graph(), M0)


def test_wrong_inputs_of_the_host_are_refused() -> None:
    graph = _small().graph()
    host = HostModel(c_sources(graph, M4))
    with pytest.raises(ModelError, match=r"input input must be int8 \[N, 1, 10, 4, 1\], not nothing"):
        host.run({})
    with pytest.raises(ModelError, match=r"not int16 \[1, 1, 10, 4, 1\]"):
        host.run({"input": np.zeros((1, 1, 10, 4, 1), np.int16)})  # type: ignore[dict-item]
    assert host.run(np.zeros((3, 10, 4), np.int8)).shape == (3, 1, 3)
    assert host.run(np.zeros((0, 10, 4), np.int8)).shape == (0, 1, 3)


def test_two_models_fit_into_one_program(tmp_path: Path) -> None:
    """Same file names, other folders; kernels once."""
    compiler = host_compiler()
    assert compiler is not None
    main = ["#include <stdint.h>"]
    objects = []
    for prefix in ("first", "second"):
        model = c_sources(replace(_small().graph(), name=prefix), M4)
        for path, text in model.sources.items():
            target = tmp_path / (prefix if path.startswith("model") else ".") / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        objects += [str(tmp_path / prefix / "model" / file) for file in ("model.c", "weights.c")]
        main.append(f'#include "{prefix}/model/model.h"')
    kernels = [str(tmp_path / "kernels" / file) for file in model.kernels]
    main.append("int main(void) { first_run(); second_run(); return first_output()[0] != second_output()[0]; }")
    (tmp_path / "main.c").write_text("\n".join(main))
    command = [compiler.path, "-std=c11", f"-I{tmp_path}", str(tmp_path / "main.c"), *objects, *kernels]
    subprocess.run([*command, "-o", str(tmp_path / "program")], check=True)
    assert subprocess.run([tmp_path / "program"]).returncode == 0
