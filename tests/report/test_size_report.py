# SPDX-License-Identifier: Apache-2.0
"""The size report in all its formats: the same figures, their origin beside them, documents that parse."""

import json
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from tests.graphs import GraphBuilder
from toolchain.budget.limits import Limit
from toolchain.budget.sizes import Part, Region, Sizes
from toolchain.budget.tflite_sizes import tflite_sizes
from toolchain.budget.verdict import Check, Verdict, judge
from toolchain.budget.weight_sizes import weight_sizes
from toolchain.core import known_core
from toolchain.device.linked import Contribution
from toolchain.export.c import c_sources
from toolchain.export.tflm import tflm_sources
from toolchain.graph.cost import count, graph_cost
from toolchain.graph.counting import Rule
from toolchain.graph.tensor import Grid
from toolchain.measure import How, Measure
from toolchain.report.arena_map import arena_map
from toolchain.report.bands_table import bands_report
from toolchain.report.html import report_html
from toolchain.report.junit import verdict_junit
from toolchain.report.size_report import (
    SizeReport,
    layer_table,
    report_json,
    report_markdown,
    sizes_table,
    verdict_table,
)
from toolchain.report.weights_table import tflite_table, weights_table


def _report(*, built: bool = True, allowed: int = 20_000) -> SizeReport:
    """Estimates of a real network; the linked side is made up, so that no compiler is needed here."""
    net = GraphBuilder("kws", (1, 20, 6, 1), seed=2)
    net.conv2d(8, (3, 3), stride=(2, 2)).depthwise_conv2d((3, 3)).conv2d(8, bits=4)
    graph = net.add(net.last).mean().fully_connected(4).graph()
    model = c_sources(graph, known_core("cortex-m4"))
    weights, arena = model.constant_bytes, model.arena_bytes
    cost = graph_cost(graph)

    def linked(n_bytes: int) -> int | None:
        return n_bytes if built else None

    parts = (
        Part("code", Region.FLASH, None, linked(9000), "kernels <and> start-up"),
        Part("weights", Region.FLASH, weights, linked(weights), "the model"),
        Part("arena", Region.RAM, arena, linked(arena), "activations"),
        Part("scratch", Region.RAM, 48, None, "most", within="arena"),
        Part("stack", Region.RAM, 2048, linked(2048), "reserved"),
        Part("deepest calls", Region.RAM, None, linked(304), "used", within="stack"),
    )
    sizes = Sizes(parts, ("Deepest calls: start > main.",))
    figures = sizes.measures() | {"macs": Measure("macs", cost.macs, "MAC", How.ESTIMATED)}
    limits = [Limit("macs", 10**6, "MAC", "budget.toml")]
    if built:
        limits += [Limit("flash_bytes", allowed, "B", "budget.toml"), Limit("ram_bytes", 8192, "B", "board x")]
    return SizeReport(
        model="kws",
        graph_sha256=graph.sha256,
        board="mps2-an386",
        core="cortex-m4",
        cost=cost,
        code=model.layers,
        weights=weight_sizes(graph, model.layers),
        tflite=tflite_sizes(graph, known_core("cortex-m4")),
        bands=bands_report(model),
        counts=tuple(count(graph, rule) for rule in Rule),
        arena=arena_map(graph, model.plan),
        sizes=sizes,
        contributions=(Contribution("kernels", 9000, 28, 0),) if built else (),
        verdict=judge(limits, figures, cost),
    )


