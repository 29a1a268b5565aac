# SPDX-License-Identifier: Apache-2.0
"""`subbyte bits` on a small trained network: scan, search, firmware, what is written, what is refused."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.command import Said, subbyte
from tests.models import tiny_model
from tests.nets.corpus import write_corpus
from tests.nets.networks import tiny_ds_cnn
from toolchain.arch.weights import load_weight_plan
from toolchain.graph.model import load_model
from toolchain.nets.config import TrainConfig
from toolchain.nets.train import train_run

LAYERS = ["stem", "block1_depthwise", "block1_pointwise", "block2_depthwise", "block2_pointwise", "classifier"]
WIDTHS = ("--widths", "1,2,4,8")
KEPT = {"any_width.pt", "sensitivity-trained.json"}

Command = Callable[..., Said]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Decoded audio goes to a cache of this module's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    config = TrainConfig(
        arch=tiny_ds_cnn(), data=data, features="hello_edge", epochs=12, qat_epochs=3, batch=10, lr=0.3, averaging=0.5
    )
    train_run(config, folder)
    return folder


@pytest.fixture
def bits(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], run: Path, data: Path) -> Command:
    """`bits("--scan", ...)` on the trained network."""

    def called(*arguments: object) -> Said:
        return subbyte(monkeypatch, capsys, "bits", run, "--data", data, *arguments)

    return called


def _least(said: Said) -> int:
    """Bytes that a search which asked for too few is told to allow."""
    named = re.search(r"([\d,]+) B are the least possible", said.err)
    assert said.code == 1 and named is not None, said.err
    return int(named[1].replace(",", ""))


def test_a_scan_is_written_shown_drawn_and_gone_on_with(bits: Command, run: Path, tmp_path: Path) -> None:
    kept, picture = tmp_path / "kept.json", tmp_path / "scan.svg"
    said = bits("--scan", *WIDTHS, "-o", kept, "--svg", picture)
    assert said.code == 0 and all(name in said.out for name in (*LAYERS, "1 bit", "8 bits"))
    assert len(ElementTree.parse(picture).findall(".//{http://www.w3.org/2000/svg}g")) == len(LAYERS) * 4
    whole = json.loads(kept.read_text())
    assert len(whole["trials"]) == 1 + len(LAYERS) * 3, "as trained, and each layer at 1, 2 and 4 bits; 8 are trained"
    losses = {tuple(trial["bits"].items()): trial["loss_increase"] for trial in whole["trials"]}
    by_width = [sum(losses[(name, spec),] for name in LAYERS) for spec in ("1 mid-rise", "2 mid-rise", "4 mid-tread")]
    assert by_width[0] > 3 * by_width[1] > 3 * by_width[2]
    kept.write_text(json.dumps(whole | {"trials": whole["trials"][:7]}))  # as if it had been stopped
    assert bits("--scan", *WIDTHS, "-o", kept).out == said.out
    assert json.loads(kept.read_text()) == whole


def test_a_search_writes_bits_that_train_reads_and_finds_them_again(bits: Command, tmp_path: Path) -> None:
    asked = ("--keep", "stem=8", "--keep", "*_pointwise=4 mid-rise", "--rounds", 1, "--best", 3)
    found, toml = [], tmp_path / "bits.toml"
    within = _least(bits(*WIDTHS, *asked, "--max-flash", "100")) + 60
    for again in range(2):
        file = tmp_path / f"tried{again}.json"
        said = bits(*WIDTHS, "--max-flash", within, *asked, "--sensitivity", file, "-o", toml, "--test", "--json")
        assert said.code == 0, said.err
        found.append(json.loads(said.out))
    assert found[0] == found[1]
    (budget,) = found[0]["budgets"]
    best = budget["best"][0]
    plan = load_weight_plan(toml)
    assert {name: plan.of(name).bits for name in LAYERS} == best["bits"]
    assert best["bits"]["stem"] == 8 and best["grids"]["block1_pointwise"] == "mid-rise"
    assert best["flash_bytes_estimated"] <= within and best["flash_bytes_linked"] is None
    assert 0 <= best["test_accuracy_in_c"] <= 1
    assert abs(best["validation_accuracy_in_c"] - best["validation_accuracy"]) < 0.1
    losses = [one["loss_increase"] for one in budget["best"]]
    assert losses == sorted(losses)


def test_several_budgets_and_each_uniform_width_make_a_table(bits: Command, tmp_path: Path) -> None:
    asked = ("--widths", "2,4", "--rounds", 0)
    least = _least(bits(*asked, "--max-flash", 100))
    budgets = ("--max-flash", least, "--max-flash", least + 200)
    said = bits(*asked, *budgets, "--uniform", "-o", tmp_path)
    assert said.code == 0, said.err
    assert all(text in said.out for text in (f"{least:,}", f"{least + 200:,}", "all 2", "all 4", ", ".join(LAYERS)))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"{least}.toml", f"{least + 200}.toml"])


def test_bits_are_judged_by_a_network_trained_at_all_widths(bits: Command, run: Path, tmp_path: Path) -> None:
    toml, picture = tmp_path / "bits.toml", tmp_path / "scan.svg"
    asked = ("--trained", 2, "--widths", "2,4,8", "--optimise", "size", "--best", 2, "--rounds", 1)
    least = _least(bits(*asked, "--max-flash", 100))
    within = ("--max-flash", least + 300, "--uniform", "--first-last-bits", 8)
    said = bits(*asked, *within, "-o", toml, "--svg", picture, "--json")
    assert said.code == 0, said.err
    value = json.loads(said.out)
    best = next(one["best"][0] for one in value["budgets"] if one["budget_bytes"] == least + 300)
    plan = load_weight_plan(toml)
    assert {name: plan.of(name).bits for name in LAYERS} == best["bits"]
    assert "trained at all widths at once it loses" in toml.read_text()
    assert [one["bits"]["stem"] for one in value["uniform"]] == [8, 8, 8]
    assert [one["bits"]["block1_pointwise"] for one in value["uniform"]] == [2, 4, 8]
    for one in value["budgets"]:
        rivals = [each for each in value["uniform"] if each["flash_bytes_estimated"] <= one["budget_bytes"]]
        assert all(one["best"][0]["loss_increase"] <= rival["loss_increase"] for rival in rivals)
    assert "trained at all widths at once" in picture.read_text()
    # Neither is trained nor tried again.
    kept = {path.name: path.stat().st_mtime_ns for path in run.iterdir() if path.name in KEPT}
    assert kept.keys() == KEPT
    assert json.loads(bits(*asked, *within, "--json").out) == value
    assert kept == {path.name: path.stat().st_mtime_ns for path in run.iterdir() if path.name in KEPT}
    refused = bits("--trained", 3, "--widths", "2,4,8", "--scan")
    assert refused.code == 2 and "any_width.pt: is of other widths, epochs, threads or data" in refused.err


@pytest.mark.arm
def test_with_a_board_it_is_the_linked_firmware_that_counts(bits: Command) -> None:
    said = bits("--board", "mps2-an386", *WIDTHS, "--rounds", 0, "--max-flash", "1 MiB", "--json")
    value = json.loads(said.out)
    best = value["budgets"][0]["best"][0]
    assert value["counted"] == "the whole firmware for mps2-an386"
    assert best["flash_bytes_linked"] > 10_000 and best["flash_bytes_estimated"] > 10_000
    refused = bits("--board", "mps2-an386", *WIDTHS, "--max-flash", "4k")
    assert refused.code == 1 and "B are the least possible" in refused.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "give --scan to measure, or --max-flash SIZE to search"),
        (["--scan", "--max-flash", "9k"], "--scan only measures"),
        (["--max-flash", "many"], "--max-flash: 'many' is not bytes"),
        (["--max-flash", "9 MiB", "--board", "mps2-an386"], "mps2-an386 allows 4,194,304 B of flash: ask for no more"),
        (["--max-flash", "9k", "--keep", "stem"], "write LAYER=BITS, such as stem=8; the layers with weights are stem"),
        (["--max-flash", "9k", "--keep", "stm=8"], "the layers with weights are stem, block1_depthwise"),
        (["--max-flash", "9k", "--keep", "stem=9"], "--keep 'stem=9': weights of 9 bits"),
        (["--scan", "--widths", "1,x"], "--widths '1,x'"),
        (["--scan", "--widths", "1", "--grid", "mid-tread"], "one bit has only the mid-rise grid"),
        (["--scan", "--grid", "odd"], "--grid 'odd' is not one of usual, mid-tread, mid-rise, both"),
        (["--max-flash", "100"], "B are the least possible, with weights of "),
    ],
)
def test_what_cannot_be_is_one_clear_line(bits: Command, arguments: list[str], named: str) -> None:
    said = bits(*arguments)
    assert said.code in (1, 2) and named in said.err
    # On a busy machine a line about work that took long may stand before it.
    assert said.err.strip().splitlines()[-1].startswith("error: ") and said.err.count("error") == 1 and not said.out


def test_a_scan_of_another_network_is_refused(
    bits: Command, run: Path, data: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    kept = tmp_path / "kept.json"
    assert bits("--scan", "--widths", "4", "-o", kept).code == 0
    values = json.loads(kept.read_text())
    assert values["network"] == load_model(run).sha256
    kept.write_text(json.dumps(values | {"network": "0" * 64}))
    said = bits("--scan", "--widths", "4", "-o", kept)
    assert said.code == 2 and "is about another network" in said.err


def test_a_file_without_classes_is_refused(data: Path, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    said = subbyte(monkeypatch, capsys, "bits", tiny_model(tmp_path), "--data", data, "--scan")
    assert said.code == 2 and "does not say how sound becomes its input" in said.err
