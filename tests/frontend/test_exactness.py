# SPDX-License-Identifier: Apache-2.0
"""The C code compiled for the host gives the definition's bits, whatever it is fed."""

import ctypes

import numpy as np
import pytest

from tests.frontend.sounds import PUBLISHED, extreme_audio, random_specs
from toolchain.frontend import FeatureSpec, Frontend, Normalisation, Padding, hello_edge, log_mel, numpy_frontend
from toolchain.frontend.build import load_library

PARAMETERS = pytest.mark.parametrize(
    "spec", [*PUBLISHED.values(), *random_specs(14, seed=3)], ids=[*PUBLISHED, *(f"random-{i}" for i in range(14))]
)


def some_normalisation(spec: FeatureSpec) -> Normalisation:
    """Offsets of both signs, factors from near nothing to the largest, shifts 0 and 30 among them."""
    rng = np.random.default_rng(1)
    f = spec.n_features
    return Normalisation(
        offset=tuple(rng.choice([-32768, -700, 0, 31, 32767], f).tolist()),
        multiplier=tuple(rng.choice([1, 8192, 9999, 16384], f).tolist()),
        shift=tuple(rng.choice([0, 1, 17, 19, 30], f).tolist()),
    )


@PARAMETERS
def test_c_code_gives_the_bits_of_the_definition(spec: FeatureSpec) -> None:
    sounds = extreme_audio(spec)
    audio = np.stack(list(sounds.values()))
    normalisation = some_normalisation(spec)
    frontend = Frontend(spec, normalisation)
    defined = numpy_frontend.raw_features(spec, audio)
    computed = frontend.raw(audio)
    differing = [name for name, a, b in zip(sounds, defined, computed, strict=True) if (a != b).any()]
    assert not differing
    assert np.array_equal(frontend.features(audio), normalisation.apply(defined))


@pytest.mark.parametrize(
    "spec",
    [s for s in PUBLISHED.values() if not s.centred] + [s for s in random_specs(40, seed=3)[:14] if not s.centred],
)
def test_stream_gives_the_rows_of_the_clip(spec: FeatureSpec) -> None:
    normalisation = some_normalisation(spec)
    rng = np.random.default_rng(2)
    audio = rng.integers(-20000, 20000, (1, spec.clip_samples)).astype(np.int16)
    rows = Frontend(spec, normalisation).features(audio)[0]
    assert np.array_equal(stream_rows(spec, normalisation, audio[0])[: len(rows)], rows)


def test_centred_rows_inside_a_clip_are_the_streams_rows_half_a_window_later() -> None:
    spec = PUBLISHED["peter2020-10"]
    normalisation = some_normalisation(spec)
    audio = np.random.default_rng(2).integers(-20000, 20000, (1, spec.clip_samples)).astype(np.int16)
    rows = Frontend(spec, normalisation).features(audio)[0]
    streamed = stream_rows(spec, normalisation, audio[0])
    assert np.array_equal(streamed[:49], rows[1:50])


