# SPDX-License-Identifier: Apache-2.0
"""Table: aligned, never wrapped, units and origin in the header, nothing that a cell says can break the format."""

import io
import re

import pytest

from toolchain.measure import How
from toolchain.report.console import console, print_table
from toolchain.report.table import Column, Row, Table, Tone, to_html, to_markdown, to_text

SIZES = Table(
    "Sizes",
    (Column("part", text=True), Column("size", "B", How.ESTIMATED), Column("size", "B", How.LINKED)),
    (Row(("code", None, 9120)), Row(("weights", 29072, 29072)), Row(("total", None, 38192), Tone.TOTAL)),
    ("kB = 1000.",),
)


def test_text_is_aligned_with_unit_and_origin_below_the_title() -> None:
    assert to_text(SIZES).splitlines() == [
        "Sizes",
        "part          size    size",
        "                 B       B",
        "         estimated  linked",
        "──────────────────────────",
        "code             –   9,120",
        "weights     29,072  29,072",
        "──────────────────────────",
        "total            –  38,192",
        "kB = 1000.",
    ]


def test_markdown_is_one_table_with_bold_total() -> None:
    assert to_markdown(SIZES).splitlines() == [
        "### Sizes",
        "",
        "| part | size [B, estimated] | size [B, linked] |",
        "| :--- | ---: | ---: |",
        "| code | – | 9,120 |",
        "| weights | 29,072 | 29,072 |",
        "| **total** | **–** | **38,192** |",
        "",
        "kB = 1000.",
    ]


def test_cells_cannot_break_markdown_or_html() -> None:
    table = Table("<t>", (Column("a|b", text=True),), (Row(("x | <script>alert(1)</script>\n`",)),))
    assert "\\|" in to_markdown(table) and "<script" not in to_markdown(table)
    assert len([line for line in to_markdown(table).splitlines() if line.startswith("|")]) == 3
    assert "<script" not in to_html(table) and "&lt;script&gt;" in to_html(table)


def test_a_piped_table_is_plain_and_never_wrapped() -> None:
    wide = Table("", tuple(Column(f"column {i}") for i in range(40)), (Row(tuple(range(40))),))
    stream = io.StringIO()
    print_table(wide, console(stream))
    assert stream.getvalue() == to_text(wide) + "\n"
    assert max(map(len, stream.getvalue().splitlines())) > 300


def test_a_terminal_gets_colour_for_what_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = io.StringIO()
    print_table(Table("", (Column("a"),), (Row((1,), Tone.BAD), Row((2,)))), console(stream))
    assert "\x1b[1;31m1\x1b[0m" in stream.getvalue()
    assert re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()) == "a\n─\n1\n2\n\n"


def test_a_row_with_too_few_cells_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells for 2 columns"):
        Table("x", (Column("a"), Column("b")), (Row((1,)),))
