# SPDX-License-Identifier: Apache-2.0
"""All files of a listing, decoded in threads (libsndfile works outside Python's lock) and kept in the cache.

The cache's key covers every name, size and time of the listing and the versions of what decodes, and neither seeds nor
classes: one decoded corpus serves every split. A corpus with a bad file is never kept, so mending the file is enough.
Where the cache folder cannot be written the decoded corpus lies in the temporary folder for as long as it is open.

Measured: 24,851 files of Speech Commands v0.01, 20,646 of them Opus: 70 CPU seconds (2.9 ms an Opus clip, 0.4 ms a FLAC
one); opening the cache and taking 23,684 clips out, checksums included: 3 CPU seconds.
"""

import contextlib
import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from toolchain.data.audio import decode_audio, fitted, read_content
from toolchain.data.layout import CLIP_SAMPLES, SAMPLE_RATE_HZ
from toolchain.data.listing import AudioFile, Listing
from toolchain.data.store import DamagedStoreError, FileFacts, Store, StoreWriter, corpus_folder, samples_sha256
from toolchain.errors import DataError
from toolchain.files import cache_folder
from toolchain.progress import Progress, silent

_Found = TypeVar("_Found")

# Raised when the same file would give other samples: part of the key.
_DECODER_VERSION = 1
_ABANDONED_S = 24 * 3600
_AT_A_TIME = 64  # files given to the threads between two looks at an interrupt


@dataclass(frozen=True)
class BadFile:
    """A file that cannot be used; `reason` is a whole sentence that names it."""

    file: AudioFile
    reason: str


@dataclass(frozen=True, eq=False)
class Decoded:
    """A decoded corpus. facts: of the good files, in the listing's order. store: None where a file is bad."""

    listing: Listing
    facts: tuple[FileFacts, ...]
    bad: tuple[BadFile, ...]
    store: Store | None

    def checked_store(self) -> Store:
        """The store. Raises DataError that counts the bad files and names the first."""
        if self.store is None:
            others = f" ({len(self.bad)} files of {len(self.listing.files):,} are bad: `subbyte data info` lists them)"
            raise DataError(self.bad[0].reason + (others if len(self.bad) > 1 else ""))
        return self.store


def decode_corpus(listing: Listing, *, cache: Path | None = None, progress: Progress = silent) -> Decoded:
    """Decode a corpus, or open what an earlier call kept.

    cache: folder to keep it in; files.cache_folder() without. progress counts files.
    Raises DataError where the disk is full; bad audio is told by `Decoded.bad`.
    """
    key = _key(listing)
    kept = _kept_path(listing, cache, key)
    with contextlib.suppress(DamagedStoreError):
        store = Store(kept, listing, key)
        return Decoded(listing, store.facts, (), store)
    return _decode(listing, kept, key, progress)


def use_decoded(
    listing: Listing, work: Callable[[Store], _Found], *, cache: Path | None = None, progress: Progress = silent
) -> _Found:
    """What `work` makes of the decoded corpus; where what was kept of it is damaged, of one decoded anew.

    cache, progress: as in decode_corpus. Raises DataError: bad audio (counted, the first named), a failing disk.
    """
    with contextlib.suppress(DamagedStoreError):
        return work(decode_corpus(listing, cache=cache, progress=progress).checked_store())
    forget_corpus(listing.folder, cache=cache)
    store = decode_corpus(listing, cache=cache, progress=progress).checked_store()
    try:
        return work(store)
    except DamagedStoreError as error:
        raise DataError(
            f"{listing.folder}: {error} right after they were decoded; disk or memory is failing"
        ) from error


def forget_corpus(folder: Path, *, cache: Path | None = None) -> None:
    """Remove what the cache holds of the corpus in `folder`."""
    for path in (cache or cache_folder()).glob(f"{_stem(folder)}-*.pcm"):
        path.unlink(missing_ok=True)


def _key(listing: Listing) -> str:
    versions = (_DECODER_VERSION, soundfile.__libsndfile_version__, soxr.__version__, SAMPLE_RATE_HZ, CLIP_SAMPLES)
    digest = hashlib.sha256(repr(versions).encode())
    for file in listing.files:
        digest.update(f"{file.path}\0{file.n_bytes}\0{file.mtime_ns}\n".encode())
    return digest.hexdigest()


