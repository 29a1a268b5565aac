# SPDX-License-Identifier: Apache-2.0
"""The page and the picture: from results alone, the same each time, no column of two origins."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from tests.bench.results import layer, result, two_networks
from toolchain.bench.kinds import LayerKind
from toolchain.bench.likeness import likenesses
from toolchain.bench.peers import Metric, known_peers
from toolchain.bench.record import Comparison, Difference
from toolchain.bench.result import Bench, Origin
from toolchain.measure import How
from toolchain.report.bench_page import bench_page
from toolchain.report.bench_plot import bench_svg
from toolchain.report.bench_tables import comparison_table, likeness_table, memory_table, per_mac_table, speed_table
from toolchain.report.table import to_text


def kws_bench() -> Bench:
    """A network with peers' figures on four cores, at half of the peer's instructions."""
    stem = layer("stem", LayerKind.FIRST, 40, 1000, 3922.38)
    on = ("cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
    bench = two_networks()
    return replace(bench, results=tuple(result("kws_ref_model", Origin.NAMED, stem, core=core) for core in on))


def test_our_columns_and_the_peers_name_their_origins() -> None:
    table = speed_table(kws_bench(), known_peers(), "kws_ref_model")
    hows = {(column.title, column.unit): column.how for column in table.columns}
    assert hows["Subbyte", "instructions"] is How.EMULATED
    assert hows["Subbyte", "cycles"] is How.ESTIMATED
    assert hows["TFLite Micro + CMSIS-NN", "instructions"] is How.EMULATED
    assert hows["ST, closed engine", "cycles per MAC"] is How.PUBLISHED
    by_core = {row.cells[0]: row.cells for row in table.rows}
    assert by_core["M4"][-1] == "50%" and 7_844_763 in by_core["M4"] and "1.95" in by_core["M4"]
    assert by_core["M7"][-1] is None


def test_flash_of_the_peer_is_runtime_and_model() -> None:
    (row,) = memory_table(kws_bench(), known_peers()).rows
    assert row.cells[3:5] == (60_400 + 53_936, 46_100 + 53_936)


def test_a_network_that_was_not_measured_on_a_core_has_an_empty_cell() -> None:
    bench = two_networks()
    table = per_mac_table(replace(bench, results=bench.results[:-1]), Metric.CYCLES)
    assert table.rows[1].cells[-1] is None and table.rows[0].cells[-1] is not None


def test_the_page_says_what_fails() -> None:
    good, slow = bench_page(two_networks(), known_peers()), bench_page(two_networks(factor=1.5), known_peers())
    assert "**4 pairs of core and kind, 0 over 1.25.** Each network by itself: 4 comparisons, 0 over it." in good
    assert "**4 pairs of core and kind, 4 over 1.25.** Each network by itself: 4 comparisons, 4 over it." in slow
    assert "slower" in slow and "slower" not in good
    assert "None of the networks that peers have figures for was there" in bench_page(
        Bench("tools", "", ()), known_peers()
    )


def test_the_page_is_the_same_each_time_and_has_no_date_and_no_path() -> None:
    page = bench_page(kws_bench(), known_peers())
    assert page == bench_page(kws_bench(), known_peers())
    assert not re.search(r"/(work|home|tmp|root)/", page)
    for row in re.findall(r"^\|.*\|$", page, flags=re.MULTILINE):
        assert row.count("|") >= 3


def test_every_table_of_the_page_has_rows_of_one_width() -> None:
    width = None
    for line in bench_page(two_networks(), known_peers()).splitlines():
        if not line.startswith("|"):
            width = None
            continue
        columns = len(re.findall(r"(?<!\\)\|", line))
        assert width in (None, columns), line
        width = columns


def test_the_picture_is_xml_with_both_schemes_and_no_script() -> None:
    picture = bench_svg(kws_bench(), known_peers())
    root = ElementTree.fromstring(picture)
    assert root.tag.endswith("svg") and "prefers-color-scheme: dark" in picture and "<script" not in picture
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert {"M4", "M33", "M55", "flash", "RAM", "cycles", "50%"} <= set(texts)
    assert "M7" not in texts  # nobody's figure is known


def test_bars_stay_within_the_picture() -> None:
    bench = kws_bench()
    slow = tuple(replace(one, instructions=one.instructions * 9, stack=90_000) for one in bench.results)
    root = ElementTree.fromstring(bench_svg(replace(bench, results=slow), known_peers()))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for element in root.iter():
        if element.tag.endswith("rect"):
            right = float(element.attrib.get("x", 0)) + float(element.attrib["width"])
            bottom = float(element.attrib.get("y", 0)) + float(element.attrib["height"])
            assert right <= width and bottom <= height
    assert 'class="share over"' in bench_svg(replace(bench, results=slow), known_peers())


def test_a_picture_without_named_networks_is_a_picture_still() -> None:
    ElementTree.fromstring(bench_svg(two_networks(), known_peers()))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Comparison(3, (), ()), "3 results compared: every figure is the same"),
        (Comparison(3, (Difference("net", "cortex-m4", "arena", 1, 2),), ()), "1 figures differ"),
        (Comparison(0, (), (), "tools: a, b"), "nothing was compared: tools: a, b"),
        (Comparison(1, (), ("kws",)), "recorded, and not run here: kws"),
    ],
)
def test_a_comparison_says_what_it_found(found: Comparison, said: str) -> None:
    assert said in to_text(comparison_table(found, "docs/benchmarks.json"))


def test_a_kind_without_like_has_no_ratio() -> None:
    bench = two_networks()
    generated = tuple(one for one in bench.results if one.origin is Origin.GENERATED)
    table = likeness_table(likenesses(replace(bench, results=generated)))
    assert {row.cells[-1] for row in table.rows} == {"no like"}
