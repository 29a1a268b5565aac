# SPDX-License-Identifier: Apache-2.0
"""Detection on a stream as tables, JSON and CSV."""

import csv
import io
import math
from typing import Any

import numpy as np

from toolchain.detect.curve import Interval, det_curve, det_points, threshold_at
from toolchain.detect.evaluation import Evaluation, Judged
from toolchain.detect.on_board import BoardDifference
from toolchain.measure import How
from toolchain.report.table import Column, Row, Table, Tone

_FAH = (0.5, 1, 2, 5, 10, 20, 50, 100)
# By the rule of three, a rate below 3 / hours cannot be told from one of zero.
_COUNTABLE = 3


def stream_line(found: Evaluation) -> str:
    """`stream of 10 h, seed 0: 3,005 keywords and 9,120 other words in ... (sha256 ...)`."""
    stream = found.stream
    recipe = stream.recipe
    quiet = f", {recipe.quiet_percent} % of them without" if recipe.quiet_percent else ""
    return (
        f"stream of {stream.hours:.3g} h, seed {recipe.seed}: {len(stream.keywords_said):,} keywords and "
        f"{stream.n_other:,} other words, {recipe.pause_ms[0]} to {recipe.pause_ms[1]} ms between clips, in scenes of "
        f"{recipe.scene_s} s with background {recipe.snr_db[0]} to {recipe.snr_db[1]} dB below speech{quiet}; "
        f"sha256 {found.stream_sha256[:16]}"
    )


def detector_line(found: Evaluation) -> str:
    """`a decision every 100 ms, mean of 3 posteriors, ...`."""
    spec = found.detector
    return (
        f"detector: a decision every {spec.hop_ms} ms, posteriors averaged over {spec.n_smoothed}, the next detection "
        f"{spec.n_refractory * spec.hop_ms} ms later at the earliest, a hit up to {spec.tolerance_ms} ms after the word"
    )


def rejection_table(found: Evaluation) -> Table:
    """FRR of every model at round numbers of false detections an hour."""
    rates = [rate for rate in _FAH if rate * found.stream.hours >= _COUNTABLE] or [_FAH[-1]]
    columns = (Column("model", text=True), *(Column(f"{rate:g}/h", "%", How.MEASURED) for rate in rates))
    rows = []
    for model in found.models:
        curve = det_curve(model.counts)
        rows.append(Row((model.heard.listener.name, *(_percent(curve.frr_at(rate)) for rate in rates))))
    return Table(
        "Keywords missed (false rejection rate) at so many false detections an hour of stream", columns, tuple(rows)
    )


def operating_table(found: Evaluation) -> Table:
    """Every model where the first one makes `fah` false detections an hour."""
    columns = [Column("model", text=True), Column("threshold")]
    columns += [Column(f"FRR at {found.fah:g}/h", "%", How.MEASURED), Column("95 %", text=True)]
    compared = len(found.models) > 1
    if compared:
        columns += [Column("FAH at that FRR", "1/h", How.MEASURED), Column("95 %", text=True)]
        columns += [Column("relative FDR", "%", How.MEASURED), Column("95 %", text=True)]
    rows = []
    for model in found.models:
        point = model.operating
        threshold = float(model.counts.thresholds[threshold_at(model.counts, found.fah)])
        cells = [model.heard.listener.name, _threshold(threshold), _percent(point.frr.value), _range(point.frr, 100)]
        if point.fah is not None and point.relative_fdr is not None:
            cells += [_number(point.fah.value), _range(point.fah, 1)]
            cells += [_number(100 * point.relative_fdr.value), _range(point.relative_fdr, 100)]
        elif compared:
            cells += [f"{found.fah:g}", "the reference", "–", ""]
        rows.append(Row(tuple(cells)))
    first = found.models[0].heard.listener.name
    note = f"FAH and relative FDR: where as many keywords are missed as {first} misses at {found.fah:g}/h."
    return Table("Operating point", tuple(columns), tuple(rows), (note,) if compared else ())


def keyword_table(found: Evaluation, model: Judged) -> Table:
    """One model at its operating threshold, word by word."""
    counts = model.counts
    at = threshold_at(counts, found.fah)
    said, missed, false = counts.said.sum(0), counts.missed[at].sum(0), counts.false[at].sum(0)
    columns = (Column("keyword", text=True), *(Column(title) for title in ("said", "missed")), Column("FRR", "%"))
    columns += (Column("false"), Column("FAH", "1/h"))
    names = model.heard.listener.keywords
    rows = [
        Row(
            (
                name,
                int(said[k]),
                int(missed[k]),
                _share(missed[k], said[k]),
                int(false[k]),
                _number(false[k] / counts.hours),
            )
        )
        for k, name in enumerate(names)
    ]
    total = (int(missed.sum()), int(said.sum()), int(false.sum()))
    rows.append(
        Row(("all", total[1], total[0], _share(*total[:2]), total[2], _number(total[2] / counts.hours)), Tone.TOTAL)
    )
    threshold = _threshold(float(counts.thresholds[at]))
    return Table(f"{model.heard.listener.name} at threshold {threshold}, measured", columns, tuple(rows))


