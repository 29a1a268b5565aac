# SPDX-License-Identifier: Apache-2.0
"""Split and Corpus: the classes, the draw of unknown and silence, and the arrays that training and evaluation take.

    partition   by speaker, layout.partition_of
    keywords    every clip
    unknown     other words: 10 % of the number of keyword clips, rounded down, drawn
    silence     the same number of clips of zeros (training adds background noise to them, augment.py)

A draw ranks candidates by SHA-256 of seed, partition and path and takes the first ones. So it depends on no library's
random numbers, and a file that is added or removed changes at most itself and one other. The order of a split is drawn
likewise: its first clips are a fair sample of it. What was drawn is recorded in `Split.paths`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from toolchain.data.background import training_part
from toolchain.data.decoding import use_decoded
from toolchain.data.layout import CLIP_SAMPLES, KEYWORDS, SILENCE_PATH, Partition, class_labels
from toolchain.data.listing import Listing, list_corpus
from toolchain.data.store import Store, samples_sha256
from toolchain.errors import DataError
from toolchain.progress import Progress, silent

# Per 100 keyword clips, rounded down. Source: research/papers.md section 1.1.
_UNKNOWN_PERCENT = 10
_SILENCE_PERCENT = 10

# Keyword clips in the test partition of the whole corpora, which published figures were measured on.
# Source: research/papers.md section 1.1 for 0.01; the test set of 0.02: section 4 (4,890 less 2 x 408).
_WHOLE_TEST_SETS = {2567: "0.01", 4074: "0.02"}


@dataclass(frozen=True, eq=False)
class Split:
    """One partition, ready to use, in a drawn order.

    x: int16 [N, CLIP_SAMPLES], read-only. y: int64 [N], index into `labels`.
    paths: where each clip comes from, relative to the corpus; SILENCE_PATH for silence.
    sha256: over label, path and samples of every clip in order: equal sums mean equal data.
    """

    x: NDArray[np.int16]
    y: NDArray[np.int64]
    labels: tuple[str, ...]
    paths: tuple[str, ...]
    sha256: str

    def counts(self) -> dict[str, int]:
        """Clips of each class."""
        numbers = np.bincount(self.y, minlength=len(self.labels))
        return {label: int(n) for label, n in zip(self.labels, numbers, strict=True)}


@dataclass(frozen=True, eq=False)
class Corpus:
    """A corpus, split. noise: int16 arrays of any length, the parts kept for training. seed: of the draws."""

    train: Split
    validation: Split
    test: Split
    noise: tuple[NDArray[np.int16], ...]
    seed: int

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, in the order of y."""
        return self.train.labels

    @property
    def sha256(self) -> str:
        """Over the three splits and the noise."""
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            digest.update(split.sha256.encode())
        for samples in self.noise:
            digest.update(samples_sha256(samples).encode())
        return digest.hexdigest()

    @property
    def comparability(self) -> str:
        """One sentence: whether an accuracy on the test split may be set beside published ones. Print it with each."""
        counts = self.test.counts()
        n_keyword = sum(counts[label] for label in self.labels[:-2])
        version = _WHOLE_TEST_SETS.get(n_keyword)
        if version and self.labels == class_labels():
            return (
                f"Test clips: all {n_keyword:,} keyword clips of Speech Commands v{version}, as in published figures."
            )
        return (
            f"Test clips: {n_keyword:,} of keywords, which is no whole Speech Commands test set "
            f"(v0.01: 2,567; v0.02: 4,074): accuracies compare models with each other, not with published figures."
        )


