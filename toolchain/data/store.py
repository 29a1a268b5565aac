# SPDX-License-Identifier: Apache-2.0
"""A decoded corpus as one file that is mapped into memory: decoding takes a minute, opening this takes a blink.

    0      magic, position and length of the index, SHA-256 of the index
    64     the corpus's folder, UTF-8, then zeros up to the page's end
    4096   clips, int16 little-endian [n_clips, CLIP_SAMPLES], in the listing's order
           noise recordings, int16, one after the other
           index: JSON, the key and one row a file (what it was, its SHA-256, the SHA-256 of its samples)

The header is written last and the file renamed last, so a half-written one is never opened. The index is checked on
opening; samples are checked against their own SHA-256 whenever they are taken out (`take`, `noise`).
"""

import hashlib
import json
import os
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolchain.data.audio import AudioFacts
from toolchain.data.layout import CLIP_SAMPLES
from toolchain.data.listing import AudioFile, Listing

_MAGIC = b"subbyte pcm 2\n\0\0"
_HEADER = struct.Struct("<16sQQ32s")
_CLIPS_AT = 4096
_CLIP_BYTES = 2 * CLIP_SAMPLES
_DTYPE = np.dtype("<i2")
_CHUNK = 256  # clips checked by one task


class DamagedStoreError(Exception):
    """The file is not what was written. Never leaves this package: the corpus is decoded again."""


@dataclass(frozen=True)
class FileFacts:
    """One decoded file. n_samples: as kept, at 16 kHz (clips: always CLIP_SAMPLES)."""

    file: AudioFile
    audio: AudioFacts
    n_samples: int
    file_sha256: str
    samples_sha256: str


def corpus_folder(path: Path) -> Path | None:
    """The corpus that the store at `path` was made from; None where that cannot be told."""
    try:
        with path.open("rb") as stream:
            page = stream.read(_CLIPS_AT)
    except OSError:
        return None
    name = page[_HEADER.size :].split(b"\0", 1)[0]
    return Path(os.fsdecode(name)) if page.startswith(_MAGIC) and name else None


def samples_sha256(samples: NDArray[np.int16]) -> str:
    """SHA-256 of the samples as little-endian int16."""
    return hashlib.sha256(np.ascontiguousarray(samples, _DTYPE).data).hexdigest()


class StoreWriter:
    """Fills an open file. Clips may come in any order and from several threads; `finish` makes it a store."""

    def __init__(self, descriptor: int, n_clips: int) -> None:
        self._descriptor = descriptor
        self._end = _CLIPS_AT + n_clips * _CLIP_BYTES

    def put_clip(self, row: int, samples: NDArray[np.int16]) -> None:
        """Write clip number `row`. samples: int16 [CLIP_SAMPLES]. Raises OSError (full disk)."""
        self._put(np.ascontiguousarray(samples, _DTYPE).tobytes(), _CLIPS_AT + row * _CLIP_BYTES)

    def finish(self, noise: Sequence[NDArray[np.int16]], facts: Sequence[FileFacts], key: str, folder: Path) -> None:
        """Append noise and index, then write the header and flush all of it to disk. Raises OSError."""
        at = self._end
        for samples in noise:
            content = np.ascontiguousarray(samples, _DTYPE).tobytes()
            self._put(content, at)
            at += len(content)
        rows = [_row(one) for one in facts]
        index = json.dumps({"key": key, "files": rows}, separators=(",", ":")).encode()
        self._put(index, at)
        self._put(os.fsencode(folder.resolve())[: _CLIPS_AT - _HEADER.size - 1] + b"\0", _HEADER.size)
        os.fsync(self._descriptor)
        self._put(_HEADER.pack(_MAGIC, at, len(index), hashlib.sha256(index).digest()), 0)
        os.fsync(self._descriptor)

    def _put(self, content: bytes, at: int) -> None:
        view = memoryview(content)
        while view:  # a nearly full disk takes less than it was given, and refuses the next call
            written = os.pwrite(self._descriptor, view, at)
            view, at = view[written:], at + written


