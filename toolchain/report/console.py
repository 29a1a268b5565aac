# SPDX-License-Identifier: Apache-2.0
"""Tables and lines on the terminal: colour where there is one, plain unwrapped text where the output is piped."""

import json
import sys
from typing import IO

from rich.console import Console
from rich.text import Text

from toolchain.report.table import Table, Tone, to_lines

_STYLES = {Tone.GOOD: "green", Tone.BAD: "bold red", Tone.TOTAL: "bold", Tone.PLAIN: "", None: "dim"}


def console(stream: IO[str] | None = None) -> Console:
    """A Console that writes to `stream` (standard output) and never wraps or decorates what it is given."""
    return Console(file=stream or sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=True)


def print_table(table: Table, to: Console | None = None) -> None:
    """Print the table and an empty line after it."""
    to = to or console()
    lines = to_lines(table)
    for index, (line, tone) in enumerate(lines):
        style = "bold" if index == 0 and table.title else _STYLES[tone]
        to.print(Text(line, style=style, no_wrap=True, end=""), soft_wrap=True)
    to.print()


def print_json(value: object) -> None:
    """Print `value` as JSON on standard output, and nothing else."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
