# SPDX-License-Identifier: Apache-2.0
"""The agreement of all judges as one table and as JSON."""

from typing import Any

from toolchain.report.table import Column, Row, Table, Tone
from toolchain.verify.agreement import Agreement, Standing

_TONES = {
    Standing.AGREES: Tone.GOOD,
    Standing.DIFFERS: Tone.BAD,
    Standing.FAILED: Tone.BAD,
    Standing.EXCUSED: Tone.PLAIN,
    Standing.DOES_NOT_FIT: Tone.PLAIN,
    Standing.NOT_ASKED: Tone.PLAIN,
}


def agreement_table(agreement: Agreement, of: str) -> Table:
    """`of`: what the inputs were, such as `100 random and 100 real inputs`."""
    columns = (
        Column("judge", text=True),
        Column("version", text=True),
        Column("compared", "B"),
        Column("differing", "B"),
        Column("largest", "difference"),
        Column("first differing layer", text=True),
        Column("", text=True),
    )
    rows = tuple(
        Row(
            (
                finding.name,
                finding.version,
                finding.bytes_compared,
                finding.bytes_differing,
                finding.max_difference,
                finding.first_differing_layer or "",
                finding.standing.value,
            ),
            _TONES[finding.standing],
        )
        for finding in agreement.findings
    )
    notes = tuple(f"{finding.name}: {finding.note}." for finding in agreement.findings if finding.note)
    return Table(f"Agreement over {of}", columns, rows, notes)


def agreement_json(agreement: Agreement) -> dict[str, Any]:
    """Plain values. Judges that were not asked have null counts and say why in `note`."""
    return {
        "ok": agreement.ok,
        "samples": agreement.samples,
        "graph_sha256": agreement.graph_sha256,
        "judges": [
            {
                "name": finding.name,
                "version": finding.version,
                "standing": finding.standing.value,
                "bytes_compared": finding.bytes_compared,
                "bytes_differing": finding.bytes_differing,
                "max_difference": finding.max_difference,
                "inputs_differing": finding.inputs_differing,
                "first_differing_layer": finding.first_differing_layer,
                "note": finding.note,
            }
            for finding in agreement.findings
        ],
    }
