# SPDX-License-Identifier: Apache-2.0
"""How far the fixed-point features lie from float64 ones, and what our departures from a paper change.

    python -m toolchain.frontend.crosscheck            prints both tables for speech-like sounds made here

The figures on real speech stand in toolchain/frontend/__init__.py.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.frontend.binding import Frontend
from toolchain.frontend.float_reference import Floats, float_features
from toolchain.frontend.named import bc_resnet, hello_edge, log_mel, peter2020
from toolchain.frontend.normalisation import STEPS_PER_STD, Normalisation
from toolchain.frontend.spec import FeatureSpec


@dataclass(frozen=True)
class FeatureError:
    """Fixed point against float64 over the same clips, every frame and feature.

    raw_step: of a raw int16 feature, in the spec's log unit. max_error, rms_error: in that unit, before int8.
    max_int8_error, rms_int8_error: the same in steps of the network's input (1/32 standard deviation).
    int8_differ: share of int8 inputs that differ from the rounded float ones; int8_max_difference: by at most.
    """

    raw_step: float
    max_error: float
    rms_error: float
    max_int8_error: float
    rms_int8_error: float
    int8_differ: float
    int8_max_difference: int


def feature_error(spec: FeatureSpec, audio: NDArray[np.int16]) -> FeatureError:
    """audio: int16 [N, clip_samples]; normalised with its own mean and deviation, as a training set would be."""
    frontend = Frontend(spec)
    step = 2.0**-frontend.fraction_bits
    raw = frontend.raw(audio)
    reference = float_features(spec, audio) / step
    mean, std = raw.mean(axis=(0, 1)), raw.std(axis=(0, 1))
    int8_error = (raw - reference) / std * STEPS_PER_STD
    fixed = Normalisation.from_statistics(mean, std).apply(raw).astype(np.int64)
    rounded = np.clip(np.floor((reference - mean) / std * STEPS_PER_STD + 0.5), -128, 127)
    return FeatureError(
        raw_step=step,
        max_error=float(np.abs(raw - reference).max() * step),
        rms_error=_rms(raw - reference) * step,
        max_int8_error=float(np.abs(int8_error).max()),
        rms_int8_error=_rms(int8_error),
        int8_differ=float((fixed != rounded).mean()),
        int8_max_difference=int(np.abs(fixed - rounded).max()),
    )


@dataclass(frozen=True)
class Departure:
    """One change to a published set-up, in float64: its effect on the features, in standard deviations of each."""

    name: str
    max_stds: float
    rms_stds: float


def peter2020_departures(audio: NDArray[np.int16], coefficients: int = 10) -> tuple[Departure, ...]:
    """What our FFT of 1024 and our fixed floor change in the features of Peter et al. (FFT 640, top_db 80).

    A constant offset of a coefficient is left out: training normalises it away.
    """
    ours = peter2020(coefficients)
    theirs = dataclasses.replace(ours, floor_db=-100.0)
    published = float_features(theirs, audio, fft_size=640, top_db=80)
    return (
        _departure("FFT 1024 instead of 640", published, float_features(theirs, audio, top_db=80)),
        _departure("floor -60 dB instead of top_db 80", published, float_features(ours, audio, fft_size=640)),
        _departure("both: our features", published, float_features(ours, audio)),
    )


def _departure(name: str, published: Floats, changed: Floats) -> Departure:
    difference = (changed - published) / published.std(axis=(0, 1))
    difference -= difference.mean(axis=(0, 1))
    return Departure(name, float(np.abs(difference).max()), _rms(difference))


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def speech_like(n_clips: int, spec: FeatureSpec, seed: int = 0) -> NDArray[np.int16]:
    """Voiced sounds with gliding pitch and formants, pauses and a little noise; int16 [N, clip_samples]."""
    rng = np.random.default_rng(seed)
    rate = spec.sample_rate_hz
    t = np.arange(spec.clip_samples) / rate
    clips = []
    for _ in range(n_clips):
        pitch = rng.uniform(90, 240) * (1 + 0.15 * np.sin(2 * np.pi * rng.uniform(0.5, 3) * t))
        phase = 2 * np.pi * np.cumsum(pitch) / rate
        formants = rng.uniform([250, 900, 2200], [800, 2000, 3200])[:, None] * (1 + 0.2 * np.sin(2 * np.pi * 2 * t))
        voice = np.zeros(len(t))
        for harmonic in range(1, int(0.45 * rate / pitch.max())):
            hz = harmonic * pitch
            gain = sum(np.exp(-(((hz - formant) / 150) ** 2)) for formant in formants) + 1e-3
            voice += gain / harmonic**0.5 * np.sin(harmonic * phase)
        syllables = np.clip(np.sin(2 * np.pi * rng.uniform(1, 4) * t + rng.uniform(0, 6)), 0, None) ** 2
        sound = voice / np.abs(voice).max() * syllables * 10 ** rng.uniform(2.5, 4.5)
        clips.append(sound + rng.normal(0, 10 ** rng.uniform(0, 1.5), len(t)))
    return np.clip(np.round(clips), -32768, 32767).astype(np.int16)


def main() -> None:
    """Print both tables."""
    print("fixed point against float64      step   max error     rms   int8 steps: max    rms   int8 that differ (by)")
    for name, spec in {
        "hello_edge-10": hello_edge(10),
        "peter2020-10": peter2020(10),
        "peter2020-40": peter2020(40),
        "log_mel-40": log_mel(40),
        "bc_resnet-40": bc_resnet(40),
    }.items():
        error = feature_error(spec, speech_like(20, spec))
        print(
            f"{name:16} {spec.log_unit} per step {error.raw_step:11.5f} {error.max_error:11.5f} {error.rms_error:7.5f} "
            f"{error.max_int8_error:17.3f} {error.rms_int8_error:6.3f} "
            f"{error.int8_differ:13.1%} ({error.int8_max_difference})"
        )
    print("\nPeter et al., departures in standard deviations of a feature      max     rms")
    for departure in peter2020_departures(speech_like(20, peter2020())):
        print(f"{departure.name:62} {departure.max_stds:8.3f} {departure.rms_stds:7.3f}")


if __name__ == "__main__":
    main()
