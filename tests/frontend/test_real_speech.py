# SPDX-License-Identifier: Apache-2.0
"""Recorded words: bits equal to the definition, close to float64, and of the scale a network expects."""

from pathlib import Path

import numpy as np
import pytest

from toolchain.frontend import Frontend, Normalisation, hello_edge, numpy_frontend, peter2020
from toolchain.frontend.crosscheck import feature_error, peter2020_departures

soundfile = pytest.importorskip("soundfile")


@pytest.fixture(scope="module")
def words(shared_data: Path) -> np.ndarray:
    """Some clips of several words, lossless, padded with zeros: int16 [N, 16000]."""
    clips = []
    for word in ("yes", "no", "stop", "cat", "go"):
        files = sorted((shared_data / "speech_commands_v0.01" / word).glob("*.flac"))
        for path in files[:: max(1, len(files) // 12)][:12]:
            samples, rate = soundfile.read(path, dtype="int16")
            assert rate == 16_000
            clips.append(np.pad(samples[:16_000], (0, 16_000 - len(samples[:16_000]))))
    return np.stack(clips)


@pytest.mark.parametrize("spec", [hello_edge(), peter2020(40)], ids=["hello_edge-10", "peter2020-40"])
def test_recorded_words_give_the_same_bits_and_stay_near_float(spec, words) -> None:  # type: ignore[no-untyped-def]
    frontend = Frontend(spec)
    raw = frontend.raw(words)
    assert np.array_equal(raw, numpy_frontend.raw_features(spec, words))
    error = feature_error(spec, words)
    print(f"{len(words)} words, {spec.kind} {spec.shape}: {error}")
    assert error.int8_max_difference <= 1
    assert error.rms_error < 0.5 * error.raw_step


def test_normalised_words_have_thirty_two_steps_a_deviation(words: np.ndarray) -> None:
    spec = hello_edge()
    raw = Frontend(spec).raw(words)
    normalisation = Normalisation.from_statistics(raw.mean(axis=(0, 1)), raw.std(axis=(0, 1)))
    features = Frontend(spec, normalisation).features(words)
    assert np.abs(features.mean(axis=(0, 1))).max() < 1.5
    assert np.abs(features.std(axis=(0, 1)) - 32).max() < 2  # a little is cut off at four deviations
    assert (np.abs(features.astype(int)) >= 127).mean() < 0.01


def test_departures_from_peter_et_al_on_recorded_words(words: np.ndarray) -> None:
    departures = peter2020_departures(words)
    for departure in departures:
        print(f"{departure}")
    fft, _floor, both = departures
    assert fft.rms_stds < 0.1
    assert both.rms_stds < 0.3
