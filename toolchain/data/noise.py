# SPDX-License-Identifier: Apache-2.0
"""Background noise for a synthetic corpus, computed: what rooms and machines sound like, in int16 at 16 kHz.

    white, pink, brown   equal power a hertz, 1/f, 1/f^2
    hum                  mains at 50 Hz with harmonics that swell and fade
    water                a band of noise whose loudness and colour wander, as of a tap
    clatter              short decaying bursts at random times, as of dishes or a keyboard
    babble               many voices at once, from words handed in (training voices only: nothing of the test is in it)

Levels are those of the official recordings: RMS -10 dBFS for the coloured ones, -23 for the rest.
Measured: speech_commands_v0.01/_background_noise_, pink_noise -9.6, white_noise -9.6, running_tap -23.3 dBFS.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from toolchain.data.audio import to_int16
from toolchain.data.layout import SAMPLE_RATE_HZ

_LOUD_DBFS = -10.0
_SOFT_DBFS = -23.0

Samples = NDArray[np.float64]


def coloured_noise(rng: np.random.Generator, n: int, slope: float) -> Samples:
    """Noise [n] of RMS 1 whose power falls as f^-slope above 20 Hz: 0 white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    hertz = np.fft.rfftfreq(n, 1 / SAMPLE_RATE_HZ)
    spectrum *= np.maximum(hertz, 20.0) ** (-slope / 2)
    spectrum[0] = 0
    return _at_rms_one(np.fft.irfft(spectrum, n))


def background_noise(rng: np.random.Generator, n: int, words: Sequence[Samples]) -> dict[str, NDArray[np.int16]]:
    """All kinds by name, int16 [n] each. words: float clips that the babble is mixed of; none leaves it out."""
    kinds: dict[str, tuple[Callable[[], Samples], float]] = {
        "white_noise": (lambda: coloured_noise(rng, n, 0.0), _LOUD_DBFS),
        "pink_noise": (lambda: coloured_noise(rng, n, 1.0), _LOUD_DBFS),
        "brown_noise": (lambda: coloured_noise(rng, n, 2.0), _LOUD_DBFS),
        "mains_hum": (lambda: _hum(rng, n), _SOFT_DBFS),
        "running_water": (lambda: _water(rng, n), _SOFT_DBFS),
        "clatter": (lambda: _clatter(rng, n), _SOFT_DBFS),
    }
    if words:
        kinds["babble"] = (lambda: _babble(rng, n, words), _SOFT_DBFS)
    return {name: to_int16(_at_rms_one(made()) * 10 ** (dbfs / 20)) for name, (made, dbfs) in kinds.items()}


def _hum(rng: np.random.Generator, n: int) -> Samples:
    seconds = np.arange(n) / SAMPLE_RATE_HZ
    out = 0.02 * coloured_noise(rng, n, 1.0)
    for harmonic in (1, 2, 3, 4, 5, 7, 9, 11, 15):
        swell = 1 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.05, 0.4) * seconds + rng.uniform(0, 2 * np.pi))
        out += swell * np.sin(2 * np.pi * 50 * harmonic * seconds + rng.uniform(0, 2 * np.pi)) / harmonic
    return out


def _water(rng: np.random.Generator, n: int) -> Samples:
    dark, bright = coloured_noise(rng, n, 1.5), coloured_noise(rng, n, -0.5)
    mix = 0.5 + 0.3 * _slow(rng, n, 0.3)
    return (dark * mix + bright * (1 - mix)) * (1 + 0.4 * _slow(rng, n, 2.0))


def _clatter(rng: np.random.Generator, n: int) -> Samples:
    out = 0.01 * coloured_noise(rng, n, 1.0)
    for start in rng.integers(0, n, 1 + 4 * n // SAMPLE_RATE_HZ):
        length = min(int(rng.uniform(0.01, 0.12) * SAMPLE_RATE_HZ), n - int(start))
        decay = np.exp(-np.arange(length) / (length / 5 + 1))
        ringing = np.sin(2 * np.pi * rng.uniform(600, 5000) / SAMPLE_RATE_HZ * np.arange(length))
        out[start : start + length] += rng.uniform(0.1, 1.0) * decay * (ringing + rng.standard_normal(length))
    return out


def _babble(rng: np.random.Generator, n: int, words: Sequence[Samples]) -> Samples:
    """Some eight words a second, each somewhere, wrapping round at the end."""
    out = np.zeros(n)
    for _ in range(1 + 8 * n // SAMPLE_RATE_HZ):
        word = words[int(rng.integers(len(words)))][:n]
        places = (int(rng.integers(n)) + np.arange(len(word))) % n
        out[places] += _at_rms_one(word) * rng.uniform(0.3, 1.0)
    return out


def _slow(rng: np.random.Generator, n: int, hertz: float) -> Samples:
    """A smooth random curve within ±1 that changes about `hertz` times a second."""
    knots = rng.uniform(-1, 1, max(2, int(n / SAMPLE_RATE_HZ * hertz) + 2))
    return np.interp(np.linspace(0, len(knots) - 1, n), np.arange(len(knots)), knots)


def _at_rms_one(samples: Samples) -> Samples:
    rms = float(np.sqrt(np.mean(np.square(samples))))
    return samples / rms if rms else samples