class _Balanced(HTMLParser):
    """Collects addresses and open elements; void ones of HTML are not pushed."""

    VOID = frozenset({"meta", "link", "br", "img", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("built", [True, False])
def test_html_is_one_balanced_document_that_needs_no_network(built: bool) -> None:
    text = report_html(_report(built=built))
    parser = _Balanced()
    parser.feed(text)
    assert parser.open == []
    assert parser.links == [] and "<script" not in text and "url(" not in text and "@import" not in text
    assert ("Where the memory goes" in text) is built
    assert "within its limits" in text


def test_html_says_what_is_over_and_escapes_what_it_is_told() -> None:
    text = report_html(_report(allowed=100))
    assert "over its limits" in text and "flash_bytes" in text and "fewer or narrower weights" in text
    assert "kernels &lt;and&gt; start-up" in text and "kernels <and>" not in text


def test_no_column_holds_two_origins() -> None:
    report = _report(allowed=100)
    for table in (sizes_table(report.sizes), verdict_table(report.verdict)):
        hows = [column.how for column in table.columns]
        assert How.ESTIMATED in hows and How.LINKED in hows
    rows = {row.cells[0]: row.cells for row in verdict_table(report.verdict).rows}
    assert rows["macs"][2] == report.cost.macs and rows["macs"][3] is None
    flash = report.sizes.linked_bytes(Region.FLASH)
    assert rows["flash_bytes"][2] is None and rows["flash_bytes"][3] == flash
    assert rows["flash_bytes"][5] == f"OVER by {flash - 100:,} B"


def test_layers_show_storage_beside_container_and_all_their_flash() -> None:
    report = _report()
    lines = [row.cells for row in layer_table(report.cost, report.code).rows]
    assert lines[2][6:9] == (4, 32, 64)
    assert lines[-2][1] == "total" and lines[-2][5] == report.cost.macs
    assert lines[-2][9] == report.sizes.part("weights").estimated


def test_weights_show_what_each_output_holds_and_in_which_form() -> None:
    report = _report()
    table = weights_table(report.weights)
    rows = {row.cells[0]: row.cells for row in table.rows}
    narrow, whole = rows["conv2d_2"], rows["conv2d_0"]
    assert narrow[1:5] == (4, "mid-tread", 64, 32) and whole[1:5] == (8, "mid-tread", 72, 72)
    assert narrow[6:] == (32, "int4", 32, "int4", 32, "int4") and whole[6:] == (72, "int8", 72, "int8", 72, "int8")
    for row, layer in zip(report.weights, (layer for layer in report.code if layer.macs), strict=True):
        assert row.c_bytes == sum(c.n_bytes for c in layer.constants if c.role == "weights")  # the generator's own
    assert rows["total"][3] == report.cost.weight_container_bytes
    assert rows["total"][4] == report.cost.weight_storage_bytes
    assert [each["tflite_form"] for each in report_json(report)["weights"]] == ["int8", "int8", "int4", "int8"]


def test_large_narrow_weights_show_their_look_up_table() -> None:
    graph = GraphBuilder("net", (1, 4, 4, 64)).conv2d(64, bits=1, grid=Grid.MID_RISE).graph()
    (size,) = weight_sizes(graph, c_sources(graph, known_core("cortex-m4")).layers)
    assert (size.tflite_bytes, size.tflite_form, size.onnx_bytes, size.onnx_bits) == (2048, "int4", 1024, 2)
    assert (size.compressed_bytes, size.compressed_form) == (512 + 18, "table")


def test_look_up_tables_stand_with_the_ram_that_they_cost() -> None:
    core = known_core("cortex-m4")
    graph = GraphBuilder("net", (1, 4, 4, 64)).conv2d(64, bits=2, grid=Grid.MID_RISE, per_channel=False).graph()
    plain, compressed = tflite_sizes(graph, core)
    assert compressed.file_bytes == len(tflm_sources(graph, core, compress=True).tflite) < plain.file_bytes
    assert compressed.arena_bytes > 2 * 4 * 4 * 64 + 64 * 64  # input, output and the decoded weights
    assert [row.cells[1:] for row in tflite_table((plain, compressed)).rows] == [
        (plain.file_bytes, plain.arena_bytes),
        (compressed.file_bytes, compressed.arena_bytes),
    ]
    assert [size.weights for size in _report().tflite] == ["int8 and int4"]


def test_what_tflite_cannot_say_has_no_figures() -> None:
    graph = GraphBuilder("net", (1, 5, 5, 2)).average_pool2d((3, 3), padding=(2, 0, 0, 0)).graph()
    assert tflite_sizes(graph, known_core("cortex-m4")) == ()


def test_markdown_holds_every_part() -> None:
    report = _report()
    text = report_markdown(report)
    for needed in (
        "Limits",
        "Firmware",
        "Layers, estimated",
        "Weights in each output, estimated",
        "TFLite Micro instead, estimated",
        "Counting rules",
        "Arena over time",
        "Where it comes from",
        "Deepest calls: start > main",
    ):
        assert needed in text
    assert f"{report.cost.macs:,}" in text


def test_json_names_the_origin_of_each_figure() -> None:
    value = json.loads(json.dumps(report_json(_report()), allow_nan=False))
    assert value["board"] == "mps2-an386" and value["core"] == "cortex-m4" and value["ok"] is True
    parts = [part for part in value["parts"] if part["within"] is None]
    assert value["flash_bytes"] == sum(part["linked"] for part in parts if part["memory"] == "flash")
    assert value["ram_bytes"] == value["arena_bytes"] + 2048 and value["stack_bytes"] == 304
    assert value["how"]["flash_bytes"] == "linked" and value["how"]["layers"] == "estimated"
    assert {"name", "op", "macs", "output_shape", "weight_bytes", "activation_bytes"} <= set(value["layers"][0])


def test_json_without_a_build_has_estimates_alone() -> None:
    value = report_json(_report(built=False))
    assert value["flash_bytes"] is None and value["ram_bytes"] is None and "flash_bytes" not in value["how"]
    assert value["arena_bytes"] == value["arena"]["bytes"] and value["how"]["arena_bytes"] == "estimated"
    assert (value["stack_bytes"], value["how"]["stack_bytes"]) == (2048, "estimated")


def test_junit_has_one_case_a_limit_and_a_failure_for_each_that_is_over() -> None:
    root = ElementTree.fromstring(verdict_junit(_report(allowed=100).verdict, "kws on x").encode())
    assert (root.get("tests"), root.get("failures")) == ("3", "1")
    (failure,) = root.iter("failure")
    assert "must be <= 100" in failure.get("message", "") and "fewer or narrower" in (failure.text or "")
    clean = ElementTree.fromstring(verdict_junit(_report().verdict, "kws on x").encode())
    assert clean.get("failures") == "0" and list(clean.iter("failure")) == []


def test_junit_writes_a_share_without_a_unit() -> None:
    accuracy = Check(
        Limit("accuracy", 0.99, "", "budget.toml", at_least=True), Measure("accuracy", 0.9, "", How.MEASURED)
    )
    written = verdict_junit(Verdict((accuracy,), ()), "kws on x")
    assert ">0.9 measured, must be &gt;= 0.99<" in written
