# SPDX-License-Identifier: Apache-2.0
"""Evaluation: what several models made of one stream, counted, and what must be said beside the figures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from toolchain.data.background import NOISE_RULE
from toolchain.data.layout import Partition
from toolchain.data.streams.stream import Stream
from toolchain.detect.curve import Operating, operating_points
from toolchain.detect.detector import DetectorSpec, scores_of
from toolchain.detect.hearing import Heard, hear
from toolchain.detect.listener import Listener
from toolchain.detect.scoring import Counts, count
from toolchain.errors import ModelError
from toolchain.progress import Progress, silent

# Fewer events than this, and a rate is known to no better than a factor of two: for 10, Poisson gives 4.8 to 18.4.
_FEW = 10
_FEW_KEYWORDS = 100
# What issue 4 asks of 4 and 5 bits; a stream that cannot tell so small a difference from chance says so.
_CLAIM = 0.05


@dataclass(frozen=True, eq=False)
class Judged:
    """One model: what it gave, the counts of that, and its operating point."""

    heard: Heard
    counts: Counts
    operating: Operating


@dataclass(frozen=True, eq=False)
class Evaluation:
    """models: the first is the reference. fah: false detections an hour at its operating point. warnings: sentences."""

    stream: Stream
    detector: DetectorSpec
    fah: float
    models: tuple[Judged, ...]
    stream_sha256: str
    warnings: tuple[str, ...]


def evaluate(
    stream: Stream, listeners: Sequence[Listener], detector: DetectorSpec, fah: float, progress: Progress = silent
) -> Evaluation:
    """Hear, detect, count, compare. Raises ModelError where models detect other keywords, and as hear does."""
    for listener in listeners:
        if listener.keywords != stream.speech.keywords:
            raise ModelError(
                f"{listener.name}: detects {', '.join(listener.keywords)}, but {listeners[0].name} "
                f"{', '.join(stream.speech.keywords)}: compared models have the same keywords in the same order"
            )
    hearing = hear(stream, listeners, detector.hop_ms, progress)
    counted = tuple(_counted(heard, stream, detector) for heard in hearing.heard)
    operating = operating_points(counted, fah, seed=stream.recipe.seed)
    models = tuple(Judged(*both) for both in zip(hearing.heard, counted, operating, strict=True))
    return Evaluation(stream, detector, fah, models, hearing.sha256, _warnings(stream, models, fah))


def _counted(heard: Heard, stream: Stream, detector: DetectorSpec) -> Counts:
    listener = heard.listener
    posteriors = listener.posteriors(heard.outputs)
    return count(
        scores_of(posteriors, len(listener.keywords), detector),
        heard.times,
        stream.keywords_said,
        detector,
        n_keywords=len(listener.keywords),
        n_scenes=stream.n_scenes,
        scene_samples=stream.scene_samples,
    )


def _warnings(stream: Stream, models: Sequence[Judged], fah: float) -> tuple[str, ...]:
    """What a reader would otherwise take for more than it is."""
    found = []
    events = fah * stream.hours
    if events < _FEW:
        found.append(
            f"{fah:g} false detections an hour are {events:.3g} in {stream.hours:.3g} h, too few to count: take "
            f"{_FEW / fah:.3g} h or more, or a higher --fah"
        )
    n_keywords = len(stream.keywords_said)
    if n_keywords < _FEW_KEYWORDS:
        found.append(
            f"only {n_keywords} keywords are said: a false rejection rate in steps of {100 / n_keywords:.1f} %"
        )
    widths = [
        (point.high - point.low) / 2 if math.isfinite(point.high) else math.inf
        for model in models
        if (point := model.operating.relative_fdr) is not None
    ]
    if widths and max(widths) > _CLAIM:
        width = max(widths)
        longer = f"; some {stream.hours * (width / _CLAIM) ** 2:,.0f} h would" if math.isfinite(width) else ""
        found.append(f"a relative FDR within ± {100 * _CLAIM:g} % cannot be told from chance on this stream{longer}")
    speech = stream.speech
    n_clips = sum(map(len, speech.rows_of_keyword))
    said = [(n_keywords, n_clips, "keywords"), (stream.n_other, len(speech.other_rows), "other words")]
    repeated = [
        f"{n / clips:.1f} times each of {clips:,} clips of {what}" for n, clips, what in said if n > 2 * clips > 0
    ]
    if repeated:
        found.append(f"the stream says {' and '.join(repeated)}: new voices vary more than the intervals say")
    return tuple(found)


def background_note(noise_rules: Sequence[str | None], partition: Partition) -> str:
    """Whether the models' trainings kept away from the stream's background. noise_rules: as run.json says them."""
    if partition is Partition.TRAIN:
        return f"Background: {NOISE_RULE}, which training hears; the words are those of training as well."
    if all(rule == NOISE_RULE for rule in noise_rules):
        return f"Background: the last fifth of each recording; training heard {NOISE_RULE}."
    return (
        f"Background: the last fifth of each recording. Of a model here it is not known that its training heard only "
        f"{NOISE_RULE}: it may know this background."
    )
