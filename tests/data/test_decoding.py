# SPDX-License-Identifier: Apache-2.0
"""The cache of decoded corpora: used when it fits, rebuilt when it does not, never trusted blindly."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.data.clips import FORMATS, encoded, tone, tone_corpus
from toolchain.data import decoding
from toolchain.data.corpus import load_corpus
from toolchain.data.decoding import decode_corpus, forget_corpus
from toolchain.data.listing import list_corpus
from toolchain.errors import DataError


class Counter:
    """A Progress that remembers what it was told."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int | None]] = []

    def __call__(self, done: int, total: int | None) -> None:
        self.seen.append((done, total))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return tone_corpus(tmp_path / "corpus", per_partition=2)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def kept(cache: Path) -> Path:
    (only,) = cache.iterdir()
    return only


def test_the_second_time_nothing_is_decoded(corpus: Path, cache: Path) -> None:
    first, second = Counter(), Counter()
    a = load_corpus(corpus, cache=cache, progress=first)
    b = load_corpus(corpus, cache=cache, progress=second)
    assert first.seen[-1] == (74, 74) and second.seen == []
    assert a.sha256 == b.sha256
    for one, other in ((a.train, b.train), (a.validation, b.validation), (a.test, b.test)):
        assert np.array_equal(one.x, other.x) and np.array_equal(one.y, other.y) and one.paths == other.paths


def test_another_seed_and_other_keywords_use_the_same_cache(corpus: Path, cache: Path) -> None:
    load_corpus(corpus, cache=cache)
    counter = Counter()
    load_corpus(corpus, seed=5, keywords=("bed", "cat", "yes"), cache=cache, progress=counter)
    assert counter.seen == []


def test_a_changed_file_is_seen_and_the_old_cache_removed(corpus: Path, cache: Path) -> None:
    before = load_corpus(corpus, cache=cache)
    old = kept(cache)
    changed = next((corpus / "yes").iterdir())
    changed.write_bytes(encoded(tone(1234), "WAV", "PCM_16"))  # same size, another time
    os.utime(changed, ns=(1, 1))
    after = load_corpus(corpus, cache=cache)
    assert after.sha256 != before.sha256
    assert kept(cache) != old


@pytest.mark.parametrize("where", [3, 20, 40, 4096 + 2, 4096 + 32000 * 30 + 777, -2000, -3])
def test_a_flipped_byte_anywhere_is_found_and_the_corpus_decoded_again(corpus: Path, cache: Path, where: int) -> None:
    before = load_corpus(corpus, cache=cache)
    content = bytearray(kept(cache).read_bytes())
    content[where] ^= 1
    kept(cache).write_bytes(content)
    counter = Counter()
    after = load_corpus(corpus, cache=cache, progress=counter)
    assert counter.seen and after.sha256 == before.sha256
    assert all(np.array_equal(a, b) for a, b in zip(before.noise, after.noise, strict=True))
    assert load_corpus(corpus, cache=cache, progress=(again := Counter())).sha256 == before.sha256 and not again.seen


@pytest.mark.parametrize("n_bytes", [0, 10, 64, 4096, 100000])
def test_a_cut_off_cache_is_decoded_again(corpus: Path, cache: Path, n_bytes: int) -> None:
    before = load_corpus(corpus, cache=cache)
    os.truncate(kept(cache), n_bytes)
    assert load_corpus(corpus, cache=cache).sha256 == before.sha256


def test_the_cache_of_another_corpus_is_not_taken(corpus: Path, cache: Path, tmp_path: Path) -> None:
    load_corpus(corpus, cache=cache)
    foreign = kept(cache)
    other = tone_corpus(tmp_path / "other", per_partition=3)
    other_cache = tmp_path / "cache2"
    expected = load_corpus(other, cache=other_cache)
    shutil.copyfile(foreign, kept(other_cache))
    assert load_corpus(other, cache=other_cache).sha256 == expected.sha256


