# SPDX-License-Identifier: Apache-2.0
"""FeatureSpec: every number that turns a clip of audio into a picture of time and frequency.

Plain data, checked when made, the same in a run's JSON, in training and in the generated C. It leaves the tables
that follow from it to tables.py and the two published set-ups to named.py.

    clip_samples                    frame t starts at t * hop_samples (padding none)
    |--------------------------------------------|
    [window 0   ]                   or is centred on it (padding zero or reflect):
        [window 1   ]               half a window is thought before and after the clip
            [window 2   ]
    <-->
    hop_samples
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from toolchain.errors import SubbyteError


class Kind(StrEnum):
    """What a frame ends as."""

    MFCC = "mfcc"  # orthonormal DCT-II of the logarithms of the bands
    LOGMEL = "logmel"  # the logarithms themselves


class Padding(StrEnum):
    """What frames see beyond the clip's ends."""

    NONE = "none"  # frames lie inside the clip
    ZERO = "zero"  # centred frames, zeros outside
    REFLECT = "reflect"  # centred frames, the clip mirrored at its first and last sample (neither repeated)


class Spectrum(StrEnum):
    """What the mel filters sum."""

    MAGNITUDE = "magnitude"  # |X|, as TensorFlow's Mfcc op
    POWER = "power"  # |X|^2, as torchaudio


class LogUnit(StrEnum):
    """Unit of the raw features."""

    LN = "ln"  # natural logarithm
    DB = "db"  # 20 log10 of a magnitude, 10 log10 of a power


class Slope(StrEnum):
    """On which axis the sides of the mel triangles are straight."""

    MEL = "mel"  # as TensorFlow's Mfcc op
    HZ = "hz"  # as torchaudio with norm=None


MIN_FFT_SIZE = 32
MAX_FFT_SIZE = 4096
MAX_BANDS = 256
MAX_CLIP_SAMPLES = 1 << 24


