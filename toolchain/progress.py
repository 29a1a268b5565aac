# SPDX-License-Identifier: Apache-2.0
"""Progress: how a long piece of work tells whoever called it how far it is.

The worker calls `progress(done, total)`; `total` is None while nobody knows it. Whether that becomes a bar, a log line
or nothing is the caller's choice: the command line draws bars (toolchain/cli/progress.py), others pass `silent`.
"""

from typing import Protocol


class Progress(Protocol):
    """Called now and then, from one thread, with counts that never fall unless the work starts again."""

    def __call__(self, done: int, total: int | None) -> None:
        """`done` of `total` units of work are finished."""


def silent(done: int, total: int | None) -> None:
    """The Progress that shows nothing."""
