# SPDX-License-Identifier: Apache-2.0
"""Streams: the same bytes for the same seed, the truth where it is said to be, levels as the recipe has them."""

import hashlib
import tracemalloc
from dataclasses import replace
from math import floor

import numpy as np
import pytest

from tests.detect.said import KEYWORDS, some_speech, some_words
from toolchain.data.layout import CLIP_SAMPLES, SAMPLE_RATE_HZ
from toolchain.data.streams.draws import Draws, resamplings
from toolchain.data.streams.recipe import StreamRecipe
from toolchain.data.streams.scene import OTHER, mix_scene, plan_scene
from toolchain.data.streams.speech import speech_of
from toolchain.data.streams.stream import Stream, stream_of
from toolchain.errors import DataError

RECIPE = StreamRecipe(seed=3, scene_s=20)


def samples(stream: Stream) -> np.ndarray:
    return np.concatenate(list(stream.scenes()))


def test_the_same_seed_gives_the_same_bytes_on_every_machine() -> None:
    """The sum was taken on x86-64; nothing but integers and Philox's raw words is behind it."""
    stream = stream_of(some_speech(), RECIPE, 0.02)
    digest = hashlib.sha256(samples(stream).astype("<i2").tobytes()).hexdigest()
    assert digest == "ac788033f22966314ddc69aac54133fdd911eb9e6173e8601dba271043400e33"
    assert digest == hashlib.sha256(samples(stream_of(some_speech(), RECIPE, 0.02)).tobytes()).hexdigest()
    assert not np.array_equal(samples(stream_of(some_speech(), replace(RECIPE, seed=4), 0.02)), samples(stream))


def test_a_longer_stream_begins_like_a_shorter_one() -> None:
    short, long = (stream_of(some_speech(), RECIPE, hours) for hours in (0.01, 0.03))
    assert (short.n_scenes, long.n_scenes) == (2, 6)
    assert np.array_equal(samples(long)[: 2 * short.scene_samples], samples(short))
    assert long.keywords_said[: len(short.keywords_said)] == short.keywords_said


def test_words_stand_where_the_truth_says() -> None:
    """Without background and gain, the stream is the clips and zeros; each word's interval is found in its samples."""
    speech = some_speech()
    stream = stream_of(speech, replace(RECIPE, quiet_percent=100, gain_db=(0, 0)), 0.02)
    audio = samples(stream)
    expected = np.zeros_like(audio)
    ends = [0]
    for plan in stream.plans:
        assert plan.background is None and plan.words
        for word in plan.words:
            assert plan.start <= word.clip_start and word.clip_start + CLIP_SAMPLES <= plan.start + plan.n_samples
            pause = word.clip_start - max(ends[-1], plan.start)
            assert 500 * 16 <= pause <= 3500 * 16 and pause % 16 == 0
            expected[word.clip_start : word.clip_start + CLIP_SAMPLES] = speech.clips[word.row]
            assert np.flatnonzero(np.abs(audio[word.clip_start : word.clip_start + CLIP_SAMPLES]))[0] >= 4000
            assert (word.start - word.clip_start, word.end - word.clip_start) == speech.extents[word.row]
            name = speech.paths[word.row].split("/")[0]
            assert name == KEYWORDS[word.label] if word.label != OTHER else name in ("bed", "cat")
            ends.append(word.clip_start + CLIP_SAMPLES)
    assert np.array_equal(audio, expected)
    assert len(stream.keywords_said) + stream.n_other == sum(len(plan.words) for plan in stream.plans)


def test_shares_and_levels_are_those_of_the_recipe() -> None:
    speech = some_speech()
    recipe = StreamRecipe(keyword_percent=40, quiet_percent=25, gain_db=(-3, 2), snr_db=(8, 12))
    plans = [plan_scene(speech, recipe, index) for index in range(400)]
    words = [word for plan in plans for word in plan.words]
    assert np.mean([word.label != OTHER for word in words]) == pytest.approx(0.4, abs=0.02)
    assert np.mean([word.label == 0 for word in words]) == pytest.approx(0.2, abs=0.02)
    assert {word.gain_db for word in words} == set(range(-3, 3))
    assert {word.row for word in words if word.label == OTHER} == set(speech.other_rows)
    behind = [plan.background for plan in plans if plan.background]
    assert len(behind) / len(plans) == pytest.approx(0.75, abs=0.06)
    assert {one.snr_db for one in behind} == set(range(8, 13)) and {one.recording for one in behind} == {0, 1}


def test_background_lies_as_far_below_speech_as_it_was_drawn() -> None:
    speech = some_speech()
    for snr_db in (0, 10, 30):
        recipe = StreamRecipe(quiet_percent=0, snr_db=(snr_db, snr_db))
        plans = [replace(plan_scene(speech, recipe, index), words=()) for index in range(4)]
        level = [float(np.sqrt(np.mean(mix_scene(speech, plan) ** 2.0))) for plan in plans]
        wanted = speech.level * 10 ** (-snr_db / 20)
        assert level == pytest.approx([wanted] * 4, rel=0.05)


