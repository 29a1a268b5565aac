# SPDX-License-Identifier: Apache-2.0
"""What a person sees while a network trains."""

import io

from rich.console import Console

from toolchain.nets.progress import TrainingProgress

ROW = {
    "stage": "float",
    "epoch": 3,
    "train_loss": 0.5,
    "train_accuracy": 0.9,
    "validation_accuracy": 0.875,
    "seconds": 7.25,
}


def _shown(terminal: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=120)
    with TrainingProgress(console) as progress:
        progress.work("reading audio")(10, 20)
        progress.begin(total_steps=100, done_steps=40)
        progress.epoch("epoch 3/5")
        for _ in range(20):
            progress.step(0.25)
        progress.epoch_done(ROW)
        progress.step(0.125)
    return out.getvalue()


def test_a_terminal_sees_epoch_loss_accuracy_and_share_done() -> None:
    shown = _shown(terminal=True)
    for part in ("epoch 3/5", "61%", "loss 0.125, validation 87.50 %"):
        assert part in shown


def test_a_log_file_sees_one_line_an_epoch_and_no_bar() -> None:
    assert _shown(terminal=False) == ("float epoch   3  loss 0.5000  train 90.00 %  validation 87.50 %  7.2 s\n")
