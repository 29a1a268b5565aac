# SPDX-License-Identifier: Apache-2.0
"""Detector, counts and curves on posteriors made by hand, whose every figure is known by hand."""

import math

import numpy as np
import pytest

from toolchain.data.streams.scene import Spoken
from toolchain.detect.curve import Interval, curve_of, det_curve, det_points, operating_points, threshold_at
from toolchain.detect.detector import DetectorSpec, Scores, detections, scores_of, smoothed
from toolchain.detect.scoring import Counts, count
from toolchain.errors import DataError

HOP = 1600  # 100 ms
SPEC = DetectorSpec(hop_ms=100, smooth_ms=100, refractory_ms=500, tolerance_ms=300)


def said(label: int, first: int, last: int) -> Spoken:
    """A keyword from decision `first` to decision `last`: it begins just before the one and ends at the other."""
    return Spoken(label, 0, 0, first * HOP - 1, first * HOP - 1, last * HOP)


def counted(score: dict[int, tuple[int, float]], words: list[Spoken], n: int = 100, scenes: int = 2) -> Counts:
    """Two keywords; decision j is made when j hops are heard. score: decision -> (best keyword, its score)."""
    best, values = np.zeros(n, np.int64), np.zeros(n)
    for place, (keyword, value) in score.items():
        best[place], values[place] = keyword, value
    times = np.arange(n, dtype=np.int64) * HOP
    return count(
        Scores(best, values), times, words, SPEC, n_keywords=2, n_scenes=scenes, scene_samples=n * HOP // scenes
    )


def at(counts: Counts, threshold: float) -> tuple[int, int]:
    """(missed, false) with the lowest threshold that was tried and is not below this one."""
    row = int(np.flatnonzero(counts.thresholds >= threshold)[-1])
    return int(counts.missed[row].sum()), int(counts.false[row].sum())


def test_scores_are_means_of_the_newest_and_of_fewer_at_the_start() -> None:
    posteriors = np.array([[0.9, 0.1, 0.0], [0.3, 0.6, 0.1], [0.0, 0.9, 0.1], [0.1, 0.2, 0.7]])
    spec = DetectorSpec(hop_ms=100, smooth_ms=200)
    scores = scores_of(posteriors, 2, spec)
    assert scores.best.tolist() == [0, 0, 1, 1]
    assert scores.score == pytest.approx([0.9, 0.6, 0.75, 0.55])
    assert smoothed(posteriors, 100)[3] == pytest.approx(posteriors.mean(axis=0))


def test_a_detection_waits_for_the_refractory_time() -> None:
    score = np.array([0.5, 0.9, 0.9, 0.9, 0.9, 0.2, 0.9])
    assert detections(score, 0.9, 1).tolist() == [1, 2, 3, 4, 6]
    assert detections(score, 0.9, 3).tolist() == [1, 4]
    assert detections(score, 0.4, 3).tolist() == [0, 3, 6]
    assert detections(score, 0.95, 3).tolist() == []
    assert detections(score, math.inf, 3).tolist() == []


def test_a_keyword_counts_once_from_its_beginning_to_the_tolerance_behind_its_end() -> None:
    word = [said(0, 20, 24)]
    for decision, outcome in ((19, (1, 1)), (20, (0, 0)), (24, (0, 0)), (27, (0, 0)), (28, (1, 1))):
        assert at(counted({decision: (0, 0.8)}, word), 0.8) == outcome, decision
    assert at(counted({22: (1, 0.8)}, word), 0.8) == (1, 1)  # another keyword than was said
    assert at(counted({21: (0, 0.8), 27: (0, 0.8)}, word), 0.8) == (0, 1)  # a repeat, six decisions later
    assert at(counted({21: (0, 0.8), 25: (0, 0.8)}, word), 0.8) == (0, 0)  # within the refractory time


def test_of_two_near_words_of_a_kind_a_detection_belongs_to_the_later() -> None:
    words = [said(0, 20, 24), said(0, 26, 30)]
    assert at(counted({21: (0, 0.8), 27: (0, 0.8)}, words), 0.8) == (0, 0)
    assert at(counted({27: (0, 0.8)}, words), 0.8) == (1, 0)
    assert counted({27: (0, 0.8)}, words).missed[-1].sum() <= 1


def test_the_whole_curve_of_a_stream_done_by_hand() -> None:
    """Three keywords, four other peaks, 10 s in two scenes; an hour has 360 times as much."""
    words = [said(0, 10, 12), said(1, 40, 42), said(0, 70, 72)]
    score = {11: (0, 0.9), 41: (1, 0.6), 71: (0, 0.3)}
    score |= {25: (1, 0.8), 55: (0, 0.5), 60: (0, 0.5), 85: (1, 0.2)}
    counts = counted(score, words)
    fah, frr = det_points(counts)
    by_threshold = {t: (round(f / 360), round(3 * r)) for t, f, r in zip(counts.thresholds, fah, frr, strict=True)}
    assert by_threshold[math.inf] == (0, 3)
    assert [by_threshold[t] for t in (0.9, 0.8, 0.6, 0.5, 0.3, 0.2)] == [(0, 2), (1, 2), (1, 1), (3, 1), (3, 0), (4, 0)]
    assert counts.said.tolist() == [[1, 1], [1, 0]]  # the scenes' border is at decision 50
    row = counts.thresholds.tolist().index(0.5)
    assert counts.false[row].tolist() == [[0, 1], [2, 0]] and counts.missed[row].tolist() == [[0, 0], [1, 0]]
    curve = det_curve(counts)
    assert curve.fah.tolist() == [0.0, 360.0, 1080.0] and curve.frr == pytest.approx([2 / 3, 1 / 3, 0.0])
    assert det_curve(counts, 1).frr_at(0) == 1.0 and det_curve(counts, 1).frr_at(360) == 0.0
    assert det_curve(counts, 0).frr_at(0) == 0.5
    assert curve.frr_at(180) == pytest.approx(0.5) and curve.fah_at(0.5) == pytest.approx(180)
    assert threshold_at(counts, 359) == counts.thresholds.tolist().index(0.9)
    assert counts.thresholds[threshold_at(counts, 400)] == 0.6