def test_a_short_recording_runs_there_and_back_without_a_seam() -> None:
    ramp = np.arange(-1000, 1000, 4, dtype=np.int16)
    speech = replace(some_speech(), noise=(ramp,), noise_levels=(577,), level=577)
    plan = replace(plan_scene(speech, StreamRecipe(quiet_percent=0, snr_db=(0, 0)), 0), words=())
    scene = mix_scene(speech, plan).astype(int)
    inside = scene[160:-160]
    assert inside.min() == -1000 and inside.max() == ramp[-1] and np.abs(np.diff(inside)).max() == 4
    assert scene[0] == scene[-1] == 0 and np.abs(np.diff(scene)).max() < 30


def test_what_is_too_loud_is_clipped_not_wrapped() -> None:
    speech = some_speech()
    loud = replace(
        speech, clips=np.where(speech.clips > 0, 32767, np.where(speech.clips < 0, -32768, 0)).astype(np.int16)
    )
    scene = mix_scene(loud, plan_scene(loud, StreamRecipe(gain_db=(6, 6)), 0))
    quiet = mix_scene(speech, plan_scene(speech, StreamRecipe(gain_db=(6, 6)), 0))
    assert scene.max() == 32767 and scene.min() == -32768
    assert (np.sign(scene[np.abs(quiet) > 3000]) == np.sign(quiet[np.abs(quiet) > 3000])).all()


def test_no_gain_stands_on_a_rounding_border() -> None:
    """So a libm whose last bit is another gives the same integers."""
    for decibels in range(-80, 81):
        exact = 2.0**16 * 10 ** (decibels / 20)
        assert decibels == 0 or abs(exact - floor(exact) - 0.5) > 1e-6 * exact / 2**16 + 1e-9


def test_silent_clips_are_left_out_and_loudness_is_a_whole_number() -> None:
    speech = some_speech()
    assert (
        len(speech.clips) == 10 and len(speech.other_rows) == 4 and [len(r) for r in speech.rows_of_keyword] == [3, 3]
    )
    for clip, (first, end) in zip(speech.clips, speech.extents, strict=True):
        found = np.flatnonzero(clip)
        assert first <= found[0] and found[-1] < end and (first % 160, end % 160) == (0, 0)
        assert first > found[0] - 160 and end < found[-1] + 161
    assert 1600 < speech.level < 1900 and speech.noise_levels == pytest.approx((520, 52), rel=0.05)


def test_hours_need_the_memory_of_a_scene() -> None:
    stream = stream_of(some_speech(), StreamRecipe(scene_s=10), 0.5)
    tracemalloc.start()
    total = sum(len(scene) for scene in stream.scenes())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 180 * 10 * SAMPLE_RATE_HZ
    assert peak < 20_000_000 < 2 * total


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: StreamRecipe(pause_ms=(5, 4)), "pause_ms 5..4 is no range within 0..600000"),
        (lambda: StreamRecipe(quiet_percent=101), "quiet_percent 101 is outside 0..100"),
        (lambda: StreamRecipe(scene_s=5, pause_ms=(4500, 4500)), "no word fits between pauses of 4500 ms in 5 s"),
        (
            lambda: speech_of(some_words(), ("yes", "up", "on")),
            "clips of every keyword in this part of the corpus: none of up, on",
        ),
        (lambda: stream_of(some_speech(), RECIPE, 0.0), "0 hours; more than 0 and at most 1000"),
        (lambda: stream_of(some_speech(), RECIPE, float("nan")), "nan hours"),
        (
            lambda: stream_of(some_speech(), StreamRecipe(seed=1, scene_s=5, keyword_percent=1), 0.001),
            "nobody says a keyword in 0.00138889 hours",
        ),
    ],
)
def test_what_cannot_be_mixed_is_refused(make, text: str) -> None:
    with pytest.raises(DataError, match=text.replace("(", r"\(")):
        make()


def test_draws_are_philox_words_for_ever() -> None:
    draws = Draws(1, 2)
    assert [draws.below(1000) for _ in range(5)] == [340, 964, 176, 839, 605]
    assert {Draws(0, index).between(-2, 2) for index in range(100)} == {-2, -1, 0, 1, 2}
    assert {Draws(5).below(1) for _ in range(3)} == {0}


def test_each_resampling_draws_as_many_as_there_are() -> None:
    drawn = resamplings(50, 400, 7)
    assert drawn.shape == (400, 50) and (drawn.sum(axis=1) == 50).all()
    assert drawn.mean(axis=0) == pytest.approx(np.ones(50), abs=0.25) and drawn.var() == pytest.approx(0.98, abs=0.05)
    assert np.array_equal(drawn, resamplings(50, 400, 7)) and not np.array_equal(drawn, resamplings(50, 400, 8))