def board_line(board: str, name: str, found: BoardDifference) -> str:
    """What the board's bytes say against this machine's."""
    return (
        f"{name} on {board} against this machine, {found.decisions:,} decisions from the stream's samples: "
        f"{found.features_differing:,} of {found.feature_bytes:,} bytes of features differ, "
        f"{found.outputs_differing:,} of {found.output_bytes:,} bytes of outputs"
    )


def det_json(found: Evaluation, *, on: str, how: How, notes: tuple[str, ...], boards: list[Any]) -> dict[str, Any]:
    """Plain values; the curves as they were counted, point by point."""
    stream = found.stream
    return {
        "how": how.value,
        "on": on,
        "stream": stream.recipe.to_dict()
        | {
            "hours": stream.hours,
            "keywords_said": len(stream.keywords_said),
            "other_words_said": stream.n_other,
            "sha256": found.stream_sha256,
        },
        "detector": {
            "hop_ms": found.detector.hop_ms,
            "smooth_ms": found.detector.smooth_ms,
            "refractory_ms": found.detector.refractory_ms,
            "tolerance_ms": found.detector.tolerance_ms,
        },
        "fah": found.fah,
        "models": [_model_json(found, model) for model in found.models],
        "boards": boards,
        "warnings": list(found.warnings),
        "notes": list(notes),
    }


def _model_json(found: Evaluation, model: Judged) -> dict[str, Any]:
    counts, point = model.counts, model.operating
    at = threshold_at(counts, found.fah)
    names = model.heard.listener.keywords
    return {
        "name": model.heard.listener.name,
        "decisions": len(model.heard.outputs),
        "threshold": _finite(float(counts.thresholds[at])),
        "frr": _interval_json(point.frr),
        "fah_at_reference_frr": _interval_json(point.fah),
        "relative_fdr": _interval_json(point.relative_fdr),
        "thresholds": [_finite(value) for value in counts.thresholds.tolist()],
        "det": _points_json(model, None),
        "keywords": {name: _points_json(model, k) for k, name in enumerate(names)},
    }


def _points_json(model: Judged, keyword: int | None) -> dict[str, Any]:
    fah, frr = det_points(model.counts, keyword)
    return {"fah": fah.tolist(), "frr": frr.tolist()}


def det_csv(found: Evaluation) -> str:
    """One line a model, keyword (`all` for all of them) and threshold, as counted."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("model", "keyword", "threshold", "false_detections", "hours", "fah", "missed", "said", "frr"))
    for model in found.models:
        counts = model.counts
        for k, name in enumerate(("all", *model.heard.listener.keywords)):
            chosen = slice(None) if k == 0 else slice(k - 1, k)
            said = int(counts.said[:, chosen].sum())
            false, missed = counts.false[:, :, chosen].sum((1, 2)), counts.missed[:, :, chosen].sum((1, 2))
            fah, frr = det_points(counts, None if k == 0 else k - 1)
            for m, threshold in enumerate(counts.thresholds.tolist()):
                head = (model.heard.listener.name, name, repr(threshold), int(false[m]), repr(counts.hours))
                writer.writerow((*head, repr(float(fah[m])), int(missed[m]), said, repr(float(frr[m]))))
    return text.getvalue()


def _interval_json(found: Interval | None) -> dict[str, float | None] | None:
    if found is None:
        return None
    return {"value": _finite(found.value), "low": _finite(found.low), "high": _finite(found.high)}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _share(part: "np.integer | int", whole: "np.integer | int") -> str | None:
    return _percent(int(part) / int(whole)) if whole else None


def _number(value: float) -> str:
    return f"{value:,.2f}" if math.isfinite(value) else "never"


def _threshold(value: float) -> str:
    """Near one a posterior is told apart by its distance from it."""
    if not math.isfinite(value):
        return "none"
    return f"{value:.4f}" if value < 0.999 else f"1 - {1 - value:.2g}"


def _range(found: Interval, factor: float) -> str:
    high = f"{factor * found.high:.2f}" if math.isfinite(found.high) else "∞"
    low = f"{factor * found.low:.2f}" if math.isfinite(found.low) else "∞"
    return f"{low} .. {high}"
