# SPDX-License-Identifier: Apache-2.0
"""Splits: classes, shares of unknown and silence, draws that are seeded, recorded and stable."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.data.clips import SPEAKERS, encoded, tone, tone_corpus
from toolchain.data.audio import read_audio
from toolchain.data.corpus import Corpus, Split, load_corpus
from toolchain.data.layout import KEYWORDS, SILENCE_PATH, Partition, class_labels, partition_of
from toolchain.data.words import load_words
from toolchain.errors import DataError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten keywords of 7 clips a partition, two other words of 7."""
    return tone_corpus(tmp_path_factory.mktemp("corpus") / "tones", per_partition=7)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def corpus(folder: Path, cache: Path) -> Corpus:
    return load_corpus(folder, cache=cache)


def parts(corpus: Corpus) -> dict[Partition, Split]:
    return {
        Partition.TRAIN: corpus.train,
        Partition.VALIDATION: corpus.validation,
        Partition.TEST: corpus.test,
    }


def test_classes_and_shares(corpus: Corpus) -> None:
    for split in parts(corpus).values():
        assert split.labels == class_labels() == corpus.labels
        assert split.counts() == {**dict.fromkeys(KEYWORDS, 7), "silence": 7, "unknown": 7}
        assert split.x.shape == (84, 16000) and split.x.dtype == np.int16
        assert split.y.dtype == np.int64 and not split.x.flags.writeable


def test_a_tenth_is_rounded_down(tmp_path: Path) -> None:
    folder = tone_corpus(tmp_path / "c", per_partition=2)
    extra = SPEAKERS[Partition.TRAIN][5:9]
    for speaker in extra:
        (folder / "yes" / f"{speaker}_nohash_0.wav").write_bytes(encoded(tone(100), "WAV", "PCM_16"))
    counts = load_corpus(folder, cache=tmp_path).train.counts()
    assert sum(counts[word] for word in KEYWORDS) == 24
    assert (counts["silence"], counts["unknown"]) == (2, 2)


def test_paths_say_where_every_clip_comes_from(corpus: Corpus, folder: Path) -> None:
    for part, split in parts(corpus).items():
        for clip, label, path in zip(split.x, split.y, split.paths, strict=True):
            name = split.labels[label]
            if name == "silence":
                assert path == SILENCE_PATH and not clip.any()
                continue
            word, file = path.split("/")
            assert name == (word if word in KEYWORDS else "unknown")
            assert partition_of(file) is part
            assert np.array_equal(clip, read_audio(folder / path).samples)


def test_no_clip_is_used_twice(corpus: Corpus) -> None:
    files = [path for split in parts(corpus).values() for path in split.paths if path != SILENCE_PATH]
    assert len(files) == len(set(files))


def test_the_same_seed_draws_the_same_and_another_draws_others(corpus: Corpus, folder: Path, cache: Path) -> None:
    again, other = load_corpus(folder, cache=cache), load_corpus(folder, seed=1, cache=cache)
    assert again.train.paths == corpus.train.paths and again.sha256 == corpus.sha256
    assert other.train.paths != corpus.train.paths and other.sha256 != corpus.sha256

    def drawn(one: Corpus) -> set[str]:
        return {path for path in one.train.paths if path.startswith(("bed/", "cat/"))}

    assert drawn(other) != drawn(corpus) and len(drawn(other)) == len(drawn(corpus)) == 7


