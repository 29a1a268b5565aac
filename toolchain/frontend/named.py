# SPDX-License-Identifier: Apache-2.0
"""The published set-ups by name, so that a training file says `hello_edge-10` and means the paper's features.

Sources: Hello Edge: Zhang et al., arXiv 1711.07128, and the code beside it (TensorFlow's AudioSpectrogram and Mfcc
ops: periodic Hann, magnitudes, triangles straight on the mel axis, natural logarithm). Peter et al.: arXiv
2012.10138 and the authors' code (torchaudio 0.7 MFCC: periodic Hann, reflected ends, power, 128 HTK mel bands,
decibels, orthonormal DCT-II). BC-ResNet: Kim et al., arXiv 2106.04140, and the authors' code (torchaudio
MelSpectrogram, 30 ms / 10 ms, 40 bands).

Where we depart from them:

* Peter et al.: an FFT of 1024, the next power of two, where torchaudio took 640. And a fixed floor of -60 dB where
  torchaudio clamps to 80 dB below the loudest band of the whole clip (top_db), which cannot be known while a clip is
  still being heard; of the fixed floors, -60..-55 dB come nearest to it. crosscheck.py measures what both change.
* Hello Edge: TensorFlow's DCT does not divide the zeroth coefficient by sqrt(2), ours does (orthonormal); the
  normalisation takes the factor out again. Its floor is 1e-12, ours 1e-5 (-100 dB): only digital silence lies between.
* BC-ResNet: the floor is max(x, 1e-10) where its code has ln(x + 1e-6).
"""

import re
from collections.abc import Callable

from toolchain.errors import SubbyteError
from toolchain.frontend.spec import FeatureSpec, Kind, LogUnit, Padding, Slope, Spectrum


def hello_edge(coefficients: int = 10) -> FeatureSpec:
    """Hello Edge: 49 frames of 40 ms every 20 ms, 40 bands 20..4000 Hz, FFT 1024.

    >>> hello_edge().shape
    (49, 10)
    """
    return FeatureSpec(
        kind=Kind.MFCC,
        sample_rate_hz=16_000,
        clip_samples=16_000,
        window_samples=640,
        hop_samples=320,
        fft_size=1024,
        n_bands=40,
        low_hz=20.0,
        high_hz=4000.0,
        n_coefficients=coefficients,
        padding=Padding.NONE,
        spectrum=Spectrum.MAGNITUDE,
        log_unit=LogUnit.LN,
        slope=Slope.MEL,
    )


def peter2020(coefficients: int = 10) -> FeatureSpec:
    """Peter, Roth and Pernkopf: 51 centred frames of 40 ms every 20 ms, 128 bands 0..8000 Hz, decibels.

    >>> peter2020(coefficients=40).shape
    (51, 40)
    """
    return FeatureSpec(
        kind=Kind.MFCC,
        sample_rate_hz=16_000,
        clip_samples=16_000,
        window_samples=640,
        hop_samples=320,
        fft_size=1024,
        n_bands=128,
        low_hz=0.0,
        high_hz=8000.0,
        n_coefficients=coefficients,
        padding=Padding.REFLECT,
        spectrum=Spectrum.POWER,
        log_unit=LogUnit.DB,
        slope=Slope.HZ,
        floor_db=-60.0,
    )


def log_mel(bands: int = 40) -> FeatureSpec:
    """Log-mel on Hello Edge's frames: 49 frames of 40 ms every 20 ms, 20..8000 Hz, power, natural logarithm.

    >>> log_mel(bands=40).shape
    (49, 40)
    """
    return FeatureSpec(
        kind=Kind.LOGMEL,
        sample_rate_hz=16_000,
        clip_samples=16_000,
        window_samples=640,
        hop_samples=320,
        fft_size=1024,
        n_bands=bands,
        low_hz=20.0,
        high_hz=8000.0,
        n_coefficients=bands,
        padding=Padding.NONE,
        spectrum=Spectrum.POWER,
        log_unit=LogUnit.LN,
        slope=Slope.HZ,
    )


def bc_resnet(bands: int = 40) -> FeatureSpec:
    """BC-ResNet: 101 centred frames of 30 ms every 10 ms, 40 bands 0..8000 Hz, FFT 512, power, natural logarithm.

    >>> bc_resnet().shape
    (101, 40)
    """
    return FeatureSpec(
        kind=Kind.LOGMEL,
        sample_rate_hz=16_000,
        clip_samples=16_000,
        window_samples=480,
        hop_samples=160,
        fft_size=512,
        n_bands=bands,
        low_hz=0.0,
        high_hz=8000.0,
        n_coefficients=bands,
        padding=Padding.REFLECT,
        spectrum=Spectrum.POWER,
        log_unit=LogUnit.LN,
        slope=Slope.HZ,
    )


# name -> (what makes it, its usual number of features)
NAMED: dict[str, tuple[Callable[[int], FeatureSpec], int]] = {
    "hello_edge": (hello_edge, 10),
    "peter2020": (peter2020, 10),
    "log_mel": (log_mel, 40),
    "bc_resnet": (bc_resnet, 40),
}


def named_spec(name: str) -> FeatureSpec:
    """`hello_edge`, or with a number of features `peter2020-30`, `log_mel-64`. Raises SubbyteError for others.

    >>> named_spec("peter2020-30") == peter2020(coefficients=30)
    True
    """
    base, dash, count = name.partition("-")
    if base not in NAMED or (dash and not re.fullmatch("[0-9]{1,4}", count)):
        raise SubbyteError(
            f"features {name!r} are not known; known are {', '.join(NAMED)}, "
            f"each also with a number of features as in hello_edge-20"
        )
    make, usual = NAMED[base]
    return make(int(count) if dash else usual)