def load_corpus(
    folder: Path,
    *,
    seed: int = 0,
    keywords: tuple[str, ...] = KEYWORDS,
    cache: Path | None = None,
    progress: Progress = silent,
) -> Corpus:
    """Read a corpus in Speech Commands layout.

    seed: of the draws (unknown words, order). cache: where the decoded corpus is kept, files.cache_folder() without.
    progress counts decoded files; it is not called where the cache has them all.
    Raises DataError: no such folder, a keyword without clips, an empty partition, bad audio (counted, the first named).
    """
    listing = list_corpus(folder)
    _check_keywords(listing, keywords)
    drawn = {partition: _draw(listing, partition, keywords, seed) for partition in Partition}
    return use_decoded(
        listing, lambda store: _gather(listing, drawn, keywords, seed, store), cache=cache, progress=progress
    )


@dataclass(frozen=True)
class _Draw:
    """One clip of a split: its class, and its row among the listing's clips (None for silence)."""

    label: int
    row: int | None


def _check_keywords(listing: Listing, keywords: tuple[str, ...]) -> None:
    for place, word in enumerate(keywords):
        if word in keywords[:place]:
            raise DataError(f"keyword {word!r} is given twice")
    missing = [word for word in keywords if word not in listing.words]
    if missing:
        raise DataError(
            f"{listing.folder}: no clips of {', '.join(missing)}; the words here are {', '.join(listing.words)}"
        )


def _draw(listing: Listing, partition: Partition, keywords: tuple[str, ...], seed: int) -> list[_Draw]:
    """The clips of a partition in their order. Raises DataError where it has no keyword."""
    labels = {word: label for label, word in enumerate(keywords)}
    known: list[_Draw] = []
    others: list[int] = []
    for row, clip in enumerate(listing.clips):
        if clip.partition is not partition:
            continue
        if clip.word in labels:
            known.append(_Draw(labels[clip.word], row))
        else:
            others.append(row)
    if not known:
        raise DataError(
            f"{listing.folder}: no keyword clip falls into the {partition} partition; the split goes by speaker "
            f"(10 % validation, 10 % test), so a corpus needs some dozens of speakers"
        )
    paths = [clip.path for clip in listing.clips]
    silence, unknown = len(keywords), len(keywords) + 1
    n_unknown = len(known) * _UNKNOWN_PERCENT // 100
    others.sort(key=lambda row: _rank(seed, partition, "unknown", paths[row]))
    drawn = known + [_Draw(unknown, row) for row in others[:n_unknown]]
    drawn += [_Draw(silence, None)] * (len(known) * _SILENCE_PERCENT // 100)
    order = [
        (_rank(seed, partition, "order", f"{SILENCE_PATH}{place}" if one.row is None else paths[one.row]), place)
        for place, one in enumerate(drawn)
    ]
    return [drawn[place] for _, place in sorted(order)]


def _rank(seed: int, partition: Partition, purpose: str, path: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{partition}\0{purpose}\0{path}".encode()).digest()


def _gather(
    listing: Listing, drawn: dict[Partition, list[_Draw]], keywords: tuple[str, ...], seed: int, store: Store
) -> Corpus:
    labels = class_labels(keywords)
    train, validation, test = (_split(listing, drawn[partition], labels, store) for partition in Partition)
    noise = tuple(part for samples in store.noise() if len(part := training_part(samples)))
    return Corpus(train, validation, test, noise, seed)


def _split(listing: Listing, drawn: Sequence[_Draw], labels: tuple[str, ...], store: Store) -> Split:
    x = np.zeros((len(drawn), CLIP_SAMPLES), np.int16)
    places = [place for place, one in enumerate(drawn) if one.row is not None]
    store.take([one.row for one in drawn if one.row is not None], x, places)
    x.flags.writeable = False
    paths = tuple(SILENCE_PATH if one.row is None else listing.clips[one.row].path for one in drawn)
    silence = samples_sha256(np.zeros(CLIP_SAMPLES, np.int16))
    digest = hashlib.sha256()
    for one, path in zip(drawn, paths, strict=True):
        samples = silence if one.row is None else store.facts[one.row].samples_sha256
        digest.update(f"{labels[one.label]}\0{path}\0{samples}\n".encode())
    return Split(x, np.array([one.label for one in drawn], np.int64), labels, paths, digest.hexdigest())