class Store:
    """An opened store. `facts`: one entry a file, clips then noise, in the order of the listing."""

    def __init__(self, path: Path, listing: Listing, key: str) -> None:
        """Open and check the index. Raises DamagedStoreError where the file is another one or was altered."""
        self.facts, index_at = _read_index(path, listing, key)
        n_clips = len(listing.clips)
        self._clips: NDArray[np.int16] = np.memmap(path, _DTYPE, "r", _CLIPS_AT, (n_clips, CLIP_SAMPLES))
        self._noise: list[NDArray[np.int16]] = []
        at = _CLIPS_AT + n_clips * _CLIP_BYTES
        for one in self.facts[n_clips:]:
            self._noise.append(np.memmap(path, _DTYPE, "r", at, (one.n_samples,)))
            at += 2 * one.n_samples
        if at != index_at:
            raise DamagedStoreError(f"{path}: {index_at - at} bytes between samples and index")

    def take(self, rows: Sequence[int], out: NDArray[np.int16], places: Sequence[int]) -> None:
        """Copy clip rows[i] to out[places[i]]. out: int16 [n, CLIP_SAMPLES]. Raises DamagedStoreError."""

        def some(start: int) -> None:
            for i in range(start, min(start + _CHUNK, len(rows))):
                out[places[i]] = self._clips[rows[i]]
                self._check(self.facts[rows[i]], out[places[i]])

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(some, range(0, len(rows), _CHUNK)))

    def noise(self) -> tuple[NDArray[np.int16], ...]:
        """Copies of the noise recordings. Raises DamagedStoreError on a wrong SHA-256."""
        taken = tuple(np.array(samples, np.int16) for samples in self._noise)
        for one, samples in zip(self.facts[len(self._clips) :], taken, strict=True):
            self._check(one, samples)
        return taken

    @staticmethod
    def _check(one: FileFacts, samples: NDArray[np.int16]) -> None:
        if samples_sha256(samples) != one.samples_sha256:
            raise DamagedStoreError(f"samples of {one.file.path} were altered")


def _read_index(path: Path, listing: Listing, key: str) -> tuple[tuple[FileFacts, ...], int]:
    """The facts of all files and where the index begins. Raises DamagedStoreError."""
    try:
        with path.open("rb") as stream:
            magic, index_at, index_bytes, digest = _HEADER.unpack(stream.read(_HEADER.size))
            if magic != _MAGIC or index_at + index_bytes != os.fstat(stream.fileno()).st_size:
                raise DamagedStoreError(f"{path}: wrong header or length")
            stream.seek(index_at)
            index = stream.read(index_bytes)
    except (OSError, struct.error) as error:
        raise DamagedStoreError(f"{path}: {error}") from error
    if hashlib.sha256(index).digest() != digest:
        raise DamagedStoreError(f"{path}: wrong checksum of the index")
    parsed = json.loads(index)
    rows = parsed["files"]
    if parsed["key"] != key or [row[0] for row in rows] != [file.path for file in listing.files]:
        raise DamagedStoreError(f"{path}: belongs to another corpus")
    return tuple(_facts(row, file) for row, file in zip(rows, listing.files, strict=True)), index_at


def _row(one: FileFacts) -> list[Any]:
    audio = one.audio
    described = [audio.container, audio.subtype, audio.rate_hz, audio.channels, audio.n_frames]
    return [one.file.path, *described, one.n_samples, one.file_sha256, one.samples_sha256]


def _facts(row: list[Any], file: AudioFile) -> FileFacts:
    _, container, subtype, rate_hz, channels, n_frames, n_samples, file_sha256, digest = row
    audio = AudioFacts(container, subtype, rate_hz, channels, n_frames)
    return FileFacts(file, audio, n_samples, file_sha256, digest)