def test_a_removed_file_changes_one_draw_at_most(corpus: Corpus, folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    unknown = [path for path in corpus.train.paths if path.startswith(("bed/", "cat/"))]
    (copy / unknown[0]).unlink()
    after = [path for path in load_corpus(copy, cache=tmp_path).train.paths if path.startswith(("bed/", "cat/"))]
    assert len(set(after) & set(unknown)) == len(unknown) - 1 == len(after) - 1


def test_the_order_mixes_classes(corpus: Corpus) -> None:
    assert len(set(corpus.train.y[:12].tolist())) >= 5
    assert not np.array_equal(np.sort(corpus.train.y), corpus.train.y)


def test_noise_is_for_training_whatever_it_is_called_but_for_the_last_fifth(
    corpus: Corpus, folder: Path, cache: Path
) -> None:
    assert [len(samples) for samples in corpus.noise] == [32000, 32000]
    assert all(samples.dtype == np.int16 for samples in corpus.noise)
    kept = load_words(folder, Partition.TEST, cache=cache).noise
    recordings = [read_audio(path).samples for path in sorted((folder / "_background_noise_").iterdir())]
    for recording, trained, held_back in zip(recordings, corpus.noise, kept, strict=True):
        assert np.array_equal(np.concatenate([trained, held_back]), recording)


def test_words_are_all_clips_of_a_partition_under_their_own_names(corpus: Corpus, folder: Path, cache: Path) -> None:
    words = load_words(folder, Partition.TEST, cache=cache)
    assert words.paths == tuple(sorted(words.paths)) and len(words.x) == len(words.words) == len(words.paths)
    assert {path for path in corpus.test.paths if path != SILENCE_PATH} <= set(words.paths)
    assert not set(words.paths) & (set(corpus.train.paths) | set(corpus.validation.paths))
    assert all(path.startswith(f"{word}/") for path, word in zip(words.paths, words.words, strict=True))
    of = {path: row for row, path in enumerate(words.paths)}
    for row, path in enumerate(corpus.test.paths):
        if path != SILENCE_PATH:
            assert np.array_equal(corpus.test.x[row], words.x[of[path]])


def test_the_sum_covers_samples_labels_and_order(folder: Path, corpus: Corpus, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    assert load_corpus(copy, cache=tmp_path / "a").sha256 == corpus.sha256
    changed = copy / corpus.test.paths[next(i for i, path in enumerate(corpus.test.paths) if "/" in path)]
    samples = read_audio(changed).samples.copy()
    samples[100] ^= 1
    changed.write_bytes(encoded(samples, "WAV", "PCM_16"))
    after = load_corpus(copy, cache=tmp_path / "b")
    assert after.test.sha256 != corpus.test.sha256 and after.train.sha256 == corpus.train.sha256


def test_the_format_of_a_lossless_file_does_not_matter(folder: Path, corpus: Corpus, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    for path in list((copy / "yes").iterdir()):
        path.write_bytes(encoded(read_audio(path).samples, "FLAC", "PCM_16"))  # FLAC inside, .wav outside
    assert load_corpus(copy, cache=tmp_path).sha256 == corpus.sha256


def test_other_keywords_make_other_classes(folder: Path, cache: Path) -> None:
    corpus = load_corpus(folder, keywords=("cat", "go"), cache=cache)
    assert corpus.labels == ("cat", "go", "silence", "unknown")
    assert corpus.train.counts() == {"cat": 7, "go": 7, "silence": 1, "unknown": 1}


def test_fewer_other_words_than_a_tenth_are_all_taken(tmp_path: Path) -> None:
    folder = tone_corpus(tmp_path / "c", per_partition=10, others=())
    assert load_corpus(folder, cache=tmp_path).train.counts()["unknown"] == 0
    (folder / "bed").mkdir()
    (folder / "bed" / f"{SPEAKERS[Partition.TRAIN][0]}_nohash_0.wav").write_bytes(encoded(tone(99), "WAV", "PCM_16"))
    assert load_corpus(folder, cache=tmp_path).train.counts()["unknown"] == 1


def test_a_keyword_without_clips_is_named(folder: Path, cache: Path) -> None:
    with pytest.raises(DataError, match=r"no clips of lamp, table; the words here are bed, cat, down, go,"):
        load_corpus(folder, keywords=("yes", "lamp", "table"), cache=cache)
    with pytest.raises(DataError, match=r"keyword 'yes' is given twice"):
        load_corpus(folder, keywords=("yes", "yes"), cache=cache)


def test_an_empty_partition_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "yes").mkdir()
    name = f"{SPEAKERS[Partition.TRAIN][0]}_nohash_0.wav"
    (tmp_path / "yes" / name).write_bytes(encoded(tone(440), "WAV", "PCM_16"))
    with pytest.raises(
        DataError, match=r"no keyword clip falls into the validation partition; the split goes by speaker"
    ):
        load_corpus(tmp_path, keywords=("yes",), cache=tmp_path / "cache")


def test_figures_on_a_part_of_the_data_are_not_called_published_ones(corpus: Corpus) -> None:
    assert "accuracies compare models with each other, not with published figures" in corpus.comparability
