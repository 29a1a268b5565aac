# SPDX-License-Identifier: Apache-2.0
"""The report on a corpus: counts, formats, copies, bad files."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.data.clips import SPEAKERS, encoded, tone, tone_corpus
from toolchain.data.inspect import CorpusInfo, inspect_corpus
from toolchain.data.layout import Partition


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tone_corpus(tmp_path / "corpus", per_partition=2)


def inspected(folder: Path) -> CorpusInfo:
    return inspect_corpus(folder, cache=folder.parent / "cache")


def speaker(part: Partition, place: int) -> str:
    return SPEAKERS[part][place]


def test_a_plain_corpus(folder: Path) -> None:
    found = inspected(folder)
    assert found.n_clips == 72 and len(found.words) == 12
    assert [count.word for count in found.words[:2]] == ["yes", "no"] and found.words[-1].label == "unknown"
    assert all((count.train, count.validation, count.test, count.total) == (2, 2, 2, 6) for count in found.words)
    assert found.speakers == {Partition.TRAIN: 2, Partition.VALIDATION: 2, Partition.TEST: 2}
    assert found.rates_hz == {16000: 74} and found.formats == {"WAV PCM_16": 74} and found.channels == {1: 74}
    assert found.noise_minutes == pytest.approx(5 / 60)
    assert not found.bad and not found.copies
    changes = found.changes
    assert (changes.resampled, changes.mixed_down, changes.padded, changes.cut) == (0, 0, 0, 0)


def test_what_is_altered_on_the_way_in_is_counted(folder: Path) -> None:
    files = sorted((folder / "on").iterdir())
    files[0].write_bytes(encoded(tone(500, 8000, 8000), "WAV", "PCM_16", 8000))
    files[1].write_bytes(encoded(tone(500, 20000), "FLAC", "PCM_24"))
    files[2].write_bytes(encoded(tone(500, 3200), "WAV", "FLOAT"))
    stereo = tone(500)[:, None].repeat(2, axis=1)
    files[3].write_bytes(encoded(stereo, "OGG", "VORBIS"))
    found = inspected(folder)
    changes = found.changes
    assert (changes.resampled, changes.mixed_down, changes.padded, changes.cut) == (1, 1, 1, 1)
    assert found.shortest is not None and found.longest is not None
    assert (found.shortest.path, found.shortest.seconds) == (f"on/{files[2].name}", 0.2)
    assert (found.longest.path, found.longest.seconds) == (f"on/{files[1].name}", 1.25)
    assert found.rates_hz == {16000: 73, 8000: 1} and found.channels == {1: 73, 2: 1}
    assert found.formats["FLAC PCM_24"] == found.formats["WAV FLOAT"] == found.formats["OGG VORBIS"] == 1


def test_copies_are_told_apart(folder: Path) -> None:
    train = folder / "yes" / f"{speaker(Partition.TRAIN, 0)}_nohash_0.wav"
    shutil.copyfile(train, folder / "yes" / f"{speaker(Partition.TRAIN, 0)}_nohash_9.wav")
    assert len(inspected(folder).copies) == 1
    assert not inspected(folder).copies_across_partitions and not inspected(folder).copies_across_words
    shutil.copyfile(train, folder / "yes" / f"{speaker(Partition.TEST, 0)}_nohash_9.wav")
    assert len(inspected(folder).copies_across_partitions) == 1 and not inspected(folder).copies_across_words
    shutil.copyfile(train, folder / "no" / f"{speaker(Partition.TRAIN, 0)}_nohash_9.wav")
    found = inspected(folder)
    assert len(found.copies) == 1 and len(found.copies[0]) == 4 and len(found.copies_across_words) == 1


def test_bad_files_do_not_stop_the_report(folder: Path) -> None:
    bad = sorted((folder / "up").iterdir())[:2]
    bad[0].write_bytes(b"text")
    bad[1].write_bytes(b"")
    found = inspected(folder)
    assert [one.file.path for one in found.bad] == [f"up/{path.name}" for path in bad]
    assert found.n_clips == 70 and found.sha256 is None
    assert next(count for count in found.words if count.word == "up").total == 4


def test_the_sum_is_that_of_sha256sum(folder: Path) -> None:
    listing = "find . -name '*.wav' | sed 's|^./||' | LC_ALL=C sort | xargs sha256sum | sha256sum"
    run = subprocess.run(["sh", "-c", listing], cwd=folder, capture_output=True, text=True, check=True)
    assert inspected(folder).sha256 == run.stdout.split()[0]


def test_a_corpus_without_noise_or_with_other_words_is_no_error(folder: Path) -> None:
    shutil.rmtree(folder / "_background_noise_")
    (folder / "go").rename(folder / "walk")
    found = inspected(folder)
    assert found.noise == () and found.noise_minutes == 0
    assert "walk" in {count.word for count in found.words if count.label == "unknown"}
