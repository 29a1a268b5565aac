# SPDX-License-Identifier: Apache-2.0
"""The same features in float64, straight from the textbook: a cross-check only, nothing is trained on it.

Written apart from the fixed-point definition (numpy's FFT, its own filter matrix, its own DCT) so that a mistake in
one shows against the other. It shares FeatureSpec and nothing else.
"""

import numpy as np
from numpy.typing import NDArray

from toolchain.frontend.spec import FeatureSpec, Kind, LogUnit, Padding, Slope, Spectrum

Floats = NDArray[np.float64]


def float_features(
    spec: FeatureSpec, audio: NDArray[np.int16], *, fft_size: int | None = None, top_db: float | None = None
) -> Floats:
    """audio: int16 [N, clip_samples]; returns float64 [N, T, F] in the spec's log unit.

    fft_size: any length from window_samples on, in place of the spec's (torchaudio takes 640).
    top_db: clamp each clip's bands to this many dB below its loudest, as torchaudio's AmplitudeToDB does.
    """
    n_fft = fft_size or spec.fft_size
    weights = _filters(spec, n_fft)
    floor = 10 ** (spec.floor_db / (20 if spec.spectrum is Spectrum.MAGNITUDE else 10))
    result = []
    for clip in audio:
        spectrum = np.abs(np.fft.rfft(_frames(spec, clip / 32768) * _hann(spec.window_samples), n_fft))
        energy = spectrum if spec.spectrum is Spectrum.MAGNITUDE else spectrum**2
        levels = np.log10(np.maximum(energy @ weights, floor))
        decades = 20 if spec.spectrum is Spectrum.MAGNITUDE else 10
        if top_db is not None:
            levels = np.maximum(levels, levels.max() - top_db / decades)
        levels *= np.log(10) if spec.log_unit is LogUnit.LN else decades
        result.append(levels if spec.kind is Kind.LOGMEL else levels @ _dct(spec.n_bands, spec.n_coefficients))
    return np.array(result).reshape(len(audio), *spec.shape)


def _frames(spec: FeatureSpec, clip: Floats) -> Floats:
    half = spec.window_samples // 2
    if spec.padding is Padding.ZERO:
        clip = np.concatenate([np.zeros(half), clip, np.zeros(half)])
    elif spec.padding is Padding.REFLECT:
        clip = np.concatenate([clip[half:0:-1], clip, clip[-2 : -half - 2 : -1]])
    starts = spec.hop_samples * np.arange(spec.n_frames)
    return np.asarray(clip[starts[:, None] + np.arange(spec.window_samples)])


def _hann(n: int) -> Floats:
    """Periodic."""
    return np.asarray(np.sin(np.pi * np.arange(n) / n) ** 2)


def _filters(spec: FeatureSpec, n_fft: int) -> Floats:
    """[n_fft // 2 + 1, B]: each triangle the smaller of its two sides, where positive."""

    def mel(hz: Floats) -> Floats:
        return np.asarray(2595 * np.log10(1 + hz / 700))

    axis = np.arange(n_fft // 2 + 1) * spec.sample_rate_hz / n_fft
    low, high = mel(np.array([spec.low_hz, spec.high_hz])).tolist()
    corners = np.linspace(low, high, spec.n_bands + 2)
    if spec.slope is Slope.MEL:
        axis = mel(axis)
    else:
        corners = 700 * (10 ** (corners / 2595) - 1)
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    rise = (axis[:, None] - left) / (centre - left)
    fall = (right - axis[:, None]) / (right - centre)
    return np.asarray(np.maximum(0, np.minimum(rise, fall)))


def _dct(n_bands: int, n_coefficients: int) -> Floats:
    """Orthonormal DCT-II as [B, coefficients]."""
    b, k = np.arange(n_bands)[:, None], np.arange(n_coefficients)
    basis = np.sqrt(2 / n_bands) * np.cos(np.pi * (2 * b + 1) * k / (2 * n_bands))
    basis[:, 0] /= np.sqrt(2)
    return np.asarray(basis)
