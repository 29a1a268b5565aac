# SPDX-License-Identifier: Apache-2.0
"""A series of widths: what it trains, that it goes on, and the table that it writes."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer import Exit

from tests.nets.corpus import write_corpus
from tests.nets.networks import tiny_ds_cnn
from toolchain.arch.library import save_arch
from toolchain.cli.series import series as verb
from toolchain.errors import ModelError, SubbyteError
from toolchain.nets.progress import TrainingProgress
from toolchain.nets.quantisers import Method
from toolchain.nets.run_folder import load_record
from toolchain.nets.series import FLOAT_BITS, Series, entries, epochs_run, measured, run_series
from toolchain.report.page_section import with_section, write_section


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Series:
    folder = tmp_path_factory.mktemp("series")
    save_arch(tiny_ds_cnn(), folder / "tiny.toml")
    return Series(
        networks=(str(folder / "tiny.toml"),),
        data=write_corpus(folder / "corpus"),
        out=folder / "runs",
        widths=(8, 1),
        methods=(Method.FIXED_RANGE,),
        seeds=1,
        epochs=1,
        qat_epochs=1,
        threads=1,
    )


@pytest.fixture(scope="module")
def finished(asked: Series) -> Series:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(asked.out.parent / "cache"))
        run_series(asked, TrainingProgress)
    return asked


def test_entries_come_in_an_order_that_can_run(asked: Series) -> None:
    order = [(entry.way, entry.bits) for entry in entries(asked)]
    assert order == [("rounded", FLOAT_BITS), ("rounded", 8), ("rounded", 1), ("fixed-range", 8), ("fixed-range", 1)]


def test_every_entry_is_a_run_that_shares_the_float_epochs(finished: Series) -> None:
    records = {str(entry): load_record(entry.folder(finished)) for entry in entries(finished)}
    assert {record.status for record in records.values()} == {"complete"}
    shared = {record.config["float_stage"] for record in records.values()}
    assert len(shared) == 2 and None in shared
    low = records["tiny, seed 0, fixed-range, 1 bits"].config
    assert low["weights"] == {"*": 1, "classifier": 8, "stem": 8}
    assert (low["method"], low["qat_epochs"]) == ("fixed-range", 1)


def test_features_kept_from_other_runs_change_nothing(finished: Series, tmp_path: Path) -> None:
    last = list(entries(finished))[-1]
    alone = replace(finished, out=tmp_path, widths=(last.bits,))
    run_series(alone, TrainingProgress)
    assert (last.folder(alone) / "model.onnx").read_bytes() == (last.folder(finished) / "model.onnx").read_bytes()


def test_a_finished_series_trains_nothing_again(finished: Series) -> None:
    paths = [entry.folder(finished) / "run.json" for entry in entries(finished)]
    before = [path.stat().st_mtime_ns for path in paths]
    run_series(finished, TrainingProgress)
    assert [path.stat().st_mtime_ns for path in paths] == before


def test_curves_hold_what_the_runs_say(finished: Series) -> None:
    rounded, trained = measured(finished)
    assert (rounded.way, trained.way) == ("rounded", "fixed-range")
    assert [point.bits for point in trained.points] == [32, 8, 1]
    assert not rounded.missing and not trained.missing
    assert rounded.points[0] == trained.points[0], "float is the same column"
    assert epochs_run(finished) == ("1 in float; on the grid 1 (8, 1 bits)",)


def test_what_is_missing_is_said(finished: Series, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "reproduction.md"
    page.write_text("# Reproduction\n\nBy hand.\n")
    for _ in range(2):
        verb(
            networks=list(finished.networks),
            data=finished.data,
            out=finished.out,
            widths="8,1",
            methods="fixed-range",
            seeds=2,
            page=page,
            show=True,
        )
    text = page.read_text()
    assert text.startswith("# Reproduction\n\nBy hand.\n\n<!-- begin")
    assert text.count("Accuracy over the width") == 1
    assert "Still missing: tiny, seed 1, float; tiny, seed 1, rounded, 8 bits" in text
    assert "(1 of 2)" in text
    assert "tiny" in capsys.readouterr().out


def test_what_is_out_of_range_is_refused_before_the_first_run(asked: Series, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    with pytest.raises(ModelError, match="--epochs is 0"):
        verb(networks=list(asked.networks), data=asked.data, out=tmp_path / "runs", epochs=0, page=page)
    assert not page.exists()


def test_runs_that_fail_are_left_out_and_end_in_status_1(finished: Series, tmp_path: Path) -> None:
    out = shutil.copytree(finished.out, tmp_path / "runs")
    with pytest.raises(Exit) as ended:
        verb(networks=list(finished.networks), data=finished.data, out=out, widths="1", seeds=1, epochs=2, threads=1)
    assert ended.value.exit_code == 1, "its runs are of one epoch, not of two"


def test_a_page_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_bytes(b"\xff\xfe")
    for page in (tmp_path, tmp_path / "page.md"):
        with pytest.raises(SubbyteError, match=r"--page .*: cannot be read as text"):
            write_section(page, "s", "x\n", "Title")


def test_a_page_without_the_section_gets_it_at_the_end() -> None:
    assert with_section("", "s", "x\n", "Title").startswith("# Title\n\n<!-- begin: s")
    once = with_section("# Other\n", "s", "x\n", "Title")
    assert once.startswith("# Other\n") and with_section(once, "s", "x\n", "Title") == once


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"widths": "4,b"}, "'b' is no number"), ({"widths": "9"}, "9 bits"), ({"methods": "best"}, "'best' is not one")],
)
def test_a_wrong_list_is_refused(asked: Series, changes: dict[str, str], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        verb(networks=list(asked.networks), data=asked.data, out=asked.out, show=True, **changes)  # type: ignore[arg-type]