@dataclass(frozen=True)
class FeatureSpec:
    """One front end. Samples are int16, full scale 32768; lengths are in samples, frequencies in Hz.

    floor_db: the smallest level told apart, in dB of |X|^2 where X is the transform of samples / 32768 under the
    window; smaller ones, digital silence among them, count as this. -100 is torchaudio's amin of 1e-10; the
    rounding noise of 16-bit audio in a 640-sample Hann window lies near -77.
    n_coefficients: of the DCT, from the zeroth on; for log-mel the number of bands.

    Raises SubbyteError, naming field, value and limit, for anything the arithmetic cannot do.
    """

    kind: Kind
    sample_rate_hz: int
    clip_samples: int
    window_samples: int
    hop_samples: int
    fft_size: int
    n_bands: int
    low_hz: float
    high_hz: float
    n_coefficients: int
    padding: Padding
    spectrum: Spectrum
    log_unit: LogUnit
    slope: Slope
    floor_db: float = -100.0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _typed(field.name, field.type, getattr(self, field.name)))
        self._check()

    def _check(self) -> None:
        _within("sample_rate_hz", self.sample_rate_hz, 1000, 384_000)
        _within("clip_samples", self.clip_samples, 1, MAX_CLIP_SAMPLES)
        _within("fft_size", self.fft_size, MIN_FFT_SIZE, MAX_FFT_SIZE)
        if self.fft_size & (self.fft_size - 1):
            raise _bad(f"fft_size {self.fft_size} is no power of two; take {1 << self.fft_size.bit_length()}")
        if self.window_samples > self.fft_size:
            raise _bad(
                f"window_samples {self.window_samples} is longer than fft_size {self.fft_size}: "
                f"take an FFT of {1 << (self.window_samples - 1).bit_length()} or a shorter window"
            )
        _within("window_samples", self.window_samples, 16, self.fft_size)
        _within("hop_samples", self.hop_samples, 1, MAX_CLIP_SAMPLES)
        _within("n_bands", self.n_bands, 1, MAX_BANDS)
        if not 0 <= self.low_hz < self.high_hz:
            raise _bad(f"low_hz {self.low_hz:g} and high_hz {self.high_hz:g}: 0 <= low_hz < high_hz is needed")
        if self.high_hz > self.sample_rate_hz / 2:
            raise _bad(
                f"high_hz {self.high_hz:g} lies above half the sample rate, {self.sample_rate_hz / 2:g} Hz: "
                f"there is nothing to hear"
            )
        _within("n_coefficients", self.n_coefficients, 1, self.n_bands)
        if self.kind is Kind.LOGMEL and self.n_coefficients != self.n_bands:
            raise _bad(
                f"n_coefficients {self.n_coefficients} of a log-mel front end: one a band is needed, so {self.n_bands}"
            )
        _within("floor_db", self.floor_db, -140, 0)
        if self.padding is Padding.NONE and self.clip_samples < self.window_samples:
            raise _bad(
                f"clip_samples {self.clip_samples} is shorter than one window of {self.window_samples}: "
                f"no frame fits; lengthen the clip or centre the frames (padding zero or reflect)"
            )
        if self.padding is Padding.REFLECT and self.clip_samples <= self.centre_pad:
            raise _bad(
                f"clip_samples {self.clip_samples} is too short to mirror half a window of {self.centre_pad} samples: "
                f"at least {self.centre_pad + 1} are needed; or take padding zero"
            )

    @property
    def centred(self) -> bool:
        """Whether frame t is centred on sample t * hop_samples."""
        return self.padding is not Padding.NONE

    @property
    def centre_pad(self) -> int:
        """Samples thought before the clip, and after it."""
        return self.window_samples // 2 if self.centred else 0

    @property
    def n_frames(self) -> int:
        """T: frames of one clip."""
        return 1 + (self.clip_samples + 2 * self.centre_pad - self.window_samples) // self.hop_samples

    @property
    def n_features(self) -> int:
        """F: features of one frame."""
        return self.n_coefficients

    @property
    def shape(self) -> tuple[int, int]:
        """(T, F): H and W of a network's input."""
        return self.n_frames, self.n_features

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON has them; `from_dict` reads them back equal."""
        return {
            name: str(value) if isinstance(value, StrEnum) else value
            for name, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "FeatureSpec":
        """Read what `to_dict` wrote. Raises SubbyteError for unknown, missing or ill-typed fields."""
        if not isinstance(fields, Mapping):
            raise _bad(f"a table of fields is needed, not {type(fields).__name__}")
        known = {field.name: field for field in dataclasses.fields(cls)}
        if unknown := sorted(set(fields) - set(known)):
            raise _bad(f"unknown field {unknown[0]!r}; known are {', '.join(known)}")
        needed = [name for name, field in known.items() if field.default is dataclasses.MISSING]
        if missing := [name for name in needed if name not in fields]:
            raise _bad(f"field {missing[0]!r} is missing")
        return cls(**fields)

    @property
    def sha256(self) -> str:
        """Hash of the fields: two specs with the same hash are the same front end."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()


def _bad(text: str) -> SubbyteError:
    return SubbyteError(f"feature spec: {text}")


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise _bad(f"{name} {value:g} is outside {low:g}..{high:g}")


def _typed(name: str, wanted: Any, value: Any) -> Any:
    """`value` as the field's type; nothing is guessed but int -> float and text -> its enumeration."""
    if isinstance(wanted, type) and issubclass(wanted, StrEnum):
        try:
            return wanted(value)
        except ValueError:
            raise _bad(f"{name} {value!r} is none of {', '.join(wanted)}") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad(f"{name} {value!r} is no number")
    if wanted is int and not isinstance(value, int):
        raise _bad(f"{name} {value!r} is no whole number")
    if not math.isfinite(value):
        raise _bad(f"{name} {value!r} is not finite")
    return wanted(value)
