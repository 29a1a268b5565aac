# SPDX-License-Identifier: Apache-2.0
"""Windows: what a detector on a stream sees, cut out of hours of stream mixed from the training part.

    stream    ....[ yes ]..........[  bed  ]......[ no ]....      words, pauses and background, at a stream's levels
    window        |  yes  |                                       a keyword in its middle, within 100 ms: its class
                        |  (none)  |                              part of a keyword: not trained with
                                |  unknown |                      another word, or a little of any
                          silence                                 nobody speaks

A clip shows a network whole words in the middle of a second. On a stream it meets their halves, two words at once, and
the silence between them a thousand times as often; what it makes of those is where false detections come from. One
window ends with every row of features, so shifts and neighbours cost nothing: rows are computed once by the device's
streaming C code, for all epochs, seeds and widths, and kept in the cache folder.

An epoch has as many windows as the corpus has training clips, drawn by (seed, epoch) alone: first a class, in the
shares below, then one of its windows. Why 100 ms: dense layers over time know nothing of shifts, each place is learnt
anew. Decisions 100 ms apart then meet a word twice or three times, which is what a detector's smoothing wants.
"""

import contextlib
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from toolchain.data.layout import SAMPLE_RATE_HZ
from toolchain.data.streams.recipe import StreamRecipe
from toolchain.data.streams.scene import OTHER, Spoken
from toolchain.data.streams.speech import Speech, speech_of
from toolchain.data.streams.stream import Stream, stream_of
from toolchain.data.words import Words
from toolchain.errors import DataError, SubbyteError
from toolchain.files import cache_folder, write_bytes
from toolchain.frontend import FeatureSpec, Normalisation
from toolchain.frontend.streaming import FrontEndStream, samples_before
from toolchain.progress import Progress, silent

# Denser than what detectors are tested on, and wider in level and background: more words an hour, and more variety.
_PAUSE_MS, _KEYWORD_PERCENT, _GAIN_DB, _SNR_DB = (100, 1500), 60, (-9, 9), (5, 35)
# Of an epoch's windows; the keywords share theirs evenly.
_UNKNOWN_PERCENT, _SILENCE_PERCENT = 30, 10
# Samples that a keyword's middle may lie off the window's.
_OFF_MIDDLE = SAMPLE_RATE_HZ // 10
# Samples of a word that nobody hears, at either end of a window.
_HARDLY = SAMPLE_RATE_HZ // 20
# Percent of a keyword in a window from which on it is no other word any more.
_PART_PERCENT = 35
_NONE = -1
# Sets these draws apart from others of the same seed and epoch.
_WINDOWS = 0x57


@dataclass(frozen=True, eq=False)
class Windows:
    """rows: int8 [N, F], of one stream. places: for each class the rows with which its windows end, int64, none empty.

    n_frames: rows of a window.
    """

    rows: NDArray[np.int8]
    places: tuple[NDArray[np.int64], ...]
    n_frames: int

    def drawn(self, seed: int, epoch: int, n: int) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """An epoch: int8 [n, T, F] and classes int64 [n]."""
        words = np.random.Philox(np.random.SeedSequence([seed, epoch, _WINDOWS])).random_raw(n) >> np.uint64(32)
        n_keywords = len(self.places) - 2
        unknown, silence = n * _UNKNOWN_PERCENT // 100, n * _SILENCE_PERCENT // 100
        classes = np.arange(n, dtype=np.int64) % n_keywords
        classes[:silence] = n_keywords
        classes[silence : silence + unknown] = n_keywords + 1
        ends = np.empty(n, np.int64)
        for label, places in enumerate(self.places):
            of_it = np.flatnonzero(classes == label)
            ends[of_it] = places[(words[of_it] * np.uint64(len(places)) >> np.uint64(32)).astype(np.int64)]
        windows = sliding_window_view(self.rows, self.n_frames, axis=0)  # [N - T + 1, F, T]
        return np.ascontiguousarray(windows[ends - (self.n_frames - 1)].transpose(0, 2, 1)), classes


