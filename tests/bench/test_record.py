# SPDX-License-Identifier: Apache-2.0
"""The record: read back as it was written, every change found, other tools not compared."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.results import two_networks
from toolchain.bench.record import LAYER_COLUMNS, bench_text, compare, load_bench
from toolchain.bench.result import Bench
from toolchain.errors import BenchError


def changed(bench: Bench, **facts: object) -> Bench:
    """`bench` with other facts of its second result."""
    results = list(bench.results)
    results[1] = replace(results[1], **facts)  # type: ignore[arg-type]
    return replace(bench, results=tuple(results))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    bench = two_networks()
    path = tmp_path / "benchmarks.json"
    path.write_text(bench_text(bench))
    assert load_bench(path) == bench
    assert compare(load_bench(path), bench).ok


def test_a_layer_is_a_line() -> None:
    lines = bench_text(two_networks()).splitlines()
    assert sum('["between", "sb_between", "1x1", 48, 1000, 10, 70000, 105000]' in line for line in lines) == 2
    assert tuple(json.loads("\n".join(lines))["layer_columns"]) == LAYER_COLUMNS


def test_every_figure_is_compared() -> None:
    bench = two_networks()
    layers = bench.results[1].layers
    for facts, what in (
        ({"instructions": 1}, "instructions"),
        ({"cycles": 1}, "cycles"),
        ({"engine_flash": 1}, "engine_flash"),
        ({"firmware_flash": 1}, "firmware_flash"),
        ({"arena": 1}, "arena"),
        ({"static": 1}, "static"),
        ({"stack": 1}, "stack"),
        ({"graph_sha256": "1" * 64}, "graph_sha256"),
        ({"layers": (replace(layers[0], instructions=1), *layers[1:])}, "instructions of layer between"),
        ({"layers": (replace(layers[0], kernel="sb_other"), *layers[1:])}, "kernel of layer between"),
        ({"layers": layers[1:]}, "layer between"),
    ):
        found = compare(bench, changed(bench, **facts))
        assert not found.ok
        (difference,) = found.differences
        assert (difference.network, difference.core, difference.what) == ("odd", "cortex-m4", what)
        assert difference.recorded != difference.now


def test_a_network_that_is_not_here_is_said_and_a_new_one_is_a_difference() -> None:
    bench = two_networks()
    part = replace(bench, results=bench.results[1:2])
    there = compare(bench, part)
    assert there.ok and there.not_run == ("kws",) and there.compared == 1
    back = compare(part, bench)
    assert [difference.what for difference in back.differences] == ["result"] * 3


def test_other_tools_are_said_and_not_compared() -> None:
    bench = two_networks()
    other = replace(changed(bench, instructions=1), tools="qemu 7.2.1, gcc 13.1.0")
    found = compare(bench, other)
    assert found.ok and found.compared == 0
    assert found.other_tools == "tools: recorded 'qemu 7.2.1, gcc 12.2.1', here 'qemu 7.2.1, gcc 13.1.0'"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no json", "no record of `subbyte bench`"),
        ("{}", "made_by: .*required"),
        (bench_text(two_networks()).replace('"format": 1', '"format": 2'), "format 2, this version reads 1"),
        (bench_text(two_networks()).replace('"arena": 9000', '"arena": "9 kB"', 1), r"bench\.results\.0\.arena: "),
        (bench_text(two_networks()).replace("1000, 10, 70000", "1000, 10"), r"results\.1\.layers\.0: "),
        (bench_text(two_networks()).replace('"options"', '"option"'), r"bench\.options?: "),
    ],
)
def test_a_file_that_is_no_record_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "benchmarks.json"
    path.write_text(text)
    with pytest.raises(BenchError, match=said):
        load_bench(path)
