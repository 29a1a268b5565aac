# SPDX-License-Identifier: Apache-2.0
"""What is in a corpus: counts, formats, lengths, damage, copies. Reads everything, changes nothing.

Every file is decoded, not just its header looked at, so a file that passes here passes in training. Byte-identical
files are told apart by whether they stand in two partitions (tested on what was trained on) or under two words (one of
them is wrong).
"""

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from toolchain.data.audio import AudioFacts
from toolchain.data.decoding import BadFile, Decoded, decode_corpus
from toolchain.data.layout import CLIP_SAMPLES, KEYWORDS, NOISE_FOLDER, SAMPLE_RATE_HZ, UNKNOWN, Partition
from toolchain.data.listing import AudioFile, list_corpus
from toolchain.data.store import FileFacts
from toolchain.progress import Progress, silent

Value = TypeVar("Value", int, str)

_CLIP_S = CLIP_SAMPLES / SAMPLE_RATE_HZ


@dataclass(frozen=True)
class WordCount:
    """Clips of one word; `label` is the class they belong to."""

    word: str
    label: str
    train: int
    validation: int
    test: int

    @property
    def total(self) -> int:
        """Clips in all partitions."""
        return self.train + self.validation + self.test


@dataclass(frozen=True)
class Length:
    """A recording and how long it is."""

    path: str
    seconds: float


@dataclass(frozen=True)
class Changes:
    """How many clips are altered on the way in."""

    resampled: int
    mixed_down: int
    padded: int  # shorter than a clip: zeros at the end
    cut: int  # longer: the end is lost


@dataclass(frozen=True)
class CorpusInfo:
    """The report. Counts and lengths are of the good files; `bad` has the others.

    speakers: of each partition. rates_hz, formats, channels: of clips and noise, by number of files.
    copies: groups of clips with the same bytes, paths sorted. sha256: of the lines `<sha256 of file>  <path>` in order
    of path, as `sha256sum` prints them for the audio files; None while a file is bad.
    """

    folder: Path
    n_clips: int
    n_bytes: int
    words: tuple[WordCount, ...]
    speakers: dict[Partition, int]
    rates_hz: dict[int, int]
    formats: dict[str, int]
    channels: dict[int, int]
    shortest: Length | None
    longest: Length | None
    changes: Changes
    noise: tuple[Length, ...]
    bad: tuple[BadFile, ...]
    n_ignored: int
    copies: tuple[tuple[AudioFile, ...], ...]
    sha256: str | None

    @property
    def copies_across_partitions(self) -> tuple[tuple[AudioFile, ...], ...]:
        """Groups that stand in more than one partition."""
        return tuple(group for group in self.copies if len({file.partition for file in group}) > 1)

    @property
    def copies_across_words(self) -> tuple[tuple[AudioFile, ...], ...]:
        """Groups that stand under more than one word."""
        return tuple(group for group in self.copies if len({file.word for file in group}) > 1)

    @property
    def noise_minutes(self) -> float:
        """Length of all background noise."""
        return sum(one.seconds for one in self.noise) / 60


def inspect_corpus(folder: Path, *, cache: Path | None = None, progress: Progress = silent) -> CorpusInfo:
    """Read all of a corpus. progress counts decoded files. Raises DataError where the folder is no corpus."""
    decoded = decode_corpus(list_corpus(folder), cache=cache, progress=progress)
    listing = decoded.listing
    clips = [one for one in decoded.facts if one.file.word != NOISE_FOLDER]
    noise = [one for one in decoded.facts if one.file.word == NOISE_FOLDER]
    lengths = sorted((_length(one) for one in clips), key=lambda length: (length.seconds, length.path))
    return CorpusInfo(
        folder=folder,
        n_clips=len(clips),
        n_bytes=sum(file.n_bytes for file in listing.files),
        words=_words(clips),
        speakers={part: len({one.file.speaker for one in clips if one.file.partition is part}) for part in Partition},
        rates_hz=_counted([one.audio.rate_hz for one in decoded.facts]),
        formats=_counted([f"{one.audio.container} {one.audio.subtype}" for one in decoded.facts]),
        channels=_counted([one.audio.channels for one in decoded.facts]),
        shortest=lengths[0] if lengths else None,
        longest=lengths[-1] if lengths else None,
        changes=_changes([one.audio for one in clips]),
        noise=tuple(_length(one) for one in noise),
        bad=decoded.bad,
        n_ignored=listing.n_ignored,
        copies=_copies(clips),
        sha256=_listing_sha256(decoded),
    )


def _words(clips: list[FileFacts]) -> tuple[WordCount, ...]:
    """Keywords in class order, then the other words by name."""
    numbers = Counter((one.file.word, one.file.partition) for one in clips)
    present = {word for word, _ in numbers}
    ordered = [word for word in KEYWORDS if word in present] + sorted(present - set(KEYWORDS))
    return tuple(
        WordCount(word, word if word in KEYWORDS else UNKNOWN, *(numbers[word, partition] for partition in Partition))
        for word in ordered
    )


def _changes(clips: list[AudioFacts]) -> Changes:
    return Changes(
        resampled=sum(audio.rate_hz != SAMPLE_RATE_HZ for audio in clips),
        mixed_down=sum(audio.channels > 1 for audio in clips),
        padded=sum(audio.seconds < _CLIP_S for audio in clips),
        cut=sum(audio.seconds > _CLIP_S for audio in clips),
    )


def _copies(clips: list[FileFacts]) -> tuple[tuple[AudioFile, ...], ...]:
    groups: defaultdict[str, list[AudioFile]] = defaultdict(list)
    for one in clips:
        groups[one.file_sha256].append(one.file)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _listing_sha256(decoded: Decoded) -> str | None:
    if decoded.bad:
        return None
    lines = sorted((one.file.path, one.file_sha256) for one in decoded.facts)
    return hashlib.sha256("".join(f"{digest}  {path}\n" for path, digest in lines).encode()).hexdigest()


def _length(one: FileFacts) -> Length:
    return Length(one.file.path, one.audio.seconds)


def _counted(values: list[Value]) -> dict[Value, int]:
    """How often each value occurs, the commonest first."""
    return dict(Counter(values).most_common())