def windows_of(
    words: Words,
    labels: tuple[str, ...],
    spec: FeatureSpec,
    normalisation: Normalisation,
    hours: float,
    *,
    seed: int,
    progress: Progress = silent,
) -> Windows:
    """Mix `hours` of stream, or find their rows in the cache. labels: keywords, then silence and unknown.

    seed: of the stream. progress counts scenes. Raises DataError: no stream can be mixed, or a class has no window.
    """
    recipe = StreamRecipe(
        seed=seed, pause_ms=_PAUSE_MS, keyword_percent=_KEYWORD_PERCENT, gain_db=_GAIN_DB, snr_db=_SNR_DB
    )
    stream = stream_of(speech_of(words, labels[:-2]), recipe, hours)
    rows = _cached_rows(stream, spec, normalisation, progress)
    classes = window_classes(stream, spec, len(rows))
    places = tuple(np.flatnonzero(classes == label) for label in range(len(labels)))
    if missing := [label for label, found in zip(labels, places, strict=True) if not len(found)]:
        raise DataError(f"{stream.hours:g} hours of training stream have no window of {', '.join(missing)}: take more")
    return Windows(rows, places, spec.n_frames)


def window_classes(stream: Stream, spec: FeatureSpec, n_rows: int) -> NDArray[np.int8]:
    """Class of the window that ends with each row, int8 [n_rows]; -1: not to be trained with."""
    keywords = len(stream.speech.keywords)
    span = (spec.n_frames - 1) * spec.hop_samples + spec.window_samples
    classes = np.full(n_rows, keywords, np.int8)
    first = samples_before(spec, 0)

    def rows(earliest: int, latest: int) -> slice:
        """Windows that end at those samples, both included."""
        begin, end = -(-(earliest - first) // spec.hop_samples), (latest - first) // spec.hop_samples + 1
        return slice(max(0, begin), max(0, end))

    said = [word for plan in stream.plans for word in plan.words]
    for word in said:
        classes[rows(word.start + _HARDLY, word.end + span - _HARDLY)] = keywords + 1
    spoken: list[Spoken] = [word for word in said if word.label != OTHER]
    for word in spoken:
        part = (word.end - word.start) * _PART_PERCENT // 100
        classes[rows(word.start + part, word.end - part + span)] = _NONE
    for word in spoken:
        middle = (word.start + word.end + span) // 2
        classes[rows(middle - _OFF_MIDDLE, middle + _OFF_MIDDLE)] = word.label
    classes[: spec.n_frames - 1] = _NONE
    return classes


def _cached_rows(
    stream: Stream, spec: FeatureSpec, normalisation: Normalisation, progress: Progress
) -> NDArray[np.int8]:
    """int8 [N, F]. A kept file counts where its hash is right and its first scene is what the front end now makes."""
    scenes = stream.scenes()
    front_end = FrontEndStream(spec, normalisation)
    begun = front_end.push(next(scenes))
    path = cache_folder() / "windows" / f"{_digest(stream, spec, normalisation)}.rows"
    kept = _read(path, spec.n_features)
    if kept is not None and np.array_equal(kept[: len(begun)], begun):
        return kept
    parts = [begun]
    for index, audio in enumerate(scenes, 2):
        parts.append(front_end.push(audio))
        progress(index, stream.n_scenes)
    rows = np.concatenate(parts)
    content = rows.tobytes()
    with contextlib.suppress(SubbyteError):  # where nothing can be kept it is made again the next time
        write_bytes(path, hashlib.sha256(content).digest() + content)
    return rows


def _read(path: Path, n_features: int) -> NDArray[np.int8] | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, values = content[:32], content[32:]
    if hashlib.sha256(values).digest() != digest:
        return None
    return np.frombuffer(values, np.int8).reshape(-1, n_features)


def _digest(stream: Stream, spec: FeatureSpec, normalisation: Normalisation) -> str:
    """Of all that decides the rows."""
    speech: Speech = stream.speech
    decides = (
        stream.recipe.to_dict(),
        stream.n_scenes,
        spec.sha256,
        repr(normalisation),
        speech.keywords,
        speech.paths,
    )
    digest = hashlib.sha256(json.dumps(decides).encode())
    for samples in (speech.clips, *speech.noise):
        digest.update(np.ascontiguousarray(samples).data)
    return digest.hexdigest()
