# SPDX-License-Identifier: Apache-2.0
"""The part of docs/reproduction.md that a series of runs writes: accuracy over the width of the weights."""

from collections.abc import Sequence

from toolchain.report.table import Column, Row, Table, to_markdown

# Source: Peter, Roth, Pernkopf 2012.10138 and the result files in its authors' repository: one network, Speech
# Commands v0.01 whole, 10 MFCC, weights of all layers at the stated width, activations float. Percent.
_PUBLISHED_BITS = (32, 8, 7, 6, 5, 4, 3, 2, 1)
_PUBLISHED_TRAINED = (95.60, 95.60, 95.97, 95.19, 95.71, 95.64, 95.38, 95.19, 94.73)
_PUBLISHED_ROUNDED = (95.35, 95.42, 95.48, 95.09, 95.16, 93.63, 70.99, 8.70, 8.15)

_HEAD = """\
## Accuracy over the width of the weights

Test accuracy with activations of 8 bits, computed by the reference interpreter on the integers of each run's
`model.onnx`. One float training a seed is shared by all widths: *rounded* takes its weights to the nearest integers
and trains nothing, the other columns train on. 32 is the float network. `subbyte series` writes this part and goes on
with what is missing."""

_PUBLISHED = """\
For the shape, not for comparison (other data, all layers at the width, float activations): Peter, Roth and Pernkopf
find that rounding collapses between 4 and 2 bits while training holds."""


def series_section(tables: Sequence[Table], notes: Sequence[str]) -> str:
    """The section: a table a network, remarks, and the published figures."""
    published = Table(
        "Published, percent",
        (Column("bits"), Column("rounded", "%"), Column("trained", "%")),
        tuple(
            Row((bits, f"{rounded:.2f}", f"{trained:.2f}"))
            for bits, rounded, trained in zip(_PUBLISHED_BITS, _PUBLISHED_ROUNDED, _PUBLISHED_TRAINED, strict=True)
        ),
    )
    remarks = "\n".join(f"- {note}" for note in notes)
    parts = [_HEAD, *(to_markdown(table) for table in tables), remarks, _PUBLISHED, to_markdown(published)]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"
