# SPDX-License-Identifier: Apache-2.0
"""Progress bars on standard error, for every verb whose work takes more than a few seconds.

Standard output stays free for results and JSON. Where standard error is no terminal (a log, CI) one line is printed
when the work is done, and none for work that was over at once.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bars

from toolchain.progress import Progress

_WORTH_A_LINE_S = 2.0


@contextmanager
def progress_bar(label: str, *, as_bytes: bool = False) -> Iterator[Progress]:
    """Yield a Progress that draws `label`, a bar, the count and the time left; `as_bytes`: sizes and the rate too."""
    console = Console(stderr=True)
    count: list[ProgressColumn] = [DownloadColumn(), TransferSpeedColumn()] if as_bytes else [MofNCompleteColumn()]
    started = time.monotonic()
    last = 0
    if not console.is_terminal:

        def counted(done: int, total: int | None) -> None:
            nonlocal last
            last = done

        yield counted
        seconds = time.monotonic() - started
        if last and seconds >= _WORTH_A_LINE_S:
            amount = f"{last / 1e6:,.1f} MB" if as_bytes else f"{last:,}"
            print(f"{label}: {amount} in {seconds:.0f} s", file=sys.stderr)
        return
    columns = [TextColumn("{task.description}"), BarColumn(), *count, TimeRemainingColumn()]
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task(label, total=None, visible=False)

        def drawn(done: int, total: int | None) -> None:
            bars.update(task, completed=done, total=total, visible=True)

        yield drawn