@pytest.mark.parametrize("spec", [hello_edge(), log_mel(20), *[s for s in random_specs(14, seed=3) if not s.centred]])
def test_a_listener_gives_at_every_hop_the_features_of_the_last_clip(spec: FeatureSpec) -> None:
    """The clip as far as its frames reach; through the end of the ring and once more after a reset."""
    normalisation = some_normalisation(spec)
    hop, heard = spec.hop_samples, (spec.n_frames - 1) * spec.hop_samples + spec.window_samples
    decisions = min(spec.n_frames + 2, 60)
    sound = np.random.default_rng(4).integers(-20000, 20000, spec.clip_samples + decisions * hop).astype(np.int16)
    first = -(-heard // hop) - 1  # the push whose hop completes the first window
    late = (first + 1) * hop - heard  # samples that a stream hears beyond it, where windows are no whole hops
    assert 0 <= late < hop
    library = load_library(spec, normalisation)
    listener = ctypes.create_string_buffer(2 * (spec.window_samples + hop) + spec.n_frames * spec.n_features + 64)
    found = np.full((spec.n_frames, spec.n_features), 77, np.int8)
    for pushes in (first, first + decisions):
        library.frontend_listener_reset(listener)
        for push in range(pushes):
            part = np.ascontiguousarray(sound[push * hop : (push + 1) * hop])
            ready = library.frontend_listener_push(
                listener, part.ctypes.data_as(ctypes.c_void_p), found.ctypes.data_as(ctypes.c_void_p)
            )
            assert ready == (push >= first)
            if not ready:
                assert (found == 77).all()
                continue
            clip = sound[(push - first) * hop :][: spec.clip_samples]
            assert np.array_equal(found, Frontend(spec, normalisation).features(clip[None])[0]), push
        found[:] = 77


def test_reset_stream_remembers_nothing() -> None:
    spec = hello_edge()
    normalisation = some_normalisation(spec)
    audio = np.random.default_rng(5).integers(-20000, 20000, spec.clip_samples).astype(np.int16)
    library = load_library(spec, normalisation)
    stream = ctypes.create_string_buffer(2 * spec.window_samples + 8)
    row = np.zeros(spec.n_features, np.int8)

    def push(part: int) -> int:
        hop = np.ascontiguousarray(audio[part * spec.hop_samples :][: spec.hop_samples])
        return int(
            library.frontend_stream_push(
                stream, hop.ctypes.data_as(ctypes.c_void_p), row.ctypes.data_as(ctypes.c_void_p)
            )
        )

    library.frontend_stream_reset(stream)
    assert [push(part) for part in range(4)] == [0, 1, 1, 1]
    library.frontend_stream_reset(stream)
    row[:] = 77
    assert push(0) == 0
    assert (row == 77).all()
    assert push(1) == 1
    assert np.array_equal(row, Frontend(spec, normalisation).features(audio[None])[0, 0])


def stream_rows(spec: FeatureSpec, normalisation: Normalisation, clip: np.ndarray) -> np.ndarray:
    """Features of a clip fed hop by hop, zeros after its end; the library's stream, as a board calls it."""
    library = load_library(spec, normalisation)
    hops = -(-spec.window_samples // spec.hop_samples)
    stream = ctypes.create_string_buffer(2 * hops * spec.hop_samples + 16)
    library.frontend_stream_reset(stream)
    padded = np.concatenate([clip, np.zeros((hops + 1) * spec.hop_samples, np.int16)])
    rows = []
    for start in range(0, len(padded) - spec.hop_samples + 1, spec.hop_samples):
        row = np.zeros(spec.n_features, np.int8)
        hop = np.ascontiguousarray(padded[start : start + spec.hop_samples])
        if library.frontend_stream_push(
            stream, hop.ctypes.data_as(ctypes.c_void_p), row.ctypes.data_as(ctypes.c_void_p)
        ):
            rows.append(row)
    return np.array(rows)


def test_number_of_threads_changes_nothing() -> None:
    spec = hello_edge()
    frontend = Frontend(spec, some_normalisation(spec))
    audio = np.random.default_rng(3).integers(-9000, 9000, (150, spec.clip_samples)).astype(np.int16)
    one = frontend.features(audio, threads=1)
    assert np.array_equal(one, frontend.features(audio, threads=3))
    assert np.array_equal(one, frontend.features(audio))


def test_strided_audio_is_read_as_it_is() -> None:
    spec = hello_edge()
    frontend = Frontend(spec)
    audio = np.random.default_rng(3).integers(-9000, 9000, (3, 2 * spec.clip_samples)).astype(np.int16)
    assert np.array_equal(frontend.raw(audio[:, ::2]), frontend.raw(audio[:, ::2].copy()))


def test_no_clips_give_no_features() -> None:
    spec = hello_edge()
    frontend = Frontend(spec, some_normalisation(spec))
    assert frontend.features(np.zeros((0, 16_000), np.int16)).shape == (0, 49, 10)
    assert numpy_frontend.raw_features(spec, np.zeros((0, 16_000), np.int16)).shape == (0, 49, 10)


def test_loudness_in_powers_of_two_moves_every_level_alike() -> None:
    """Block floating point: halving a sound loses nothing, so log-mel moves by exactly one step of log2."""
    spec = PUBLISHED["log_mel-40"]
    rng = np.random.default_rng(4)
    audio = (rng.integers(-500, 500, (1, spec.clip_samples)) * 32).astype(np.int16)
    step = 2 * np.log(2) * 2 ** Frontend(spec).fraction_bits  # power: twice
    loud, quiet = (Frontend(spec).raw(x).astype(int) for x in (audio, audio // 32))
    assert np.abs(loud - quiet - 5 * step).max() <= 1  # rounding to the raw step


def test_random_specs_cover_every_choice() -> None:
    specs = random_specs(14, seed=3)
    for field in ("kind", "padding", "spectrum", "log_unit", "slope"):
        assert len({getattr(spec, field) for spec in specs}) > 1, field
    assert {spec.padding for spec in specs} == set(Padding)
    assert {spec.fft_size.bit_length() % 2 for spec in specs} == {0, 1}
    assert any(spec.hop_samples > spec.window_samples for spec in specs)
    assert any(spec.clip_samples < spec.window_samples for spec in specs)
