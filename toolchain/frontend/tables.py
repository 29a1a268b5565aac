# SPDX-License-Identifier: Apache-2.0
"""Every constant of the fixed-point front end, computed here once and never on the device.

The formats, stage by stage (N = fft_size, s = the frame's own shift, "Qn" = n fraction bits):

    window      Q16, 0..65535                      sample * window: exact, fits int32
    frame       int32, shifted left by s so that the largest value fills 29 bits (block floating point)
    FFT         int32, twiddles Q30, halved at each doubling: the spectrum is X * 2^(31+s) / N
    energy      |X| in eighths (32 bits), or |X|^2 >> 8 (50 bits)
    band        sum of energy * weight Q15, 64 bits, no rounding
    log2        Q16, table of 64 chords; the shift s leaves here as a subtraction, so quiet speech loses no bits
    raw         int16, `fraction_bits` fraction bits of `log_unit`, the most that can never overflow

Rounded from float64, whose last bits the C library may set differently: a table entry would change only if its
value lay within 1e-6 of a tie (a test pins the hash of the published set-ups).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.errors import SubbyteError
from toolchain.frontend.mel import WEIGHT_ONE, MelFilters, mel_filters
from toolchain.frontend.spec import FeatureSpec, Kind, LogUnit, Spectrum

FRAME_BITS = 29  # |value| < 2^29 after the shift: every sum of the FFT then fits int32
TWIDDLE_BITS = 30  # the high word of a product is then a quarter of it: what a radix-4 step needs
POWER_SHIFT = 8  # |X|^2 < 2^58, and all bins together < 2^57: their weighted sum then fits 64 bits
ROOT_BITS = 3  # fraction bits of |X|
LOG_BITS = 16
LOG_CHORDS = 64
ROOT_CHORDS = 192  # 64 .. 255: the mantissa of a number scaled by an even power of two
OVERSHOOT = 1.005  # the integers may end this much beyond the real bound: table rounding is below 1e-3


@dataclass(frozen=True)
class Tables:
    """What frontend_tables.c and frontend_config.h hold. Arrays are read-only by agreement.

    window: uint16 [window_samples // 2 + 1], the first half of a periodic Hann window, Q16, 1 clipped to 65535.
    cosine: int32 [N / 4 + 1], cos(2 pi i / N), Q30.
    mel: see MelFilters.
    root: uint16 [193], sqrt of 64..256 in steps of 1, times 4096 (the last clipped to 16 bits).
    log2: uint16 [65], log2(1 + i / 64), Q15.
    dct: int16 [4 B], sqrt(2 / B) * cos(2 pi i / 4B) times unit, fraction `gain_bits`; empty for log-mel.
    gain: the factor of a plain sum: sqrt(1 / B) times unit for MFCC, unit for log-mel, fraction `gain_bits`.
    log2_unit, log2_per_shift, log2_floor: Q16; log2 of a band in real units =
        max(log2(band) - log2_unit - s * log2_per_shift, log2_floor).
    fraction_bits: of the raw features.
    """

    window: NDArray[np.uint16]
    cosine: NDArray[np.int32]
    mel: MelFilters
    root: NDArray[np.uint16]
    log2: NDArray[np.uint16]
    dct: NDArray[np.int16]
    gain: int
    gain_bits: int
    log2_unit: int
    log2_per_shift: int
    log2_floor: int
    fraction_bits: int

    @property
    def raw_shift(self) -> int:
        """Right shift from sums of log2 * gain to raw features."""
        return LOG_BITS + self.gain_bits - self.fraction_bits


def make_tables(spec: FeatureSpec) -> Tables:
    """The constants of `spec`. Raises SubbyteError where a mel band is empty."""
    mel = mel_filters(spec)
    exponent = 1 if spec.spectrum is Spectrum.MAGNITUDE else 2
    unit = _unit_of_log2(spec, exponent)
    largest_gain = unit if spec.kind is Kind.LOGMEL else unit * math.sqrt(2 / spec.n_bands)
    gain_bits = 14 - math.floor(math.log2(largest_gain))  # fills 15 bits and the sign
    plain = unit if spec.kind is Kind.LOGMEL else unit / math.sqrt(spec.n_bands)
    n = spec.fft_size
    spectrum_bits = 31 - (n.bit_length() - 1)
    energy_bits = exponent * spectrum_bits + (ROOT_BITS if exponent == 1 else -POWER_SHIFT)
    return Tables(
        window=_window(spec),
        cosine=np.array([*_fixed((math.cos(2 * math.pi * i / n) for i in range(n // 4)), TWIDDLE_BITS), 0], np.int32),
        mel=mel,
        root=np.array(_fixed((math.sqrt(64 + i) for i in range(ROOT_CHORDS + 1)), 12, 65535), np.uint16),
        log2=np.array(_fixed((math.log2(1 + i / LOG_CHORDS) for i in range(LOG_CHORDS + 1)), 15), np.uint16),
        dct=_dct(spec, largest_gain, gain_bits),
        gain=round(math.ldexp(plain, gain_bits)),
        gain_bits=gain_bits,
        log2_unit=(energy_bits + 15) << LOG_BITS,
        log2_per_shift=exponent << LOG_BITS,
        log2_floor=round(_floor_log2(spec, exponent) * (1 << LOG_BITS)),
        fraction_bits=_fraction_bits(spec, mel, exponent, unit),
    )


def _unit_of_log2(spec: FeatureSpec, exponent: int) -> float:
    """What one step of log2 of an energy is in the raw features' unit."""
    if spec.log_unit is LogUnit.LN:
        return math.log(2)
    return (20 if exponent == 1 else 10) * math.log10(2)


def _floor_log2(spec: FeatureSpec, exponent: int) -> float:
    return spec.floor_db / 20 * exponent * math.log2(10)


def _fixed(values: Iterable[float], bits: int, largest: int = (1 << 31) - 1) -> list[int]:
    """Rounded to `bits` fraction bits, clipped to `largest`."""
    return [min(round(math.ldexp(value, bits)), largest) for value in values]


def _window(spec: FeatureSpec) -> NDArray[np.uint16]:
    w = spec.window_samples
    return np.array(
        _fixed((0.5 - 0.5 * math.cos(2 * math.pi * n / w) for n in range(w // 2 + 1)), 16, 65535), np.uint16
    )


def _dct(spec: FeatureSpec, amplitude: float, bits: int) -> NDArray[np.int16]:
    """One whole period, built from a quarter so that symmetric entries are equal and the zeros are zero."""
    if spec.kind is Kind.LOGMEL:
        return np.zeros(0, np.int16)
    b = spec.n_bands
    quarter = [round(math.ldexp(amplitude * math.cos(math.pi * i / (2 * b)), bits)) for i in range(b)] + [0]
    half = quarter + [-value for value in reversed(quarter[:-1])]  # 0 .. 2b
    return np.array(half[:-1] + [-value for value in half[:-1]], np.int16)


def _fraction_bits(spec: FeatureSpec, mel: MelFilters, exponent: int, unit: float) -> int:
    """The most fraction bits with which no input whatever overflows 16 bits.

    |X| <= sum of the window = window_samples / 2 for samples of full scale, so a band is at most the sum of its
    weights times that, and every log lies in [floor, top]. A coefficient k > 0 has no constant part: its bound is
    half the range times the sum of |cosines|.
    """
    floor = _floor_log2(spec, exponent) * unit
    widest = float(mel.matrix(spec.fft_size // 2).sum(axis=0).max()) / WEIGHT_ONE
    top = unit * (math.log2(widest) + exponent * math.log2(spec.window_samples / 2))
    bound = max(abs(floor), abs(top))
    if spec.kind is Kind.MFCC:
        b = spec.n_bands
        waves = max(
            (
                sum(abs(math.cos(math.pi * (2 * i + 1) * k / (2 * b))) for i in range(b))
                for k in range(1, spec.n_coefficients)
            ),
            default=0.0,
        )
        bound = max(bound * math.sqrt(b), waves * math.sqrt(2 / b) * (top - floor) / 2)
    if top <= floor:
        raise SubbyteError(
            f"feature spec: floor_db {spec.floor_db:g} lies above the loudest band that 16-bit samples can make"
        )
    return math.floor(math.log2(32767 / (bound * OVERSHOOT)))
