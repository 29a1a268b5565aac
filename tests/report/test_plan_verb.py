# SPDX-License-Identifier: Apache-2.0
"""`subbyte plan`: the table, the plan as JSON, and the picture as a file."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from tests.graphs import GraphBuilder
from toolchain.arch.library import builtin_names, load_arch
from toolchain.arch.untrained import untrained_graph
from toolchain.cli.plan import app
from toolchain.core import known_core
from toolchain.errors import ModelError
from toolchain.export.c.kernel_table import KERNELS, first_kernels
from toolchain.graph.plan_check import check_plan
from toolchain.graph.planner import plan_arena
from toolchain.report.arena_map import arena_map, arena_picture


def _run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_table_says_what_is_proven() -> None:
    shown = _run("pless_sweep_wm1.25_5", "ds_cnn_s")
    assert shown.count("proven ") >= 2
    assert "2 of 2 proven optimal." in shown


def test_json_holds_the_whole_plan_and_repeats() -> None:
    first = _run("ds_cnn_s", "--core", "cortex-m0plus", "--json")
    assert first == _run("ds_cnn_s", "--core", "cortex-m0plus", "--json")
    (plan,) = json.loads(first)
    assert plan["proven"] and plan["arena_bytes"] == plan["lower_bound_bytes"]
    assert len(plan["order"]) == len(plan["activations"]) - 1


def test_picture_is_a_file_of_its_own(tmp_path: Path) -> None:
    target = tmp_path / "arena.svg"
    _run("ds_cnn_s", "--svg", str(target))
    root = ElementTree.parse(target).getroot()
    classes = [element.get("class", "") for element in root.iter()]
    assert "bound" in classes and "peak" in classes
    assert any(name.endswith(" over") for name in classes)
    assert any("in place of" in (element.text or "") for element in root.iter() if element.tag.endswith("title"))


def test_views_are_drawn_as_such() -> None:
    net = GraphBuilder("views", (1, 8, 4, 4)).take_rows(4, 4).requantise(scale=0.1)
    graph = net.graph()
    plan = plan_arena(graph)
    drawn = arena_picture(arena_map(graph, plan), "rows <of> an image")
    assert "the same bytes as input" in drawn and ' view"' in drawn
    ElementTree.fromstring(drawn)


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(ModelError, match="ds_cnn_z"):
        CliRunner().invoke(app, ["ds_cnn_z"], catch_exceptions=False)


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0plus", "cortex-m55"])
def test_every_built_in_network_is_proven_optimal(core: str) -> None:
    """With the kernels that the table prefers, whatever they cost."""
    for name in builtin_names():
        arch = load_arch(name)
        graph = untrained_graph(arch.identifier, arch.layers())
        target = known_core(core)
        kernels = {name: choice.kernel for name, choice in first_kernels(graph, target, KERNELS).items()}
        scratch = {op.name: kernels[op.name].scratch_bytes(graph, op) for op in graph.operators}
        promised = {op.name: kernels[op.name].overwrites(graph, op) for op in graph.operators}
        plan = plan_arena(graph, scratch, promised, alignment=target.alignment_bytes)
        assert check_plan(graph, plan, scratch, promised).proven, name
