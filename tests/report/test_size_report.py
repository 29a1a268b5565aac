# SPDX-License-Identifier: Apache-2.0
"""The size report in all its formats: the same figures, their origin beside them, documents that parse."""

import json
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from tests.graphs import GraphBuilder
from toolchain.budget.limits import Limit
from toolchain.budget.sizes import Part, Region, Sizes
from toolchain.budget.verdict import judge
from toolchain.graph.cost import count, graph_cost
from toolchain.graph.counting import Rule
from toolchain.measure import How, Measure
from toolchain.report.arena_map import ArenaMap, Block
from toolchain.report.html import report_html
from toolchain.report.junit import verdict_junit
from toolchain.report.size_report import (
    SizeReport,
    layer_table,
    report_json,
    report_markdown,
    report_text,
    sizes_table,
    verdict_table,
)


def _report(*, built: bool = True, allowed: int = 20_000) -> SizeReport:
    net = GraphBuilder("kws", (1, 20, 6, 1), seed=2)
    net.conv2d(8, (3, 3), stride=(2, 2)).depthwise_conv2d((3, 3)).conv2d(8, bits=4)
    graph = net.add(net.last).mean().fully_connected(4).graph()
    cost = graph_cost(graph)
    parts = (
        Part("code", Region.FLASH, None, 9000 if built else None, "kernels <and> start-up"),
        Part("weights", Region.FLASH, cost.constant_bytes, cost.constant_bytes if built else None, "the model"),
        Part("arena", Region.RAM, 480, 480 if built else None, "activations"),
        Part("stack", Region.RAM, None, 2048 if built else None, "reserved"),
    )
    sizes = Sizes(parts)
    figures = sizes.measures() | {"macs": Measure("macs", cost.macs, "MAC", How.ESTIMATED)}
    limits = [Limit("macs", 10**6, "MAC", "budget.toml")]
    if built:
        limits += [Limit("flash_bytes", allowed, "B", "budget.toml"), Limit("ram_bytes", 4096, "B", "board x")]
    arena = ArenaMap(480, tuple(op.name for op in graph.operators), (Block("input", 0, 120, 0, 0),))
    counts = tuple(count(graph, rule) for rule in Rule)
    return SizeReport(
        "kws", graph.sha256, "mps2-an386", "cortex-m4", cost, counts, arena, sizes, judge(limits, figures, cost), built
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
    assert rows["flash_bytes"][2] is None and rows["flash_bytes"][3] == 9000 + report.cost.constant_bytes
    assert rows["flash_bytes"][5] == f"OVER by {9000 + report.cost.constant_bytes - 100:,} B"


def test_layers_show_storage_beside_container() -> None:
    report = _report()
    lines = [row.cells for row in layer_table(report.cost).rows]
    assert lines[2][6:9] == (4, 32, 64)
    assert lines[-1][1] == "total" and lines[-1][5] == report.cost.macs


def test_text_and_markdown_hold_every_part() -> None:
    report = _report()
    for text in (report_text(report), report_markdown(report)):
        for needed in ("Limits", "Firmware", "Layers, estimated", "Counting rules", "Arena over time, 480 B"):
            assert needed in text
        assert f"{report.cost.macs:,}" in text
    assert max(map(len, report_text(report).splitlines())) > 100


def test_json_names_the_origin_of_each_figure() -> None:
    value = json.loads(json.dumps(report_json(_report()), allow_nan=False))
    assert value["board"] == "mps2-an386" and value["core"] == "cortex-m4" and value["ok"] is True
    assert value["flash_bytes"] == sum(part["linked"] for part in value["parts"] if part["memory"] == "flash")
    assert value["ram_bytes"] == 480 + 2048 and value["stack_bytes"] == 2048
    assert value["how"]["flash_bytes"] == "linked" and value["how"]["layers"] == "estimated"
    assert {"name", "op", "macs", "output_shape", "weight_bytes", "activation_bytes"} <= set(value["layers"][0])


def test_json_without_a_build_has_estimates_alone() -> None:
    value = report_json(_report(built=False))
    assert value["flash_bytes"] is None and value["ram_bytes"] is None and value["stack_bytes"] is None
    assert value["arena_bytes"] == 480 and value["how"]["arena_bytes"] == "estimated"
    assert "flash_bytes" not in value["how"]


def test_junit_has_one_case_a_limit_and_a_failure_for_each_that_is_over() -> None:
    root = ElementTree.fromstring(verdict_junit(_report(allowed=100).verdict, "kws on x").encode())
    assert (root.get("tests"), root.get("failures")) == ("3", "1")
    (failure,) = root.iter("failure")
    assert "must be <= 100" in failure.get("message", "") and "fewer or narrower" in (failure.text or "")
    clean = ElementTree.fromstring(verdict_junit(_report().verdict, "kws on x").encode())
    assert clean.get("failures") == "0" and list(clean.iter("failure")) == []