def test_a_false_detection_and_a_miss_are_told_apart_by_scene() -> None:
    counts = counted({49: (0, 0.7)}, [said(0, 48, 49)])
    assert counts.missed[-1].tolist() == [[0, 0], [0, 0]] and at(counts, 0.7) == (0, 0)
    late = counted({51: (0, 0.7)}, [said(0, 48, 49)])  # a hit in the next scene is one of its word's
    assert at(late, 0.7) == (0, 0) and late.said.tolist() == [[1, 0], [0, 0]]


def test_the_border_of_points_falls_strictly() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        fah, frr = rng.integers(0, 9, 30) / 1.0, rng.integers(0, 11, 30) / 10
        fah[0], frr[0] = 0.0, 1.0
        curve = curve_of(fah, frr)
        assert curve.fah[0] == 0 and (np.diff(curve.fah) > 0).all() and (np.diff(curve.frr) < 0).all()
        for rate, missed in zip(fah, frr, strict=True):
            assert curve.frr_at(rate) <= missed + 1e-12
            assert curve.fah_at(missed) <= rate + 1e-12
        for rate in curve.fah:
            assert curve.fah_at(curve.frr_at(rate)) == pytest.approx(rate)


def made(
    false_of_scenes: list[list[int]], missed_of_scenes: list[list[int]], said_a_scene: int, hours: float
) -> Counts:
    """One keyword; a row a threshold, a column a scene."""
    false, missed = (np.array(rows, np.int32)[:, :, None] for rows in (false_of_scenes, missed_of_scenes))
    thresholds = np.array([np.inf, *np.linspace(0.9, 0.1, len(false) - 1)])
    return Counts(thresholds, missed, false, np.full((false.shape[1], 1), said_a_scene, np.int32), hours)


def test_relative_fdr_is_taken_at_the_references_frr() -> None:
    """Both miss 2 of 10 at their second threshold, at 4 and at 5 false detections in two hours."""
    reference = made([[0, 0], [2, 2], [8, 8]], [[5, 5], [1, 1], [0, 0]], 5, 2.0)
    other = made([[0, 0], [3, 2], [8, 8]], [[5, 5], [1, 1], [0, 0]], 5, 2.0)
    first, second = operating_points([reference, other], 2.0)
    assert first.fah is None and first.relative_fdr is None
    assert first.frr == Interval(pytest.approx(0.2), pytest.approx(0.2), pytest.approx(0.2))  # scenes alike
    assert second.fah is not None and second.relative_fdr is not None
    assert (second.fah.value, second.relative_fdr.value) == (pytest.approx(2.5), pytest.approx(0.25))
    # A resampling holds scene 0 twice, once or not at all: 6, 5 or 4 false detections, against 4.
    assert (second.relative_fdr.low, second.relative_fdr.high) == (pytest.approx(0.0), pytest.approx(0.5))
    assert second.frr.value == pytest.approx(1 - 0.8 * 2 / 2.5)


def test_a_model_that_never_gets_as_low_says_so() -> None:
    reference = made([[0, 0], [1, 1], [4, 4]], [[5, 5], [1, 1], [0, 0]], 5, 1.0)
    deaf = made([[0, 0], [2, 2], [9, 9]], [[5, 5], [4, 4], [3, 3]], 5, 1.0)
    _, second = operating_points([reference, deaf], 2.0)
    assert second.fah == Interval(math.inf, math.inf, math.inf) and second.relative_fdr == second.fah
    assert second.frr.value == pytest.approx(0.9)


def test_intervals_are_as_wide_as_theory_says() -> None:
    """1,600 words of which a fifth is missed: a binomial's deviation; the same interval whenever it is asked for."""
    missed = np.random.default_rng(1).binomial(4, 0.2, 400)
    counts = made([[0] * 400, [1] * 400], [[4] * 400, missed.tolist()], 4, 400 / 60)
    (point,) = operating_points([counts], 60.0)
    assert point.frr.value == pytest.approx(missed.sum() / 1600)
    assert (point.frr.high - point.frr.low) / 2 == pytest.approx(1.96 * math.sqrt(0.2 * 0.8 / 1600), rel=0.15)
    assert operating_points([counts], 60.0) == operating_points([counts], 60.0)


@pytest.mark.parametrize("field", ["hop_ms", "smooth_ms", "refractory_ms", "tolerance_ms"])
def test_times_that_cannot_be_are_refused(field: str) -> None:
    with pytest.raises(DataError, match=f"--{field.replace('_', '-')} -1 is outside"):
        DetectorSpec(**({"hop_ms": 100} | {field: -1}))


def test_sizes_in_decisions() -> None:
    spec = DetectorSpec(hop_ms=40, smooth_ms=100, refractory_ms=100)
    assert (spec.n_smoothed, spec.n_refractory) == (2, 3)
    assert (DetectorSpec(40, 0, 0).n_smoothed, DetectorSpec(40, 0, 0).n_refractory) == (1, 1)
