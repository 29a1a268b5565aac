# SPDX-License-Identifier: Apache-2.0
"""A folder in Speech Commands layout -> the audio files in it, in an order that no file system can change.

Only names, sizes and times are looked at; nothing is opened. Word folders are those whose name begins with neither `_`
nor `.`; in them and in `_background_noise_`, files with an audio extension count and the rest is passed over (counted).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolchain.data.layout import EXTENSIONS, NOISE_FOLDER, Partition, partition_of, speaker_of
from toolchain.errors import DataError


@dataclass(frozen=True)
class AudioFile:
    """One file: `path` is relative to the corpus, with `/`."""

    path: str
    n_bytes: int
    mtime_ns: int

    @property
    def word(self) -> str:
        """Name of the folder it lies in."""
        return self.path.split("/", 1)[0]

    @property
    def name(self) -> str:
        """File name without the folder."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def speaker(self) -> str:
        """Who speaks, see layout.speaker_of."""
        return speaker_of(self.name)

    @property
    def partition(self) -> Partition:
        """Where it belongs, see layout.partition_of."""
        return partition_of(self.name)


@dataclass(frozen=True)
class Listing:
    """Files of a corpus, each tuple sorted by path. `n_ignored` counts files that are no audio by their extension."""

    folder: Path
    clips: tuple[AudioFile, ...]
    noise: tuple[AudioFile, ...]
    n_ignored: int

    @property
    def files(self) -> tuple[AudioFile, ...]:
        """Clips, then noise."""
        return self.clips + self.noise

    @property
    def words(self) -> tuple[str, ...]:
        """Words that have a clip, sorted."""
        return tuple(sorted({clip.word for clip in self.clips}))


def list_corpus(folder: Path) -> Listing:
    """List the files of `folder`. Raises DataError where it is no folder or holds no word with an audio file."""
    clips: list[AudioFile] = []
    noise: list[AudioFile] = []
    n_ignored = 0
    for entry in _entries(folder, folder):
        is_noise = entry.name == NOISE_FOLDER
        if not entry.is_dir() or (entry.name[0] in "._" and not is_noise):
            continue
        for file in _entries(Path(entry.path), folder):
            if not file.is_file() or file.name.startswith(".") or not file.name.lower().endswith(EXTENSIONS):
                n_ignored += 1
                continue
            status = file.stat()
            found = AudioFile(f"{entry.name}/{file.name}", status.st_size, status.st_mtime_ns)
            (noise if is_noise else clips).append(found)
    if not clips:
        raise DataError(
            f"{folder}: no audio in Speech Commands layout here (<word>/<speaker>_nohash_<n>.wav, also "
            f"{', '.join(EXTENSIONS[1:])}); `subbyte data get` and `subbyte data synth` make such a folder"
        )
    return Listing(folder, tuple(sorted(clips, key=_by_path)), tuple(sorted(noise, key=_by_path)), n_ignored)


def _by_path(file: AudioFile) -> str:
    return file.path


def _entries(folder: Path, corpus: Path) -> Iterator[os.DirEntry[str]]:
    """What lies in a folder. Raises DataError where it cannot be read or a name is no UTF-8."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    entry.name.encode()
                except UnicodeEncodeError:
                    shown = os.fsencode(entry.path).decode(errors="backslashreplace")
                    raise DataError(f"{shown}: the name is not UTF-8; rename it") from None
                yield entry
    except NotADirectoryError:
        raise DataError(f"{folder}: is a file; a corpus is a folder of word folders") from None
    except FileNotFoundError:
        raise DataError(
            f"{corpus}: there is no such folder; `subbyte data get` downloads a corpus, `subbyte data synth` makes one"
        ) from None
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed: {error.strerror or error}") from error
