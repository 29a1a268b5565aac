# SPDX-License-Identifier: Apache-2.0
"""The real corpus beside the checkout: what its README says of it, found again by our own reading."""

from pathlib import Path

import numpy as np
import pytest

from toolchain.data.augment import Augmenter
from toolchain.data.corpus import Corpus, load_corpus
from toolchain.data.inspect import CorpusInfo, inspect_corpus
from toolchain.data.layout import KEYWORDS, Partition
from toolchain.data.listing import list_corpus

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # the first time, 25,000 files are decoded


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "speech_commands_v0.01"


@pytest.fixture(scope="module")
def corpus(folder: Path) -> Corpus:
    return load_corpus(folder)


@pytest.fixture(scope="module")
def info(folder: Path) -> CorpusInfo:
    return inspect_corpus(folder)


def test_our_split_is_the_one_that_its_makers_used(folder: Path) -> None:
    """They compressed training clips with Opus and left validation and test in FLAC, by the official function."""
    for clip in list_corpus(folder).clips:
        assert clip.name.endswith(".opus") == (clip.partition is Partition.TRAIN), clip.path


def test_counts(info: CorpusInfo) -> None:
    assert info.n_clips == 24845 and len(info.words) == 30 and not info.bad
    totals = [sum(getattr(count, part) for count in info.words) for part in Partition]
    assert totals == [20646, 2844, 1355]
    assert list(info.speakers.values()) == [1478, 189, 89]
    assert info.formats == {"OGG OPUS": 20646, "FLAC PCM_16": 4205}
    assert (info.changes.padded, info.changes.cut, info.changes.resampled) == (2568, 0, 0)
    assert len(info.noise) == 6 and info.noise_minutes == pytest.approx(6.66, abs=0.01)
    assert len(info.copies) == 9 and not info.copies_across_partitions and not info.copies_across_words
    assert info.sha256 == "05bf231bf8fb0d395d2298594c5fb45af98962b46a5088d9925753fdfa81f74c"


def test_twelve_classes(corpus: Corpus) -> None:
    for split, n_keyword in ((corpus.train, 16389), (corpus.validation, 2266), (corpus.test, 1085)):
        counts = split.counts()
        assert sum(counts[word] for word in KEYWORDS) == n_keyword
        assert counts["silence"] == counts["unknown"] == n_keyword // 10
    assert len(corpus.noise) == 6
    assert "1,085 of keywords, which is no whole Speech Commands test set" in corpus.comparability


def test_an_epoch_of_augmentation(corpus: Corpus) -> None:
    augmenter = Augmenter(corpus.noise, seed=0)
    some = np.arange(0, len(corpus.train.y), 40)
    out = augmenter.batch(corpus.train.x[some], some, epoch=0)
    silent = corpus.train.y[some] == corpus.labels.index("silence")
    assert 0 < out[silent].any(axis=1).mean() < 1
    assert out[~silent].any(axis=1).all()
