# SPDX-License-Identifier: Apache-2.0
"""The peers' figures: all there, each with its origin, and a file that is not so is refused."""

from pathlib import Path

import pytest

from toolchain.bench.peers import PEERS, Metric, known_peers, load_peers
from toolchain.errors import BenchError
from toolchain.measure import How

GOOD = """
[[subject]]
id = "net"
title = "a network"
macs = 1000

[[source]]
id = "study"
peer = "Peer"
where = "a page"
version = "1.0"
flags = "-O3"
method = "counted"
date = "2026-11"
rounding = "none"
how = { instructions = "emulated" }

[[figures]]
of = "net"
source = "study"
core = "cortex-m4"
instructions = 2_000
"""


def read(tmp_path: Path, found: str = "", replacement: str = "", more: str = "") -> None:
    assert not found or GOOD.count(found) == 1
    path = tmp_path / "peers.toml"
    path.write_text(GOOD.replace(found, replacement) + more if found else GOOD + more)
    load_peers(path)


def test_the_issue_s_table_is_in_the_file() -> None:
    peers = known_peers()
    expected = {
        ("kws_ref_model", "cortex-m4"): 7_844_763,
        ("kws_ref_model", "cortex-m3"): 10_544_833,
        ("kws_ref_model", "cortex-m55"): 1_785_396,
        ("kws_ref_model", "cortex-m0plus"): 29_002_470,
        ("pretrainedResnet_quant", "cortex-m4"): 29_876_263,
    }
    for (subject, core), instructions in expected.items():
        assert peers.value(subject, "tflm_o3", core, Metric.INSTRUCTIONS) == instructions
    assert peers.value("kws_ref_model", "mlcommons_st", "cortex-m4", Metric.CYCLES_PER_MAC) == 1.95
    assert peers.value("ad01_int8", "tflm_os", "cortex-m4", Metric.RUNTIME_FLASH) == 22_800
    assert peers.value("kws_ref_model", "mlcommons_st", "cortex-m55", Metric.CYCLES_PER_MAC) is None


def test_published_and_emulated_figures_are_told_apart() -> None:
    hows = {(figure.source.id, figure.metric): figure.how for figure in known_peers().figures}
    assert hows["tflm_o3", Metric.INSTRUCTIONS] is How.EMULATED
    assert hows["tflm_o3", Metric.CYCLES] is How.ESTIMATED
    assert hows["mlcommons_st", Metric.CYCLES_PER_MAC] is How.PUBLISHED


def test_figures_agree_with_each_other() -> None:
    """Instructions per MAC and cycles of a layer, and of a network on two cores, are of the order that they must be."""
    for figure in known_peers().figures:
        per_mac = figure.value / figure.subject.macs
        if figure.metric in (Metric.INSTRUCTIONS, Metric.CYCLES):
            assert 0.3 < per_mac < 15, figure
        elif figure.metric in (Metric.INSTRUCTIONS_PER_MAC, Metric.CYCLES_PER_MAC):
            assert 0.1 < figure.value < 20, figure


def test_the_named_files_are_the_ones_that_the_figures_are_about(shared_data: Path) -> None:
    import hashlib

    for name in ("kws_ref_model", "pretrainedResnet_quant"):
        content = (shared_data / "models" / f"{name}.tflite").read_bytes()
        assert hashlib.sha256(content).hexdigest() == known_peers().subject(name).sha256


def test_a_good_file_is_read(tmp_path: Path) -> None:
    read(tmp_path)


@pytest.mark.parametrize(
    ("found", "replacement", "said"),
    [
        ('flags = "-O3"', 'flag = "-O3"', r"peers\.toml: source\.0\.flags: .*\(in 'study'\)"),
        ('method = "counted"\n', "", r"source\.0\.method: .*required"),
        ('version = "1.0"', 'version = ""', r"source\.0\.version: "),
        ('source = "study"', 'source = "hearsay"', r"no \[\[source\]\] 'hearsay'; a figure without its source is none"),
        ('source = "study"\n', "", r"figures\.0\.source: .*required"),
        ('of = "net"', 'of = "ten"', r"no \[\[subject\]\] 'ten'"),
        ('core = "cortex-m4"', 'core = "cortex-m9"', r"no such core; known are cortex-m0, "),
        ("instructions = 2_000", "cycles = 2_000", r"cycles: the source's `how` does not say"),
        ("instructions = 2_000", "instructions = -1", r"figures\.0\.instructions: "),
        ("instructions = 2_000", "instruction = 1", r"figures\.0\.instruction: "),
        ('"emulated"', '"guessed"', r"source\.0\.how\.instructions: "),
        ("macs = 1000", "macs = 0", r"subject\.0\.macs: .*\(in 'net'\)"),
        ("macs = 1000", "macs =", r"is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_naming_the_place(tmp_path: Path, found: str, replacement: str, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        read(tmp_path, found, replacement)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (GOOD[GOOD.index("[[figures]]") :], "instructions is given twice"),
        (GOOD[GOOD.index("[[source]]") : GOOD.index("[[figures]]")], r"\[\[source\]\] 'study' stands there twice"),
        (GOOD[: GOOD.index("[[source]]")], r"\[\[subject\]\] 'net' stands there twice"),
    ],
)
def test_nothing_may_stand_there_twice(tmp_path: Path, section: str, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        read(tmp_path, more=section)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"none\.toml: cannot be read"):
        load_peers(tmp_path / "none.toml")


def test_the_file_lies_in_the_package() -> None:
    assert PEERS.parent.name == "bench" and PEERS.is_file()