def test_bad_files_are_counted_and_the_first_is_named(corpus: Path, cache: Path) -> None:
    files = sorted((corpus / "yes").iterdir())
    files[2].write_bytes(b"RIFF nonsense")
    files[4].write_bytes(b"")
    with pytest.raises(DataError) as caught:
        load_corpus(corpus, cache=cache)
    assert str(caught.value).startswith(f"{files[2]}: no audio that can be read")
    assert "2 files of 74 are bad: `subbyte data info` lists them" in str(caught.value)
    assert list(cache.iterdir()) == []
    files[2].write_bytes(encoded(tone(300), "WAV", "PCM_16"))
    files[4].write_bytes(encoded(tone(300), "WAV", "PCM_16"))
    assert len(load_corpus(corpus, cache=cache).noise) == 2


def test_bad_noise_is_bad_too(corpus: Path, cache: Path) -> None:
    (corpus / "_background_noise_" / "low.wav").write_bytes(b"")
    with pytest.raises(DataError, match=r"low\.wav: the file is empty$"):
        load_corpus(corpus, cache=cache)


def test_a_cache_folder_that_cannot_be_made_does_not_stop_the_work(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(decoding.tempfile, "tempdir", str(temporary))
    blocked = tmp_path / "a file"
    blocked.write_text("in the way")
    loaded = load_corpus(corpus, cache=blocked / "cache")
    assert loaded.train.x.any() and list(temporary.iterdir()) == []


def test_a_full_disk_is_one_error_and_leaves_nothing(
    corpus: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("toolchain.data.store.os.pwrite", full)
    with pytest.raises(
        DataError, match=r"cannot keep the decoded corpus: No space left on device; it takes 32 kB a clip"
    ):
        load_corpus(corpus, cache=cache)
    assert list(cache.iterdir()) == []


def test_threads_give_what_one_thread_gives(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    several = load_corpus(corpus, cache=tmp_path / "a")
    monkeypatch.setattr("toolchain.data.decoding.os.cpu_count", lambda: 1)
    assert load_corpus(corpus, cache=tmp_path / "b").sha256 == several.sha256


def test_mixed_formats_rates_and_lengths_make_one_corpus(corpus: Path, cache: Path) -> None:
    files = sorted((corpus / "up").iterdir())
    for file, (suffix, (container, subtype)) in zip(files, FORMATS.items(), strict=False):
        file.unlink()
        file.with_suffix(suffix).write_bytes(encoded(tone(500, 24000, 48000), container, subtype, 48000))
    decoded = decode_corpus(list_corpus(corpus), cache=cache)
    assert not decoded.bad
    store = decoded.checked_store()
    rows = [row for row, one in enumerate(decoded.facts) if one.file.word == "up"]
    out = np.empty((len(rows), 16000), np.int16)
    store.take(rows, out, range(len(rows)))
    changed = [one.audio.rate_hz == 48000 for one in decoded.facts if one.file.word == "up"]
    assert sum(changed) == 4
    for clip, is_short in zip(out, changed, strict=True):
        assert bool(clip[8100:].any()) != is_short  # half a second, then zeros


def test_forgetting_a_corpus_leaves_others_alone(corpus: Path, cache: Path, tmp_path: Path) -> None:
    other = tone_corpus(tmp_path / "other", per_partition=1)
    load_corpus(corpus, cache=cache)
    load_corpus(other, cache=cache)
    assert len(list(cache.iterdir())) == 2
    forget_corpus(other, cache=cache)
    load_corpus(corpus, cache=cache, progress=(counter := Counter()))
    assert len(list(cache.iterdir())) == 1 and not counter.seen


def test_what_a_killed_process_left_is_removed_a_day_later(corpus: Path, cache: Path) -> None:
    cache.mkdir()
    fresh, stale = (cache / f".corpus-{name}-0.pcm.x.part" for name in ("fresh", "stale"))
    for left in (fresh, stale):
        left.write_bytes(b"half")
    os.utime(stale, (0, 0))
    load_corpus(corpus, cache=cache)
    assert fresh.exists() and not stale.exists()


def test_corpora_that_are_gone_make_room(corpus: Path, cache: Path, tmp_path: Path) -> None:
    gone, other = (tone_corpus(tmp_path / name, per_partition=1) for name in ("gone", "other"))
    load_corpus(gone, cache=cache)
    load_corpus(other, cache=cache)
    shutil.rmtree(gone)
    (cache / "corpus-unreadable-0.pcm").write_bytes(b"not ours to judge")
    load_corpus(corpus, cache=cache)
    assert len(list(cache.iterdir())) == 3
    load_corpus(other, cache=cache, progress=(counter := Counter()))
    assert not counter.seen
