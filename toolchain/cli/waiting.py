# SPDX-License-Identifier: Apache-2.0
"""A line on the terminal that says what is going on, for work whose end cannot be counted. Nothing in a log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text


@contextmanager
def waiting(label: str) -> Iterator[Callable[[str], None]]:
    """Show `label` with a spinner on standard error; yields a function that changes it."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text: None
        return
    with console.status(Text(label)) as status:
        yield lambda text: status.update(Text(text))
