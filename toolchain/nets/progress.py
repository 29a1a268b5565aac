# SPDX-License-Identifier: Apache-2.0
"""What a person sees while a network trains: a bar on a terminal, one line an epoch anywhere, all on standard error."""

from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from toolchain.progress import Progress


class TrainingProgress:
    """Counts steps over the whole training, both stages; `with` shows and takes away the bar."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bars.add_task("", total=None, status="")
        self._status = ""

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        """One line that stays."""
        self._bars.console.print(text, highlight=False, markup=False)

    def work(self, description: str) -> Progress:
        """A toolchain.progress.Progress for what comes before and after the epochs."""
        self._bars.reset(self._task, description=description, status="")

        def drawn(done: int, total: int | None) -> None:
            self._bars.update(self._task, completed=done, total=total)

        return drawn

    def begin(self, total_steps: int, done_steps: int) -> None:
        """Set the scale of the bar; `done_steps` lie in an earlier session."""
        self._bars.reset(self._task, total=total_steps, completed=done_steps, status="")

    def epoch(self, description: str) -> None:
        """What the next steps belong to, such as `float 3/30`."""
        self._bars.update(self._task, description=description)

    def step(self, loss: float) -> None:
        """One optimiser step."""
        self._bars.update(self._task, advance=1, status=f"loss {loss:.3f}{self._status}")

    def epoch_done(self, row: dict[str, Any]) -> None:
        """The line of a finished epoch: a row of log.jsonl."""
        self._status = f", validation {100 * row['validation_accuracy']:.2f} %"
        self.say(
            f"{row['stage']:>5} epoch {row['epoch']:>3}  loss {row['train_loss']:.4f}  "
            f"train {100 * row['train_accuracy']:.2f} %  validation {100 * row['validation_accuracy']:.2f} %  "
            f"{row['seconds']:.1f} s"
        )
