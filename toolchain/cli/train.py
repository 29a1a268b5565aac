# SPDX-License-Identifier: Apache-2.0
"""`subbyte train`: from an architecture and a corpus to a run folder with the quantised network."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from toolchain.arch.library import load_arch
from toolchain.arch.spec import ArchSpec
from toolchain.arch.weights import MAX_BITS, WeightPlan, WeightSpec, first_and_last, load_weight_plan
from toolchain.errors import ModelError
from toolchain.graph.tensor import Grid
from toolchain.nets.config import Course, TrainConfig, usual_recipe
from toolchain.nets.quantisers import Method
from toolchain.nets.run_folder import RunFolder, RunRecord
from toolchain.nets.train import train_run
from toolchain.report.console import print_json, print_table
from toolchain.report.table import Column, Row, Table

HELP = """Train a network: float, then with every value on its integer grid, and write it as ONNX.

ARCH is the name of a built-in network (`subbyte count --list`) or a .toml file. The features are computed by the
device's own fixed-point C code, anew for each epoch on freshly augmented audio.

A run that was stopped, killed or crashed goes on where its last finished epoch ended: give the same command again.
On the CPU its weights are then those of the run that was never stopped, to the bit.

Fewer bits: --weight-bits says how many every weight has, --first-last-bits those of the first and last layer,
--bits a TOML file of lines such as `"block*_depthwise" = 4` or `"last" = "1 mid-rise"` for single layers; the later
of these three counts. --from takes the float epochs of another run, so that several widths share them;
--round-only rounds its weights as they are, without training on.

--recipe two-stage trains squashed weights that are rounded to their width in its --epochs, then, with those held, puts
all else on integers in --qat-epochs: for feed-forward networks on a stream (Zeng et al., arXiv 2207.06920). With --from
it begins with the float weights of another run. --stream-hours trains on windows cut out of a stream of words, pauses
and background, mixed of the training part: what a detector meets.

Examples:

\b
  subbyte train DS-CNN-S --data speech_commands -o runs/s
  subbyte train pless_sweep_mfcc20_4 --data speech_commands -o runs/p --epochs 60 --seed 3
  subbyte train DS-CNN-S --data speech_commands -o runs/s20 --coefficients 20
  subbyte train DS-CNN-S --data speech_commands -o runs/s4 --from runs/s --weight-bits 4 --first-last-bits 8
  subbyte train stream_250k --data speech_commands -o runs/t --stream-hours 40 --epochs 60 --lr 0.05
  subbyte train stream_250k --data speech_commands -o runs/t1 --recipe two-stage --weight-bits 1 --from runs/t
  subbyte train my_network.toml --data speech_commands -o runs/mine --features peter2020

