# SPDX-License-Identifier: Apache-2.0
"""Augmentation: bounds, exact arithmetic, and independence of order, batch size and threads."""

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from toolchain.data.augment import Augmenter, AugmentSpec

N = 16000
NOISE = tuple(
    np.random.default_rng(i).integers(-32768, 32768, n).astype(np.int16) for i, n in enumerate((60000, 17000))
)
CLIPS = np.random.default_rng(9).integers(-32768, 32768, (64, N)).astype(np.int16)


def test_the_same_clip_in_the_same_epoch_is_the_same_whatever_is_beside_it() -> None:
    augmenter = Augmenter(NOISE, seed=3)
    whole = augmenter.batch(CLIPS, np.arange(64), epoch=2)
    order = np.random.default_rng(1).permutation(64)
    for size in (1, 5, 64):
        for start in range(0, 64, size):
            some = order[start : start + size]
            assert np.array_equal(augmenter.batch(CLIPS[some], some, epoch=2), whole[some])


def test_threads_change_nothing() -> None:
    augmenter = Augmenter(NOISE, seed=3)
    whole = augmenter.batch(CLIPS, np.arange(64), epoch=0)
    with ThreadPoolExecutor(4) as pool:
        rows = pool.map(lambda i: augmenter.batch(CLIPS[i : i + 1], np.array([i]), 0)[0], range(64))
        assert np.array_equal(np.stack(list(rows)), whole)


def test_epochs_seeds_and_clips_differ() -> None:
    same = np.repeat(CLIPS[:1], 8, axis=0)
    base = Augmenter(NOISE, seed=3).batch(same, np.arange(8), epoch=0)
    assert len({clip.tobytes() for clip in base}) == 8
    assert not np.array_equal(base, Augmenter(NOISE, seed=3).batch(same, np.arange(8), epoch=1))
    assert not np.array_equal(base, Augmenter(NOISE, seed=4).batch(same, np.arange(8), epoch=0))


def test_the_input_is_not_written_to() -> None:
    clips = CLIPS.copy()
    clips.flags.writeable = False
    Augmenter(NOISE, seed=0).batch(clips, np.arange(64), epoch=0)
    assert np.array_equal(clips, CLIPS)


def test_the_draws_are_those_of_this_release() -> None:
    """Pinned: a change of the stream would silently change every published run."""
    drawn = Augmenter(NOISE, seed=1).draws(np.array([0, 1, 21000]), epoch=7)
    assert drawn.shift.tolist() == [341, -473, 475]
    assert drawn.volume.tolist() == [0, 2529, 2492]


def test_draws_are_uniform_within_their_bounds() -> None:
    drawn = Augmenter(NOISE, seed=0).draws(np.arange(40000), epoch=0)
    assert drawn.shift.min() == -1600 and drawn.shift.max() == 1600
    assert abs(drawn.shift.mean()) < 15 and drawn.shift.std() == pytest.approx(3200 / 12**0.5, rel=0.02)
    loud = drawn.volume[drawn.volume > 0]
    assert len(loud) / 40000 == pytest.approx(0.8, abs=0.01)
    assert loud.max() <= round(0.1 * 2**15) and loud.mean() == pytest.approx(0.05 * 2**15, rel=0.02)
    assert np.bincount(drawn.noise).tolist() == pytest.approx([20000, 20000], rel=0.03)


def test_all_of_a_recording_can_be_heard() -> None:
    ramp = np.arange(20000, dtype=np.int16)
    spec = AugmentSpec(shift_ms=0, noise_probability=1.0, noise_volume=1.0)
    augmenter = Augmenter([ramp], seed=0, spec=spec)
    drawn = augmenter.draws(np.arange(3000), epoch=0)
    starts = drawn.offset % np.uint64(4001)
    assert starts.min() < 10 and starts.max() > 3990


