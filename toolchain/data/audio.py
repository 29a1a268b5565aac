# SPDX-License-Identifier: Apache-2.0
"""One audio file -> int16 samples, one channel, at the rate we ask for.

Everything that libsndfile reads is welcome (WAV, FLAC, Ogg Vorbis, Opus; 8 to 32 bits, float): channels are averaged,
other rates resampled with soxr, and only then rounded to int16 once. A 16-bit file of one channel at the right rate
comes out bit for bit as it is. Damage that the decoder passes over is looked for in integrity.py.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from toolchain.data.integrity import fault_in
from toolchain.data.layout import SAMPLE_RATE_HZ
from toolchain.errors import DataError

# What no microphone gives is a broken header, and would make the resampler's output a thousand times its input.
_LOWEST_RATE_HZ = 1000
_HIGHEST_RATE_HZ = 768000
_RESAMPLER_TAIL_S = 0.25  # read beyond what is kept, so that the filter has real samples to its right


@dataclass(frozen=True)
class AudioFacts:
    """What a file says of itself, before anything is converted."""

    container: str  # libsndfile's names: WAV, FLAC, OGG
    subtype: str  # PCM_16, FLOAT, VORBIS, OPUS
    rate_hz: int
    channels: int
    n_frames: int

    @property
    def seconds(self) -> float:
        """Length of the recording."""
        return self.n_frames / self.rate_hz


@dataclass(frozen=True, eq=False)
class Audio:
    """samples: int16 [n], one channel, at the rate asked for."""

    samples: NDArray[np.int16]
    facts: AudioFacts


class _OnePass(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is read once, from its beginning.

    soundfile seeks after each read of a seekable file, to the place where it already is; for Opus that decodes the last
    page a second time, which for a clip of a second is all of it (4.1 instead of 2.5 ms).
    """

    def seekable(self) -> bool:
        return False


def read_audio(path: Path, *, rate_hz: int = SAMPLE_RATE_HZ, max_samples: int | None = None) -> Audio:
    """Read a file; `max_samples` (at `rate_hz`) leaves the rest undecoded. Raises DataError naming the file."""
    return decode_audio(read_content(path), str(path), rate_hz=rate_hz, max_samples=max_samples)


def read_content(path: Path) -> bytes:
    """The bytes of a file. Raises DataError naming it."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def decode_audio(content: bytes, name: str, *, rate_hz: int = SAMPLE_RATE_HZ, max_samples: int | None = None) -> Audio:
    """`read_audio` of a file that is in memory. `name` is what errors call it. Raises DataError."""
    if not content:
        raise DataError(f"{name}: the file is empty")
    fault = fault_in(content)
    if fault:
        raise DataError(f"{name}: the file {fault}; get it again")
    try:
        with _OnePass(io.BytesIO(content)) as opened:
            facts = AudioFacts(opened.format, opened.subtype, opened.samplerate, opened.channels, opened.frames)
            _check_facts(facts, name)
            wanted = facts.n_frames
            if max_samples is not None:
                seconds = max_samples / rate_hz + _RESAMPLER_TAIL_S
                wanted = min(wanted, int(seconds * facts.rate_hz) + 1)
            frames = opened.read(wanted, dtype="float32", always_2d=True)  # [n, channels]
    except soundfile.SoundFileError as error:
        reason = str(error).rsplit(": ", 1)[-1].rstrip(".")
        raise DataError(f"{name}: no audio that can be read ({reason}); WAV, FLAC and Ogg are understood") from None
    if len(frames) < wanted:
        raise DataError(f"{name}: the file ends after {len(frames):,} of {wanted:,} frames; get it again")
    if not np.isfinite(frames).all():
        raise DataError(f"{name}: holds samples that are no numbers (NaN or infinity)")
    mono = frames[:, 0] if facts.channels == 1 else frames.mean(axis=1, dtype=np.float32)
    if facts.rate_hz != rate_hz:
        mono = soxr.resample(mono, facts.rate_hz, rate_hz, quality="HQ")
        if not len(mono):
            raise DataError(f"{name}: {facts.n_frames} frames at {facts.rate_hz} Hz are less than one sample")
    return Audio(to_int16(mono[:max_samples]), facts)


def to_int16(samples: NDArray[np.floating]) -> NDArray[np.int16]:
    """Round samples of full scale ±1 to int16, ties to even; what is beyond full scale is clipped.

    >>> to_int16(np.array([0.5, -1.0, 1.0, 1e-5])).tolist()
    [16384, -32768, 32767, 0]
    """
    rounded: NDArray[np.floating] = np.clip(np.rint(samples * 32768.0), -32768, 32767)
    return rounded.astype(np.int16)


def fitted(samples: NDArray[np.int16], n_samples: int) -> NDArray[np.int16]:
    """Exactly `n_samples`: cut at the end, or zeros added there, as the official loaders do."""
    out = np.zeros(n_samples, np.int16)
    kept = samples[:n_samples]
    out[: len(kept)] = kept
    return out


def _check_facts(facts: AudioFacts, name: str) -> None:
    if facts.n_frames < 1:
        raise DataError(f"{name}: the file has no samples")
    if not _LOWEST_RATE_HZ <= facts.rate_hz <= _HIGHEST_RATE_HZ:
        raise DataError(
            f"{name}: a sample rate of {facts.rate_hz:,} Hz is outside "
            f"{_LOWEST_RATE_HZ:,} to {_HIGHEST_RATE_HZ:,} Hz; the header is damaged"
        )
