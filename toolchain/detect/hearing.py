# SPDX-License-Identifier: Apache-2.0
"""hear: a stream through front ends and networks, one decision a hop, features computed once for all networks alike.

rows of features    r0 r1 r2 ... every `hop` of the front end, from the device's streaming C code
decision 0          [r0 ......... r(T-1)]             the network sees the newest T rows and keeps nothing
decision 1               [r(D) ......... r(T-1+D)]    D rows later
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from toolchain.data.layout import SAMPLE_RATE_HZ
from toolchain.data.streams.stream import Stream
from toolchain.detect.listener import Listener, Outputs
from toolchain.errors import ModelError
from toolchain.frontend import FeatureSpec
from toolchain.frontend.streaming import FrontEndStream, samples_before
from toolchain.progress import Progress, silent


@dataclass(frozen=True, eq=False)
class Heard:
    """What a listener gave. outputs: [N, classes]. times: int64 [N], samples heard when each decision was made."""

    listener: Listener
    outputs: Outputs
    times: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Hearing:
    """One Heard for each listener, in their order. sha256: of the stream's samples, int16 little-endian."""

    heard: tuple[Heard, ...]
    sha256: str


def rows_per_decision(spec: FeatureSpec, hop_ms: int) -> int:
    """D. Raises ModelError where no whole number of rows, or more than a window has, fits into `hop_ms`."""
    samples = hop_ms * spec.sample_rate_hz // 1000
    if spec.sample_rate_hz != SAMPLE_RATE_HZ:
        raise ModelError(f"a front end at {spec.sample_rate_hz} Hz cannot hear a stream of {SAMPLE_RATE_HZ} Hz")
    row_ms = spec.hop_samples * 1000 / SAMPLE_RATE_HZ
    if samples % spec.hop_samples or not 1 <= samples // spec.hop_samples <= spec.n_frames:
        raise ModelError(
            f"--hop-ms {hop_ms}: a decision comes every 1 to {spec.n_frames} rows of features, which are {row_ms:g} ms "
            f"apart: take a multiple of {row_ms:g} up to {spec.n_frames * row_ms:g}"
        )
    return samples // spec.hop_samples


def usual_hop_ms(specs: Sequence[FeatureSpec]) -> int:
    """The longest hop up to 100 ms that all of them can make. Raises ModelError where there is none."""
    for hop_ms in range(100, 0, -1):
        samples = hop_ms * SAMPLE_RATE_HZ // 1000
        if all(samples % spec.hop_samples == 0 and samples <= spec.n_frames * spec.hop_samples for spec in specs):
            return hop_ms
    raise ModelError("these front ends have no hop up to 100 ms in common: name one with --hop-ms, or compare others")


def hear(stream: Stream, listeners: Sequence[Listener], hop_ms: int, progress: Progress = silent) -> Hearing:
    """All listeners over the whole stream, scene by scene. progress counts scenes.

    Raises as rows_per_decision does, ModelError where the stream is too short for a decision, and what running a
    network raises.
    """
    ears: dict[tuple[str, str], _Ear] = {}
    groups: dict[tuple[str, str], list[int]] = {}
    for place, listener in enumerate(listeners):
        key = (listener.spec.sha256, repr(listener.normalisation))
        ears.setdefault(key, _Ear(listener, rows_per_decision(listener.spec, hop_ms)))
        groups.setdefault(key, []).append(place)
    parts: list[list[Outputs]] = [[] for _ in listeners]
    digest = hashlib.sha256()
    for index, audio in enumerate(stream.scenes()):
        digest.update(audio.astype("<i2").data)
        for key, ear in ears.items():
            windows = ear.windows(audio)
            for place in groups[key] if len(windows) else ():
                parts[place].append(listeners[place].run(windows))
        progress(index + 1, stream.n_scenes)
    heard = []
    for listener, outputs in zip(listeners, parts, strict=True):
        if not outputs:
            seconds = listener.spec.clip_samples / SAMPLE_RATE_HZ
            raise ModelError(
                f"{listener.name}: sees {seconds:g} s at once; the stream of {stream.hours:.3g} h is shorter"
            )
        together = np.concatenate(outputs)
        heard.append(Heard(listener, together, decision_times(listener.spec, hop_ms, len(together))))
    return Hearing(tuple(heard), digest.hexdigest())


def decision_times(spec: FeatureSpec, hop_ms: int, count: int) -> NDArray[np.int64]:
    """Samples heard when decision 0, 1, ... count - 1 is made."""
    first = samples_before(spec, spec.n_frames - 1)
    return first + np.arange(count, dtype=np.int64) * rows_per_decision(spec, hop_ms) * spec.hop_samples


class _Ear:
    """One front end and the rows that coming windows still need."""

    def __init__(self, listener: Listener, rows_per_window: int) -> None:
        self._front_end = FrontEndStream(listener.spec, listener.normalisation)
        self._step = rows_per_window
        self._rows = np.empty((0, listener.spec.n_features), np.int8)

    def windows(self, audio: NDArray[np.int16]) -> NDArray[np.int8]:
        """The windows that end in these samples, int8 [N, T, F]."""
        self._rows = np.concatenate([self._rows, self._front_end.push(audio)])
        n_frames = self._front_end.spec.n_frames
        if len(self._rows) < n_frames:
            return np.empty((0, *self._front_end.spec.shape), np.int8)
        windows = sliding_window_view(self._rows, n_frames, axis=0)[:: self._step]  # [N, F, T]
        found = np.ascontiguousarray(windows.transpose(0, 2, 1))
        self._rows = self._rows[len(found) * self._step :]
        return found