def test_the_mix_is_the_rounded_cross_fade() -> None:
    augmenter = Augmenter(NOISE, seed=5, spec=AugmentSpec(noise_probability=1.0, noise_volume=0.5))
    indices = np.arange(8)
    drawn = augmenter.draws(indices, epoch=0)
    mixed = augmenter.batch(CLIPS[:8], indices, epoch=0)
    for row in range(8):
        noise = NOISE[drawn.noise[row]]
        start = int(drawn.offset[row]) % (len(noise) - N + 1)
        shift = int(drawn.shift[row])
        for t in (0, 1, 799, 8000, 15000, 15999):
            source = int(CLIPS[row][t - shift]) if 0 <= t - shift < N else 0
            volume = Fraction(int(drawn.volume[row]), 2**15)
            exact = (1 - volume) * source + volume * int(noise[start + t])
            assert mixed[row, t] == (exact + Fraction(1, 2)).__floor__()


@settings(max_examples=60, deadline=None)
@given(
    clip=npst.arrays(np.int16, st.integers(1, 400)),
    noise=npst.arrays(np.int16, st.integers(1, 900)),
    volume=st.floats(0, 1),
    shift_ms=st.integers(0, 60),
    seed=st.integers(0, 2**40),
    epoch=st.integers(0, 1000),
    index=st.integers(0, 200000),
)
def test_nothing_overflows_and_length_stays(
    clip: np.ndarray, noise: np.ndarray, volume: float, shift_ms: int, seed: int, epoch: int, index: int
) -> None:
    spec = AugmentSpec(shift_ms=shift_ms, noise_probability=1.0, noise_volume=volume)
    out = Augmenter([noise], seed, spec).batch(clip[None], np.array([index]), epoch)[0]
    assert out.shape == clip.shape and out.dtype == np.int16
    low = min(int(clip.min()), int(noise.min()), 0)
    high = max(int(clip.max()), int(noise.max()), 0)
    assert low <= int(out.min()) and int(out.max()) <= high


@given(clip=npst.arrays(np.int16, 50), index=st.integers(0, 1000))
def test_without_noise_a_clip_is_only_moved(clip: np.ndarray, index: int) -> None:
    augmenter = Augmenter((), seed=0, spec=AugmentSpec(shift_ms=2))
    out = augmenter.batch(clip[None], np.array([index]), 0)[0]
    shift = int(augmenter.draws(np.array([index]), 0).shift[0])
    moved = np.zeros(50 + 2 * 32, np.int16)
    moved[32 + shift : 82 + shift] = clip
    assert np.array_equal(out, moved[32:82])


def test_silence_becomes_quiet_noise_or_stays_silence() -> None:
    out = Augmenter(NOISE, seed=0).batch(np.zeros((400, N), np.int16), np.arange(400), epoch=0)
    silent = [not clip.any() for clip in out]
    assert 0.12 < np.mean(silent) < 0.28
    assert np.abs(out.astype(int)).max() <= 3277


def test_noise_shorter_than_a_clip_is_repeated() -> None:
    spec = AugmentSpec(noise_probability=1.0, noise_volume=1.0)
    out = Augmenter([np.array([700, -700], np.int16)], 0, spec).batch(np.zeros((40, 9), np.int16), np.arange(40), 0)
    assert all((clip[:-2] == clip[2:]).all() for clip in out) and {int(np.sign(clip[0])) for clip in out} == {1, -1}


def test_an_empty_batch_is_empty() -> None:
    assert Augmenter(NOISE, 0).batch(CLIPS[:0], np.zeros(0, int), 0).shape == (0, N)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="without samples"):
        Augmenter([np.zeros(0, np.int16)], 0)
    with pytest.raises(ValueError, match=r"lie in 0\.\.1"):
        AugmentSpec(noise_volume=1.5)
    with pytest.raises(ValueError, match="not negative"):
        Augmenter(NOISE, 0).draws(np.array([-1]), 0)
