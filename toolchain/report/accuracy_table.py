# SPDX-License-Identifier: Apache-2.0
"""Accuracy as a confusion table and as JSON."""

from typing import Any

from toolchain.measure import How
from toolchain.report.table import Column, Row, Table, Tone
from toolchain.verify.accuracy import Difference, Score


def confusion_table(score: Score, how: How) -> Table:
    """One row a spoken class, one column a class heard; then the share of the row that is right."""
    columns = (
        Column("spoken", text=True),
        *(Column(label) for label in score.labels),
        Column("all"),
        Column("right %"),
    )
    rows = []
    for index, label in enumerate(score.labels):
        counts = [int(value) for value in score.confusion[index]]
        right = f"{100 * counts[index] / sum(counts):.1f}" if sum(counts) else None
        rows.append(Row((label, *(value or "·" for value in counts), sum(counts), right)))
    heard = [int(value) for value in score.confusion.sum(axis=0)]
    rows.append(Row(("all", *heard, score.n, f"{100 * score.accuracy:.1f}"), Tone.TOTAL))
    return Table(f"Confusion in clips, {how.value}: rows are spoken, columns heard", columns, tuple(rows))


def accuracy_line(score: Score, on: str, part: str, how: How) -> str:
    """`accuracy 93.87 %: 2,890 of 3,079 test clips, C on this machine (measured)`."""
    return f"accuracy {100 * score.accuracy:.2f} %: {score.correct:,} of {score.n:,} {part} clips, {on} ({how.value})"


def difference_line(found: Difference, board: str) -> str:
    """What the board's bytes say against this machine's."""
    return (
        f"{board} against this machine, {found.clips:,} clips from audio samples: "
        f"{found.features_differing:,} of {found.feature_bytes:,} bytes of features differ, "
        f"{found.outputs_differing:,} of {found.output_bytes:,} bytes of outputs"
    )


def accuracy_json(
    score: Score, *, on: str, part: str, how: How, comparability: str, difference: Difference | None
) -> dict[str, Any]:
    """Plain values."""
    return {
        "accuracy": score.accuracy,
        "n": score.n,
        "correct": score.correct,
        "how": how.value,
        "on": on,
        "split": part,
        "labels": list(score.labels),
        "confusion": score.confusion.tolist(),
        "comparability": comparability,
        "board": None
        if difference is None
        else {
            "clips": difference.clips,
            "feature_bytes": difference.feature_bytes,
            "features_differing": difference.features_differing,
            "output_bytes": difference.output_bytes,
            "outputs_differing": difference.outputs_differing,
        },
    }
