# SPDX-License-Identifier: Apache-2.0
"""FeatureSpec refuses what cannot be computed, and says which limit applies."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from toolchain.errors import DataError, SubbyteError
from toolchain.frontend import FeatureSpec, Frontend, bc_resnet, hello_edge, log_mel, named_spec, peter2020
from toolchain.frontend.mel import MelFilters, mel_filters
from toolchain.frontend.numpy_frontend import raw_features
from toolchain.frontend.tables import make_tables


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fft_size": 512}, "window_samples 640 is longer than fft_size 512: take an FFT of 1024"),
        ({"fft_size": 1000}, "fft_size 1000 is no power of two; take 1024"),
        ({"fft_size": 8192}, "fft_size 8192 is outside 32..4096"),
        ({"n_bands": 0}, "n_bands 0 is outside 1..256"),
        ({"high_hz": 9000}, "high_hz 9000 lies above half the sample rate, 8000 Hz"),
        ({"low_hz": 4000}, "0 <= low_hz < high_hz"),
        ({"low_hz": -1}, "0 <= low_hz < high_hz"),
        ({"n_coefficients": 41}, "n_coefficients 41 is outside 1..40"),
        ({"n_coefficients": 0}, "n_coefficients 0 is outside 1..40"),
        ({"kind": "logmel"}, "one a band is needed, so 40"),
        ({"kind": "plp"}, "kind 'plp' is none of mfcc, logmel"),
        ({"padding": True}, "padding True is none of none, zero, reflect"),
        ({"hop_samples": 0}, "hop_samples 0 is outside 1.."),
        ({"hop_samples": 320.0}, "hop_samples 320.0 is no whole number"),
        ({"hop_samples": True}, "hop_samples True is no number"),
        ({"hop_samples": "320"}, "hop_samples '320' is no number"),
        ({"window_samples": 8}, "window_samples 8 is outside 16..1024"),
        ({"clip_samples": 639}, "no frame fits"),
        ({"clip_samples": 320, "padding": "reflect"}, "at least 321 are needed"),
        ({"sample_rate_hz": 0}, "sample_rate_hz 0 is outside"),
        ({"high_hz": float("nan")}, "high_hz nan is not finite"),
        ({"floor_db": 40}, "floor_db 40 is outside -140..0"),
    ],
)
def test_impossible_spec_is_refused_with_its_limit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SubbyteError) as caught:
        dataclasses.replace(hello_edge(), **changes)
    assert message in str(caught.value)
    assert str(caught.value).startswith("feature spec: ")


def test_empty_band_is_named_with_its_corners() -> None:
    spec = dataclasses.replace(hello_edge(), n_bands=200, n_coefficients=10)
    with pytest.raises(SubbyteError, match=r"mel band \d+ of 200, [\d.]+\.\.[\d.]+ Hz, holds no bin of an FFT of 1024"):
        Frontend(spec)


def test_floor_above_every_sound_is_refused() -> None:
    """One band that just touches one bin, under a short window: no sound reaches 0 dB."""
    band = {"n_bands": 1, "n_coefficients": 1, "low_hz": 3.9, "high_hz": 7.8}
    spec = dataclasses.replace(hello_edge(), window_samples=16, hop_samples=16, fft_size=4096, floor_db=0, **band)
    with pytest.raises(SubbyteError, match="floor_db 0 lies above the loudest band"):
        make_tables(spec)


@pytest.mark.parametrize("spec", [hello_edge(), peter2020(30), log_mel(), bc_resnet()])
def test_spec_survives_json(spec: FeatureSpec) -> None:
    again = FeatureSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert again.sha256 == spec.sha256


def test_unknown_missing_and_wrong_fields_are_named() -> None:
    fields = hello_edge().to_dict()
    with pytest.raises(SubbyteError, match="unknown field 'windw'; known are kind, "):
        FeatureSpec.from_dict({**fields, "windw": 3})
    with pytest.raises(SubbyteError, match="field 'fft_size' is missing"):
        FeatureSpec.from_dict({name: value for name, value in fields.items() if name != "fft_size"})
    with pytest.raises(SubbyteError, match="a table of fields is needed, not list"):
        FeatureSpec.from_dict([])  # type: ignore[arg-type]


def test_whole_and_fractional_numbers_of_json_make_the_same_spec() -> None:
    fields = hello_edge().to_dict()
    assert FeatureSpec.from_dict({**fields, "low_hz": 20}) == hello_edge()


def test_published_shapes() -> None:
    assert hello_edge().shape == (49, 10)
    assert [peter2020(c).shape for c in (10, 20, 30, 40)] == [(51, 10), (51, 20), (51, 30), (51, 40)]
    assert bc_resnet().shape == (101, 40)


def test_names_make_specs() -> None:
    assert named_spec("hello_edge") == hello_edge(10)
    assert named_spec("peter2020-40") == peter2020(40)
    for name in ("hello_edg", "hello_edge-", "hello_edge-ten", "peter2020--1", ""):
        with pytest.raises(SubbyteError, match="known are hello_edge, peter2020, log_mel, bc_resnet"):
            named_spec(name)


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros((1, 15_999), np.int16),
        np.zeros(16_000, np.int16),
        np.zeros((1, 16_000), np.float32),
        np.zeros((1, 16_000), np.uint16),
    ],
    ids=["short", "no batch", "float", "unsigned"],
)
def test_other_audio_is_refused(audio: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"int16 \[N, 16000\] is needed, not "):
        Frontend(hello_edge()).raw(audio)
    with pytest.raises(DataError, match=r"int16 \[N, 16000\] is needed, not "):
        raw_features(hello_edge(), audio)


def test_filters_of_neighbours_sum_to_one_between_the_outer_centres() -> None:
    filters: MelFilters = mel_filters(peter2020())
    weights = filters.matrix(512)
    inside = slice(filters.edges[1], filters.edges[-2])
    assert (weights[inside].sum(axis=1) == 32768).all()
    assert (weights[: filters.edges[0]] == 0).all()
    assert ((weights > 0).sum(axis=1) <= 2).all()


def test_tables_fit_their_types_for_every_number_of_bands() -> None:
    for unit in ("ln", "db"):
        for n_bands in range(1, 257, 3):
            spec = dataclasses.replace(
                hello_edge(), n_bands=n_bands, n_coefficients=1, fft_size=4096, high_hz=8000, log_unit=unit
            )
            try:
                tables = make_tables(spec)
            except SubbyteError as error:
                assert "holds no bin" in str(error)
                continue
            assert np.abs(tables.dct.astype(int)).max() <= 32767
            assert 1 <= tables.gain <= 32767
            assert tables.raw_shift >= 1