The run folder: run.json (what was asked and found), model.onnx, arch.toml, checkpoint.pt, log.jsonl, tensorboard/.
"""

app = typer.Typer(add_completion=False)


@app.command(help=HELP)
def train(
    arch: Annotated[str, typer.Argument(metavar="ARCH", help="Name of a built-in network, or a .toml file.")],
    data: Annotated[Path, typer.Option(help="Folder of the corpus, in the layout of Speech Commands.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Run folder to write, or to go on with.")],
    epochs: Annotated[int, typer.Option(help="Epochs in float.")] = TrainConfig.epochs,
    qat_epochs: Annotated[
        int | None, typer.Option(help="Epochs on the integer grid after them; 5 at 8 bits, 8 to 30 below, without.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Clips a step.")] = TrainConfig.batch,
    seed: Annotated[int, typer.Option(help="Of first weights, order and augmentation.")] = TrainConfig.seed,
    data_seed: Annotated[
        int, typer.Option(help="Of the words drawn as unknown; one for all seeds.")
    ] = TrainConfig.data_seed,
    features: Annotated[
        str | None, typer.Option(help="hello_edge, peter2020, log_mel or bc_resnet; the network's usual without.")
    ] = None,
    coefficients: Annotated[
        int | None, typer.Option(help="Features a frame, in place of the architecture's own number.")
    ] = None,
    weight_bits: Annotated[int, typer.Option(help="Bits a weight, 1..8.")] = MAX_BITS,
    grid: Annotated[
        Grid | None, typer.Option(help="Which integers weights may be; mid-rise at 1 and 2 bits, else mid-tread.")
    ] = None,
    first_last_bits: Annotated[int | None, typer.Option(help="Bits a weight of the first and last layer.")] = None,
    bits: Annotated[Path | None, typer.Option(help="TOML file of bits for single layers.")] = None,
    course: Annotated[
        Course, typer.Option("--recipe", help="two-stage: squashed weights first, then integers all around them.")
    ] = TrainConfig.course,
    quantiser: Annotated[
        Method | None, typer.Option(help="How weights get onto their grid; max-abs at 8 bits, learned-step below.")
    ] = None,
    per_tensor: Annotated[bool, typer.Option("--per-tensor", help="Train one weight scale a layer.")] = False,
    teacher: Annotated[
        float | None, typer.Option(help="Share of the float network in the loss on the grid; 0 at 8 bits, 0.5 below.")
    ] = None,
    absolute_cosine: Annotated[
        float, typer.Option(help="Weight in the loss of how far weights are from their grid.")
    ] = TrainConfig.absolute_cosine,
    start: Annotated[Path | None, typer.Option("--from", help="Run folder whose float epochs to go on from.")] = None,
    round_only: Annotated[bool, typer.Option("--round-only", help="The same as --qat-epochs 0.")] = False,
    lr: Annotated[float, typer.Option(help="Largest learning rate in float (SGD).")] = TrainConfig.lr,
    qat_lr: Annotated[float | None, typer.Option(help="Largest learning rate on the grid; by width without.")] = None,
    weight_decay: Annotated[float, typer.Option(help="Of weights, in float.")] = TrainConfig.weight_decay,
    label_smoothing: Annotated[float, typer.Option(help="0 is none.")] = TrainConfig.label_smoothing,
    averaging: Annotated[
        float, typer.Option(help="Share of the averaged weights that a step keeps; 0 is none.")
    ] = TrainConfig.averaging,
    stream_hours: Annotated[
        float,
        typer.Option(help="Train on windows out of so many hours of stream, mixed of the training part; 0: on clips."),
    ] = TrainConfig.stream_hours,
    threads: Annotated[int | None, typer.Option(help="Of torch; all cores but one without. Part of the run.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = TrainConfig.device,
    resume: Annotated[bool, typer.Option("--resume", help="Insist that there is a run to go on with.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What run.json says, on standard output.")] = False,
) -> None:
    """See HELP."""
    spec = load_arch(arch)
    if coefficients is not None:
        spec = replace(spec, coefficients=coefficients)
    plan = _plan(spec, WeightSpec.of(weight_bits, grid or _home_grid(quantiser)), first_last_bits, bits)
    recipe = usual_recipe(plan.resolved(spec.layers()), course)
    if round_only and qat_epochs:
        raise ModelError(f"--round-only trains nothing on the grid, --qat-epochs asks for {qat_epochs}: leave one out")
    if round_only:
        qat_epochs = 0
    rounded = qat_epochs == 0 and course is Course.STRAIGHT_THROUGH
    config = TrainConfig(
        arch=spec,
        data=data,
        features=features or spec.usual_features,
        epochs=epochs,
        qat_epochs=recipe.qat_epochs if qat_epochs is None else qat_epochs,
        batch=batch,
        seed=seed,
        data_seed=data_seed,
        lr=lr,
        qat_lr=recipe.qat_lr if qat_lr is None else qat_lr,
        weight_decay=weight_decay,
        label_smoothing=label_smoothing,
        averaging=averaging,
        stream_hours=stream_hours,
        weights=plan,
        course=course,
        method=quantiser or (Method.MAX_ABS if rounded else recipe.method),
        per_tensor=per_tensor,
        teacher=recipe.teacher if teacher is None else teacher,
        absolute_cosine=absolute_cosine,
        start=start,
        threads=threads,
        device=device,
    )
    record = train_run(config, out, resume=resume)
    if as_json:
        print_json(asdict(record))
    else:
        print_table(_table(record, RunFolder(out)))


def _home_grid(method: Method | None) -> Grid | None:
    return None if method is None else method.usual_grid


def _plan(arch: ArchSpec, every: WeightSpec, first_last_bits: int | None, lines: Path | None) -> WeightPlan:
    """One width for all, then that of the first and last layer, then the lines of a file."""
    plan = WeightPlan(every)
    if first_last_bits is not None:
        plan = plan.overruled_by(first_and_last(arch.layers(), WeightSpec.of(first_last_bits)))
    return plan if lines is None else load_weight_plan(lines, plan)


def _table(record: RunRecord, folder: RunFolder) -> Table:
    rows = tuple(
        Row((number["name"], number["value"], number["unit"], number["how"], number["what"]))
        for number in record.numbers
    )
    columns = (
        Column("figure", text=True),
        Column("value"),
        Column("unit", text=True),
        Column("how", text=True),
        Column("what", text=True),
    )
    return Table(
        f"{folder.path}: {record.arch['name']}",
        columns,
        rows,
        (record.data["comparability"], f"Network: {folder.model}"),
    )
