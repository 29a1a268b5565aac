# SPDX-License-Identifier: Apache-2.0
"""Assembles the verbs and turns a SubbyteError into one line and an exit code.

A verb's module is imported only when the verb is called: `subbyte boards` must not wait for torch.
"""

import errno
import os
import signal
import sys
from importlib import import_module
from typing import NoReturn

import typer
from typer.core import TyperGroup

from toolchain.errors import SubbyteError

# verb -> (module, one line of help), in the order of the chain.
VERBS = {
    "data": ("toolchain.cli.data", "Get, synthesise or inspect a speech corpus."),
    "train": ("toolchain.cli.train", "Train a network: float, then quantisation-aware."),
    "series": ("toolchain.cli.series", "Accuracy over the width of the weights, trained and rounded; goes on."),
    "count": ("toolchain.cli.count", "Operations and memory of a network under a named rule."),
    "bits": ("toolchain.cli.bits", "Bits of each layer: what they cost, and the best within a flash budget."),
    "widths": ("toolchain.cli.widths", "What weights of 8 to 1 bits cost on a board, and that every byte agrees."),
    "export": ("toolchain.cli.export", "Write ONNX, TFLite and the agreement table of a run."),
    "verify": ("toolchain.cli.verify", "Run every judge of the chain over the same inputs."),
    "pack": ("toolchain.cli.pack", "Write a firmware project that builds by itself."),
    "plan": ("toolchain.cli.plan", "The arena of a network: order, places, and the proof that none is smaller."),
    "report": ("toolchain.cli.report", "Size and cost, layer by layer, before flashing."),
    "profile": ("toolchain.cli.profile", "Instructions, cycles and stack of one inference, counted."),
    "bench": ("toolchain.cli.bench", "Our engine and its peers on benchmark networks, core by core."),
    "check": ("toolchain.cli.check", "Hold a model against its budget: exit 1 if it is over."),
    "eval": ("toolchain.cli.evaluate", "Accuracy on a corpus, on the host or on an emulated board."),
    "flash": ("toolchain.cli.flash", "Check, build, program or emulate, and self-test."),
    "boards": ("toolchain.cli.boards", "What is known of each board."),
}


class _LazyVerbs(TyperGroup):
    """Looks a verb up in VERBS and imports its module then."""

    def list_commands(self, ctx):  # type: ignore[no-untyped-def]
        return list(VERBS)

    def get_command(self, ctx, cmd_name):  # type: ignore[no-untyped-def]
        if cmd_name not in VERBS:
            return None
        module, summary = VERBS[cmd_name]
        command = typer.main.get_command(import_module(module).app)
        command.name = cmd_name
        command.short_help = summary
        return command


app = typer.Typer(
    cls=_LazyVerbs,
    name="subbyte",
    help="From a network to a flashed Cortex-M: 8 bits and below, every byte known before flashing.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def _root() -> None:
    """Verbs in the order of the chain; `subbyte VERB --help` has examples."""


def main() -> None:
    """Entry point of the `subbyte` command."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except SubbyteError as error:
        _end(f"error: {error}", error.exit_code)
    except BrokenPipeError:
        _discard_output()
        sys.exit(141)
    except OSError as error:
        # Files of ours are written through toolchain/files.py, whose errors name them; this one has no name.
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or error.filename is not None:
            raise
        _discard_output()
        _end(f"error: standard output: cannot be written: {error.strerror}", SubbyteError.exit_code)
    except KeyboardInterrupt:
        _end(_INTERRUPTED, _BY_SIGINT)
    except SystemExit as ended:
        if ended.code != _BY_SIGINT:  # what typer makes of Ctrl-C
            raise
        _end(_INTERRUPTED, _BY_SIGINT)


_INTERRUPTED = "interrupted; whatever was being written is left as it was before"
_BY_SIGINT = 128 + signal.SIGINT


def _terminate(number: int, frame: object) -> None:
    """End as by Ctrl-C: child processes are killed and temporary folders removed on the way out."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _end("terminated; whatever was being written is left as it was before", 128 + number)


def _end(text: str, status: int) -> NoReturn:
    print(text, file=sys.stderr)
    sys.exit(status)


def _discard_output() -> None:
    """Let the interpreter's last flush go nowhere: it would fail once more, with a traceback."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
