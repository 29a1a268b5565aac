# SPDX-License-Identifier: Apache-2.0
"""Fixed point against float64: how far apart, and why no further."""

import numpy as np
import pytest

from tests.frontend.sounds import PUBLISHED, extreme_audio
from toolchain.frontend import FeatureSpec, Frontend, hello_edge, peter2020
from toolchain.frontend.crosscheck import feature_error, peter2020_departures, speech_like
from toolchain.frontend.float_reference import float_features
from toolchain.frontend.named import named_spec

scipy_fft = pytest.importorskip("scipy.fft")

NAMES = pytest.mark.parametrize("spec", PUBLISHED.values(), ids=PUBLISHED)


@NAMES
def test_speech_like_sound_lies_within_one_int8_step_of_float(spec: FeatureSpec) -> None:
    """Rounding to the raw step costs 0.29 steps rms; log2's chords, FFT and window may add as much again.

    A whole int8 step is 1/32 of a standard deviation: only values that float puts beside a rounding boundary may
    fall on the other side of it, so none may differ by more than one.
    """
    error = feature_error(spec, speech_like(12, spec, seed=11))
    print(f"{spec.kind} {spec.shape}: {error}")
    assert error.rms_error < 0.6 * error.raw_step
    assert error.max_int8_error < 0.5
    assert error.int8_max_difference <= 1
    assert error.int8_differ < 0.1


@NAMES
def test_loud_sounds_without_holes_lie_within_rounding_of_float(spec: FeatureSpec) -> None:
    """Noise and squares fill every band; nothing then but the raw step's rounding and 1e-3 of tables remains."""
    sounds = extreme_audio(spec)
    audio = np.stack([sounds[name] for name in ("loud noise", "quiet noise", "signs", "loud spike", "silence")])
    step = 2.0 ** -Frontend(spec).fraction_bits
    difference = Frontend(spec).raw(audio) * step - float_features(spec, audio)
    assert np.abs(difference).max() < 0.5 * step + 0.002 * (10 if spec.log_unit == "db" else 1)


@NAMES
def test_no_extreme_sound_overflows_the_raw_features(spec: FeatureSpec) -> None:
    """A wrapped int16 would be off by 65536 steps.

    Far less is right here: beside a constant of full scale, the 16-bit window's rounding (-63 dB) fills bands that
    float64 has at the floor of -100 dB; 37 dB are 8,700 steps of log-mel.
    """
    audio = np.stack(list(extreme_audio(spec).values()))
    step = 2.0 ** -Frontend(spec).fraction_bits
    difference = Frontend(spec).raw(audio) * step - float_features(spec, audio)
    assert np.abs(difference / step).max() < 10_000


def test_float_reference_agrees_with_scipy() -> None:
    """Its own DCT and spectrum against scipy's, so that the judge is judged."""
    spec = peter2020(13)
    audio = speech_like(1, spec)
    levels = float_features(named_spec("peter2020-128"), audio)  # all 128 coefficients: invertible
    bands = scipy_fft.idct(levels, type=2, norm="ortho", axis=-1)
    again = scipy_fft.dct(bands, type=2, norm="ortho", axis=-1)[..., :13]
    assert np.allclose(again, float_features(spec, audio), atol=1e-9)


def test_a_pure_tone_is_loudest_in_the_band_around_it() -> None:
    spec = PUBLISHED["log_mel-40"]
    t = np.arange(spec.clip_samples) / spec.sample_rate_hz
    mel = 2595 * np.log10(1 + np.array([20.0, 8000.0]) / 700)
    centres = 700 * (10 ** (np.linspace(*mel, 42)[1:-1] / 2595) - 1)
    for band in (3, 17, 38):
        tone = (9000 * np.sin(2 * np.pi * centres[band] * t)).round().astype(np.int16)
        assert (Frontend(spec).raw(tone[None])[0].argmax(axis=1) == band).all()


def test_digital_silence_is_the_floor() -> None:
    spec = PUBLISHED["log_mel-40"]
    raw = Frontend(spec).raw(np.zeros((1, spec.clip_samples), np.int16))
    assert np.abs(raw / 2.0 ** Frontend(spec).fraction_bits - np.log(1e-10)).max() < 1e-3
    mfcc = Frontend(hello_edge(40)).raw(np.zeros((1, 16_000), np.int16))
    assert np.abs(mfcc[..., 1:]).max() <= 1


def test_departures_from_peter_et_al_are_small_and_told() -> None:
    departures = peter2020_departures(speech_like(8, peter2020(), seed=5))
    for departure in departures:
        print(f"peter2020, {departure}")
    assert all(0 < departure.rms_stds < 0.3 for departure in departures)
