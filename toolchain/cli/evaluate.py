# SPDX-License-Identifier: Apache-2.0
"""`subbyte eval`: accuracy from audio samples, on this machine or on an emulated board; with --det, detection."""

from pathlib import Path
from typing import Annotated

import typer

from toolchain.boards import Board
from toolchain.cli.detection import FLOAT, Asked, detect
from toolchain.cli.models import data_seed
from toolchain.cli.progress import progress_bar
from toolchain.data.corpus import Split
from toolchain.data.layout import Partition
from toolchain.errors import BoardError, SubbyteError
from toolchain.export.project import front_end_parts
from toolchain.graph.model import ModelInfo, load_model_info
from toolchain.measure import How
from toolchain.report.accuracy_table import accuracy_json, accuracy_line, confusion_table, difference_line
from toolchain.report.console import console, print_json, print_table
from toolchain.verify.accuracy import (
    Answers,
    Difference,
    answers_here,
    answers_on_board,
    difference,
    host_classifier,
    reference_classifier,
    score,
)
from toolchain.verify.clips import front_end_of, load_clips
from toolchain.verify.panel import emulated_boards

HELP = """Accuracy and confusion of a network on a corpus, from audio samples.

MODEL is a run folder, an .onnx or a .tflite file that names its classes and
its front end, as `subbyte train` and `export` write them. The clips go
through the device's front end in C, then through the network:

\b
  --on host        the generated C, compiled for this machine, weights of
                   any width in bytes (default)
  --on reference   the reference interpreter
  --on BOARD       both on an emulated board, byte for byte as on this machine

With a run folder the corpus is split as training split it. A board's
features and outputs are compared with this machine's: exit 1 where a byte
differs.

With --det, detection on a stream of hours, mixed of the part's words, pauses
and background (same --seed, same bytes): false detections an hour against
keywords missed, at every threshold, of one or several models. The first one
is the reference of the relative FDR; RUN@float is a run's float stage. An
emulated board hears the same stream, two minutes of it unless told, hop by
hop, and every byte of features and outputs is compared.

Examples:

\b
  subbyte eval runs/s --data speech_commands
  subbyte eval runs/s --data speech_commands --on mps2-an386 --limit 200
  subbyte eval model.tflite --data speech_commands --split validation --json
  subbyte eval runs/s@float runs/s runs/s4 --data D --det --hours 10 --svg det.svg
  subbyte eval runs/s --data D --det --on mps2-an386
"""

HOST, REFERENCE = "host", "reference"
_PARTS = {part.value: part for part in Partition}

app = typer.Typer(add_completion=False)


@app.command(help=HELP)
def evaluate(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Run folder, .onnx or .tflite.")],
    data: Annotated[Path, typer.Option(help="Folder of the corpus, in the layout of Speech Commands.")],
    on: Annotated[str, typer.Option(help="host, reference, or an emulated board.")] = HOST,
    split: Annotated[str, typer.Option(help="test, validation or train.")] = Partition.TEST.value,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first clips of the split's drawn order.")] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Of the draw of unknown words; that of training without. With --det: of the stream."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
    det: Annotated[bool, typer.Option("--det", help="Detection on a stream.")] = False,
    hours: Annotated[float | None, typer.Option(help="With --det: length of the stream; 1, on a board 1/30.")] = None,
    hop_ms: Annotated[
        int | None, typer.Option(help="With --det: from one decision to the next; up to 100 without.")
    ] = None,
    smooth_ms: Annotated[int, typer.Option(help="With --det: posteriors are averaged over so long.")] = 300,
    refractory_ms: Annotated[int, typer.Option(help="With --det: no further detection for so long.")] = 1000,
    tolerance_ms: Annotated[int, typer.Option(help="With --det: a hit may come so long after the word.")] = 750,
    fah: Annotated[
        float, typer.Option(help="With --det: the operating point, in false detections an hour of the first MODEL.")
    ] = 10.0,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="With --det: write the curves as a picture.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="With --det: write every point.")] = None,
) -> None:
    """See HELP."""
    if split not in _PARTS:
        raise SubbyteError(f"--split {split!r} is not one of {', '.join(_PARTS)}")
    board = None if on in (HOST, REFERENCE) else _one_board(on)
    if det:
        if limit is not None:
            raise SubbyteError("--limit is for clips; a stream is as long as --hours says")
        if not fah > 0:
            raise SubbyteError(f"--fah {fah:g}: more than 0 false detections an hour are needed")
        asked = Asked(
            hours, hop_ms, smooth_ms, refractory_ms, tolerance_ms, fah, seed or 0, _PARTS[split], svg, csv, as_json
        )
        raise typer.Exit(detect(models, data, asked, reference=on == REFERENCE, board=board))
    if any(option is not None for option in (hours, hop_ms, svg, csv)):
        raise SubbyteError("--hours, --hop-ms, --svg and --csv are for streams: add --det")
    if len(models) != 1 or models[0].endswith(FLOAT):
        raise SubbyteError(f"accuracy is of one MODEL at a time; several, and {FLOAT}, are compared with --det")
    raise typer.Exit(_accuracy(Path(models[0]), data, on, board, _PARTS[split], limit, seed, as_json))


def _accuracy(
    model: Path,
    data: Path,
    on: str,
    board: Board | None,
    part: Partition,
    limit: int | None,
    seed: int | None,
    as_json: bool,
) -> int:
    """Accuracy on clips, printed; returns the exit status."""
    info = load_model_info(model)
    front_end_of(info)
    drawn = data_seed(model) if seed is None and model.is_dir() else seed or 0
    with progress_bar("Decoding clips") as progress:
        clips = load_clips(info, data, part, seed=drawn, progress=progress)
    answers, found = _answers(info, clips.split, on, board, limit)
    result = score(answers, clips.split)
    how = How.EMULATED if board else How.MEASURED
    where = {HOST: "C on this machine", REFERENCE: "reference interpreter"}.get(on, on)
    if as_json:
        print_json(
            accuracy_json(result, on=on, part=part.value, how=how, comparability=clips.comparability, difference=found)
        )
    else:
        print_table(confusion_table(result, how))
        terminal = console()
        terminal.print(accuracy_line(result, where, part.value, how))
        if found is not None:
            terminal.print(difference_line(found, on))
        terminal.print(clips.comparability)
    return 0 if found is None or found.ok else 1


def _one_board(on: str) -> Board:
    boards = emulated_boards([on])
    if len(boards) != 1:
        raise BoardError(f"--on {on}: one board at a time")
    return boards[0]


def _answers(
    info: ModelInfo, split: Split, on: str, board: Board | None, limit: int | None
) -> tuple[Answers, Difference | None]:
    """What came of the clips, and for a board its difference from this machine."""
    graph, front_end, audio = info.graph, front_end_of(info), split.x[:limit]
    classifier = reference_classifier(graph) if on == REFERENCE else host_classifier(graph)
    with progress_bar("Classifying here") as progress:
        here = answers_here(front_end, classifier, audio, progress)
    parts = front_end_parts(info)
    if board is None or parts is None:
        return here, None
    with progress_bar(f"Classifying on {board.id}") as progress:
        there = answers_on_board(graph, board, parts, audio, progress)
    return there, difference(there, here)