def _stem(folder: Path) -> str:
    """Names the corpus by its place, so that a changed corpus replaces what was kept of it before."""
    return "corpus-" + hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]


def _kept_path(listing: Listing, cache: Path | None, key: str) -> Path:
    return (cache or cache_folder()) / f"{_stem(listing.folder)}-{key[:24]}.pcm"


def _decode(listing: Listing, kept: Path, key: str, progress: Progress) -> Decoded:
    n_clips = len(listing.clips)
    noise: dict[int, NDArray[np.int16]] = {}
    facts: list[FileFacts] = []
    bad: list[BadFile] = []
    with _new_file(kept) as (descriptor, aside):
        writer = StoreWriter(descriptor, n_clips)

        def decoded(place: int) -> FileFacts | BadFile:
            is_clip = place < n_clips
            one = _decode_file(listing, listing.files[place], is_clip)
            if isinstance(one, BadFile):
                return one
            known, samples = one
            if is_clip:
                writer.put_clip(place, samples)
            else:
                noise[place] = samples
            return known

        for result in _in_threads(decoded, len(listing.files), progress):
            if isinstance(result, BadFile):
                bad.append(result)
            else:
                facts.append(result)
        if bad:
            return Decoded(listing, tuple(facts), tuple(bad), None)
        writer.finish([noise[place] for place in sorted(noise)], facts, key, listing.folder)
        store = Store(aside, listing, key)
        if aside.parent == kept.parent:
            aside.replace(kept)
            _tidy(listing.folder, kept)
    return Decoded(listing, tuple(facts), (), store)


def _tidy(folder: Path, kept: Path) -> None:
    """Remove from the cache: earlier states of this corpus, corpora that are gone, what killed processes left."""
    for path in kept.parent.glob("corpus-*.pcm"):
        corpus = corpus_folder(path)
        if path != kept and (path.name.startswith(_stem(folder)) or (corpus and not corpus.exists())):
            path.unlink(missing_ok=True)
    for path in kept.parent.glob(".corpus-*.part"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED_S:
                path.unlink()


def _decode_file(listing: Listing, file: AudioFile, is_clip: bool) -> tuple[FileFacts, NDArray[np.int16]] | BadFile:
    path = listing.folder / file.path
    try:
        content = read_content(path)
        audio = decode_audio(content, str(path), max_samples=CLIP_SAMPLES if is_clip else None)
    except DataError as error:
        return BadFile(file, str(error))
    samples = fitted(audio.samples, CLIP_SAMPLES) if is_clip else audio.samples
    sha256 = hashlib.sha256(content).hexdigest()
    return FileFacts(file, audio.facts, len(samples), sha256, samples_sha256(samples)), samples


def _in_threads(
    work: Callable[[int], FileFacts | BadFile], n_files: int, progress: Progress
) -> Iterator[FileFacts | BadFile]:
    """Results in order. An exception or an interrupt stops after the files that are under way."""
    stop = threading.Event()

    def some(start: int) -> Sequence[FileFacts | BadFile]:
        done = []
        for place in range(start, min(start + _AT_A_TIME, n_files)):
            if stop.is_set():
                break
            done.append(work(place))
        return done

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            n_done = 0
            for done in pool.map(some, range(0, n_files, _AT_A_TIME)):
                yield from done
                n_done += len(done)
                progress(n_done, n_files)
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


@contextmanager
def _new_file(kept: Path) -> Iterator[tuple[int, Path]]:
    """An open file beside `kept`, or in the temporary folder where that cannot be; removed unless it was renamed.

    Raises DataError where it cannot be filled.
    """
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{kept.name}.", suffix=".part", dir=kept.parent)
    except OSError:
        descriptor, name = tempfile.mkstemp(prefix="subbyte-", suffix=".pcm")
    aside = Path(name)
    try:
        yield descriptor, aside
    except OSError as error:
        raise DataError(
            f"{aside.parent}: cannot keep the decoded corpus: {error.strerror or error}; it takes 32 kB a clip. "
            f"Set XDG_CACHE_HOME to a folder with room"
        ) from error
    finally:
        os.close(descriptor)
        aside.unlink(missing_ok=True)
