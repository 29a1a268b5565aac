# SPDX-License-Identifier: Apache-2.0
"""DET curves: false detections an hour against the share of keywords missed, and how sure both are.

    FAH  false detections an hour of stream            FRR  keywords missed / keywords said (false rejection rate)
    FDR  false detection rate: here FAH; relative FDR = FAH of a model / FAH of the reference - 1, both at the FRR that
         the reference has at its operating point. So Zeng et al. (arXiv 2207.06920, abstract) compare quantised models
         with float ones: "false detection rate (FDR) at false rejection rate (FRR)".

A curve is the lower left border of what the thresholds give; between two neighbours it is straight, which a detector
reaches that takes either threshold at random (Provost and Fawcett, Machine Learning 42, 2001, theorem 10).

Intervals: percentile bootstrap (Efron and Tibshirani 1993, chapter 13) over scenes, which are mixed independently;
all models are resampled alike, so what a hard scene does to each of them cancels in the relative FDR.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolchain.data.streams.draws import resamplings
from toolchain.detect.scoring import Counts

Floats = NDArray[np.float64]

RESAMPLINGS = 1000
_OUTSIDE = 0.025  # of an interval, on each side: 95 % lie within


@dataclass(frozen=True)
class Interval:
    """A figure and where it lies with 95 % confidence; `high` may be infinite."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Curve:
    """fah: float64 [P], rising strictly; frr: float64 [P], falling strictly. The first point: nothing is detected."""

    fah: Floats
    frr: Floats

    def frr_at(self, fah: float) -> float:
        """Share of keywords missed at so many false detections an hour, 0 or more; beyond its end, the curve's last."""
        return float(np.interp(fah, self.fah, self.frr))

    def fah_at(self, frr: float) -> float:
        """False detections an hour where this share is missed; infinite where the curve never gets as low."""
        if frr < self.frr[-1]:
            return math.inf
        return float(np.interp(-frr, -self.frr, self.fah))


def curve_of(fah: Floats, frr: Floats) -> Curve:
    """The lower left border of points [M]; one of them has no false detections.

    >>> curve = curve_of(np.array([0.0, 1.0, 2.0, 2.0, 4.0]), np.array([1.0, 0.5, 0.6, 0.4, 0.2]))
    >>> curve.fah.tolist(), curve.frr.tolist(), round(curve.frr_at(3.0), 9), curve.fah_at(0.1)
    ([0.0, 1.0, 2.0, 4.0], [1.0, 0.5, 0.4, 0.2], 0.3, inf)
    """
    order = np.lexsort((frr, fah))
    fah, frr = fah[order], frr[order]
    best = np.minimum.accumulate(frr)
    kept = np.concatenate([[True], frr[1:] < best[:-1]])
    return Curve(fah[kept], frr[kept])


def det_curve(counts: Counts, keyword: int | None = None) -> Curve:
    """Of all keywords, or of one: those of its detections that are false, those of its words that are missed."""
    return curve_of(*det_points(counts, keyword))


def det_points(counts: Counts, keyword: int | None = None) -> tuple[Floats, Floats]:
    """(FAH [M], FRR [M]) at each threshold. A keyword that is never said has an FRR of 0."""
    chosen = slice(None) if keyword is None else slice(keyword, keyword + 1)
    said = max(1, int(counts.said[:, chosen].sum()))
    false, missed = counts.false[:, :, chosen].sum((1, 2)), counts.missed[:, :, chosen].sum((1, 2))
    return false / counts.hours, missed / said


def threshold_at(counts: Counts, fah: float) -> int:
    """Index of the threshold that misses least with no more than `fah` false detections an hour."""
    found, missed = det_points(counts)
    allowed = np.flatnonzero(found <= fah)
    return int(allowed[np.argmin(missed[allowed])])


@dataclass(frozen=True)
class Operating:
    """A model where the reference has `fah` false detections an hour.

    frr: of the model at that FAH. fah: of the model at the reference's FRR; relative_fdr: the same against the
    reference's, -0.1 is 10 % fewer. Both None for the reference itself.
    """

    frr: Interval
    fah: Interval | None
    relative_fdr: Interval | None


def operating_points(models: Sequence[Counts], fah: float, *, seed: int = 0) -> tuple[Operating, ...]:
    """Of all models, which heard the same stream; the first is the reference."""
    curves = [det_curve(counts) for counts in models]
    weights = resamplings(models[0].said.shape[0], RESAMPLINGS, seed)
    redrawn = [_redrawn(counts, weights) for counts in models]
    return tuple(
        Operating(
            _interval(curve.frr_at(fah), [again.frr_at(fah) for again in resampled]),
            None if place == 0 else _fah_interval(curves, redrawn, place, fah, relative=False),
            None if place == 0 else _fah_interval(curves, redrawn, place, fah, relative=True),
        )
        for place, (curve, resampled) in enumerate(zip(curves, redrawn, strict=True))
    )


def _redrawn(counts: Counts, weights: NDArray[np.int64]) -> list[Curve]:
    """The curve of each resampling of the scenes. weights: [B, S]."""
    said = weights @ counts.said.sum(axis=1)  # [B]
    false = counts.false.sum(axis=2) @ weights.T / counts.hours  # [M, B]
    missed = counts.missed.sum(axis=2) @ weights.T / np.maximum(said, 1)
    return [curve_of(false[:, place], missed[:, place]) for place in range(len(weights))]


def _fah_interval(
    curves: list[Curve], redrawn: list[list[Curve]], place: int, fah: float, *, relative: bool
) -> Interval:
    def found(reference: Curve, model: Curve) -> float:
        frr = reference.frr_at(fah)
        there = reference.fah_at(frr)
        value = model.fah_at(frr)
        if not relative:
            return value
        return value / there - 1 if there else math.inf

    values = [found(reference, model) for reference, model in zip(redrawn[0], redrawn[place], strict=True)]
    return _interval(found(curves[0], curves[place]), values)


def _interval(value: float, resampled: Sequence[float]) -> Interval:
    ordered = sorted(resampled)
    last = len(ordered) - 1
    return Interval(value, ordered[math.floor(_OUTSIDE * last)], ordered[math.ceil((1 - _OUTSIDE) * last)])
