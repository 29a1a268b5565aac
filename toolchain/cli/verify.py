# SPDX-License-Identifier: Apache-2.0
"""`subbyte verify`: every judge of the chain over the same inputs, and the first layer that differs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from toolchain.cli.aims import MaxRamOption, OptimiseOption, chosen_aims
from toolchain.cli.models import data_seed
from toolchain.cli.progress import progress_bar
from toolchain.cli.waiting import waiting
from toolchain.data.layout import Partition
from toolchain.export.c import Optimise
from toolchain.export.tflite import compressed_tflite_bytes, tflite_bytes
from toolchain.graph.model import ModelInfo, load_model_info
from toolchain.report.agreement_table import agreement_json, agreement_table
from toolchain.report.console import print_json, print_table
from toolchain.verify.agreement import Agreement, agreement
from toolchain.verify.clips import as_inputs, front_end_of, load_clips
from toolchain.verify.inputs import joined, random_inputs
from toolchain.verify.judge import Batch, Judge, Subject
from toolchain.verify.panel import board_judges, emulated_boards, host_judges

HELP = """Run every judge of the chain over the same inputs and compare their bytes.

MODEL is a run folder, an .onnx (QDQ) or a .tflite file. The judges: ONNX
Runtime on the file itself, our reference interpreter, LiteRT, tf.lite where
tensorflow is installed, tflite-micro (also with weights as look-up tables,
where that makes the file smaller), the generated C on this machine, and the
generated C on each emulated board asked for.

Must give the reference's bytes: tflite-micro, the C on this machine, every
board. A board too small for the network is a failure where it was named, and
only shown where `all` brought it. LiteRT and tf.lite must up to the first
fully connected layer, which they round once and TFLite Micro twice. ONNX
Runtime computes in float; its differences are shown. On a difference the
first layer that differs is named. Exit 1 where one differs that must not.

Examples:

\b
  subbyte verify runs/s
  subbyte verify runs/s --board mps2-an386 --data speech_commands
  subbyte verify model.tflite --board mps2-an385,mps2-an505 --samples 20
  subbyte verify model.onnx --board all --json
"""

app = typer.Typer(add_completion=False)


@app.command(help=HELP)
def verify(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Run folder, .onnx or .tflite.")],
    board: Annotated[
        list[str] | None, typer.Option(help="Emulated board, several times or as a list; `all` for every one.")
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Random inputs; as many real ones with --data.")] = 100,
    data: Annotated[Path | None, typer.Option(help="Corpus: test clips through the model's front end.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the random inputs.")] = 0,
    optimise: OptimiseOption = Optimise.BALANCED,
    max_ram: MaxRamOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """See HELP."""
    emulated_boards(board or ())  # a name that is wrong is said before any work
    info = load_model_info(model)
    inputs, described = _inputs(info, model, samples, data, seed)
    subject = Subject(
        info.graph,
        tflite_bytes(info.graph),
        info.onnx,
        chosen_aims(optimise, max_ram),
        compressed_tflite_bytes(info.graph),
    )
    found = _ask(info, (*host_judges(subject), *board_judges(subject, board or ())), inputs)
    if as_json:
        print_json(agreement_json(found))
    else:
        print_table(agreement_table(found, described))
    raise typer.Exit(0 if found.ok else 1)


def _inputs(info: ModelInfo, model: Path, samples: int, data: Path | None, seed: int) -> tuple[Batch, str]:
    """The batch for all judges, and what it is in words."""
    drawn = random_inputs(info.graph, samples, seed)
    if data is None:
        return drawn, f"{samples} random inputs"
    front_end = front_end_of(info)
    with progress_bar("Decoding clips") as progress:
        clips = load_clips(info, data, Partition.TEST, seed=data_seed(model), progress=progress)
    heard = front_end.features(clips.split.x[:samples])
    words = f"{samples} random inputs and {len(heard)} real clips"
    return joined(drawn, as_inputs(info.graph, heard)), words


def _ask(info: ModelInfo, judges: Sequence[Judge], inputs: Batch) -> Agreement:
    with waiting("") as say:
        return agreement(info.graph, judges, inputs, lambda name: say(f"Asking {name}"))
