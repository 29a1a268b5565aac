# SPDX-License-Identifier: Apache-2.0
"""Table: one description of a table, written as plain text, Markdown or HTML.

A column says its unit and where its numbers come from (`how`), so both stand in every rendering and no column can
mix two origins. Text never wraps: a table is as wide as its contents, in a pipe and on a terminal alike.

    layer        MACs  weights  weights
                    1        B        B
                       estimated   linked
    conv_1    320,000    6,400    6,400
"""

from dataclasses import dataclass, field
from enum import StrEnum
from html import escape

from toolchain.measure import How

Cell = str | int | float | None
ABSENT = "–"  # a figure that does not exist or was not asked for


class Tone(StrEnum):
    """How a row is meant: colour on a terminal and in HTML, nothing elsewhere."""

    PLAIN = "plain"
    TOTAL = "total"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True)
class Column:
    """One column. Numbers are right aligned; `text` columns are left aligned."""

    title: str
    unit: str = ""
    how: How | None = None
    text: bool = False


@dataclass(frozen=True)
class Row:
    """Cells, one a column: text, a number, or None for a figure that is absent."""

    cells: tuple[Cell, ...]
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True)
class Table:
    """A title, columns, rows, and sentences to stand below. Raises ValueError where a row has too few cells."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(f"table {self.title!r}: {len(row.cells)} cells for {len(self.columns)} columns")


def shown(cell: Cell) -> str:
    """A cell as text: thousands separated, at most six digits of a fraction.

    >>> shown(1234567), shown(0.93751), shown(None), shown("3x3")
    ('1,234,567', '0.93751', '–', '3x3')
    """
    if cell is None:
        return ABSENT
    if isinstance(cell, float):
        return f"{cell:,.6g}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def to_lines(table: Table) -> list[tuple[str, Tone | None]]:
    """The table as lines, each with the tone of its row, PLAIN for notes; None for title, header and rules."""
    header = [[column.title for column in table.columns]]
    for extra in ([column.unit for column in table.columns], [column.how or "" for column in table.columns]):
        if any(extra):
            header.append([str(cell) for cell in extra])
    body = [[shown(cell) for cell in row.cells] for row in table.rows]
    widths = [max(len(line[i]) for line in header + body) for i in range(len(table.columns))]

    def joined(cells: list[str]) -> str:
        placed = [
            cell.ljust(width) if column.text else cell.rjust(width)
            for cell, width, column in zip(cells, widths, table.columns, strict=True)
        ]
        return "  ".join(placed).rstrip()

    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    lines: list[tuple[str, Tone | None]] = [(table.title, None)] if table.title else []
    lines += [(joined(cells), None) for cells in header]
    lines.append((rule, None))
    for index, (cells, row) in enumerate(zip(body, table.rows, strict=True)):
        if row.tone is Tone.TOTAL and index and table.rows[index - 1].tone is not Tone.TOTAL:
            lines.append((rule, None))
        lines.append((joined(cells), row.tone))
    lines += [(note, Tone.PLAIN) for note in table.notes]
    return lines


def to_text(table: Table) -> str:
    """The table as plain text, ending in a newline.

    >>> print(to_text(Table("", (Column("layer", text=True), Column("MACs")), (Row(("conv", 1200)),))), end="")
    layer   MACs
    ────────────
    conv   1,200
    """
    return "".join(f"{line}\n" for line, _ in to_lines(table))


def to_markdown(table: Table) -> str:
    """The table as a GitHub table under a heading, ending in a newline."""
    heads = [_one_line_head(column) for column in table.columns]
    aligned = [":---" if column.text else "---:" for column in table.columns]
    lines = [f"### {table.title}", ""] if table.title else []
    lines += [_markdown_row(heads), _markdown_row(aligned)]
    for row in table.rows:
        cells = [_markdown_text(shown(cell)) for cell in row.cells]
        if row.tone in (Tone.TOTAL, Tone.BAD):
            cells = [f"**{cell}**" if cell else "" for cell in cells]
        lines.append(_markdown_row(cells))
    for note in table.notes:
        lines += ["", _markdown_text(note)]
    return "\n".join(lines) + "\n"


def to_html(table: Table) -> str:
    """The table as an HTML element; the document around it gives the style."""
    heads = "".join(
        f"<th{_html_class(column)}>{escape(column.title)}"
        f'<span class="unit">{escape(" · ".join(p for p in (column.unit, column.how or "") if p))}</span></th>'
        for column in table.columns
    )
    rows = "".join(
        f'<tr class="{row.tone}">'
        + "".join(
            f"<td{_html_class(column)}>{escape(shown(cell))}</td>"
            for cell, column in zip(row.cells, table.columns, strict=True)
        )
        + "</tr>\n"
        for row in table.rows
    )
    notes = "".join(f'<p class="note">{escape(note)}</p>\n' for note in table.notes)
    return (
        f'<div class="scroll"><table>\n<thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{rows}</tbody>\n</table></div>\n{notes}"
    )


def _one_line_head(column: Column) -> str:
    below = ", ".join(part for part in (column.unit, column.how or "") if part)
    return _markdown_text(f"{column.title} [{below}]" if below else column.title)


def _markdown_row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _html_class(column: Column) -> str:
    return ' class="text"' if column.text else ""
