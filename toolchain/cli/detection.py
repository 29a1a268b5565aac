# SPDX-License-Identifier: Apache-2.0
"""`subbyte eval --det`: what the verb asks of toolchain/detect/, and how its answer is shown."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from toolchain.boards import Board
from toolchain.cli.models import run_record
from toolchain.cli.progress import progress_bar
from toolchain.cli.waiting import waiting
from toolchain.data.layout import Partition
from toolchain.data.streams.recipe import StreamRecipe
from toolchain.data.streams.speech import speech_of
from toolchain.data.streams.stream import stream_of
from toolchain.data.words import load_words
from toolchain.detect.detector import DetectorSpec
from toolchain.detect.evaluation import Evaluation, background_note, evaluate
from toolchain.detect.hearing import usual_hop_ms
from toolchain.detect.listener import Listener, Run, graph_posteriors, side_by_side, softmax
from toolchain.detect.on_board import BoardDifference, against_board
from toolchain.device.emulated import EmulatedModel
from toolchain.errors import ModelError, SubbyteError
from toolchain.export.project import front_end_parts
from toolchain.files import write_text
from toolchain.frontend import FeatureSpec, Normalisation
from toolchain.graph.model import ModelInfo, load_model_info
from toolchain.measure import How
from toolchain.nets.run_folder import load_record
from toolchain.report.console import console, print_json, print_table
from toolchain.report.det_picture import det_svg
from toolchain.report.det_tables import (
    board_line,
    det_csv,
    det_json,
    detector_line,
    keyword_table,
    operating_table,
    rejection_table,
    stream_line,
)
from toolchain.verify.accuracy import host_classifier, reference_classifier
from toolchain.verify.clips import front_end_of, keywords_of

# What a MODEL ends in when its run's float stage is meant.
FLOAT = "@float"

_HOURS, _BOARD_HOURS = 1.0, 2 / 60


@dataclass(frozen=True)
class Asked:
    """Options of the verb; None where the user left it to us."""

    hours: float | None
    hop_ms: int | None
    smooth_ms: int
    refractory_ms: int
    tolerance_ms: int
    fah: float
    seed: int
    partition: Partition
    svg: Path | None
    csv: Path | None
    as_json: bool


@dataclass(frozen=True, eq=False)
class _Model:
    """A MODEL. info: None for a float stage. noise: what its run.json says training heard of the background."""

    listener: Listener
    info: ModelInfo | None
    noise: str | None


def detect(models: Sequence[str], data: Path, asked: Asked, *, reference: bool, board: Board | None) -> int:
    """Everything behind --det; returns the exit status. reference: the reference interpreter instead of C."""
    found = [_model(text, reference) for text in models]
    if board is not None and (floats := [model.listener.name for model in found if model.info is None]):
        raise ModelError(f"{floats[0]}: a float network runs on no board; leave --on away, or the model")
    listeners = _named_apart([model.listener for model in found], models)
    detector = DetectorSpec(
        usual_hop_ms([listener.spec for listener in listeners]) if asked.hop_ms is None else asked.hop_ms,
        asked.smooth_ms,
        asked.refractory_ms,
        asked.tolerance_ms,
    )
    recipe = StreamRecipe(seed=asked.seed)
    with progress_bar("Decoding clips") as progress:
        words = load_words(data, asked.partition, progress=progress)
    usual = _HOURS if board is None else _BOARD_HOURS
    hours = usual if asked.hours is None else asked.hours
    stream = stream_of(speech_of(words, listeners[0].keywords), recipe, hours)
    with progress_bar("Listening, scenes") as progress:
        evaluation = evaluate(stream, listeners, detector, asked.fah, progress)
    boards = [] if board is None else [_on_board(evaluation, place, found[place], board) for place in range(len(found))]
    if asked.svg is not None:
        write_text(asked.svg, det_svg(evaluation))
    if asked.csv is not None:
        write_text(asked.csv, det_csv(evaluation))
    note = background_note([model.noise for model in found], asked.partition)
    on = board.id if board else "reference" if reference else "host"
    if asked.as_json:
        how = How.EMULATED if board else How.MEASURED
        differences = [asdict(one) | {"model": listener.name} for one, listener in zip(boards, listeners, strict=False)]
        print_json(det_json(evaluation, on=on, how=how, notes=(note,), boards=differences))
    else:
        _show(evaluation, note, [(on, *pair) for pair in zip(listeners, boards, strict=False)])
    return 0 if all(one.ok for one in boards) else 1


def _show(found: Evaluation, note: str, boards: Sequence[tuple[str, Listener, BoardDifference]]) -> None:
    terminal = console()
    terminal.print(stream_line(found))
    terminal.print(detector_line(found))
    terminal.print()
    tables = [rejection_table(found), operating_table(found)]
    tables += [keyword_table(found, model) for model in found.models] if len(found.models) == 1 else []
    for table in tables:
        print_table(table, terminal)
    for board, listener, difference in boards:
        terminal.print(board_line(board, listener.name, difference))
    terminal.print(note)
    for warning in found.warnings:
        terminal.print(f"careful: {warning}")


def _model(text: str, reference: bool) -> _Model:
    path = Path(text)
    if text.endswith(FLOAT) and not path.exists():
        return _float_stage(Path(text.removesuffix(FLOAT)))
    info = load_model_info(path)
    keywords_of(info)
    front_end = front_end_of(info)
    assert front_end.normalisation is not None  # front_end_of gives it one
    listener = Listener(
        path.resolve().name,
        info.labels,
        front_end.spec,
        front_end.normalisation,
        _run(info, reference),
        graph_posteriors(info.graph),
    )
    record = run_record(path) if path.is_dir() else None
    return _Model(listener, info, record.data.get("noise") if record else None)


def _run(info: ModelInfo, reference: bool) -> Run:
    """The reference interpreter, or the generated C once a core of this machine, compiled here and now."""
    if reference:
        return reference_classifier(info.graph)
    runs = [host_classifier(info.graph) for _ in os.sched_getaffinity(0)]
    shape = info.graph.tensor(info.graph.inputs[0]).shape
    for run in runs:
        run(np.zeros((1, *shape), np.int8))
    return side_by_side(runs)


def _float_stage(run: Path) -> _Model:
    # Here, not above: torch takes seconds to import, and only this wants it.
    from toolchain.nets.float_network import float_network

    if not run.is_dir():
        raise ModelError(f"{run}: is no run folder; only a run keeps the weights of its float stage")
    record = load_record(run)
    listener = Listener(
        f"{run.resolve().name}{FLOAT}",
        record.labels,
        FeatureSpec.from_dict(record.feature_spec),
        Normalisation.from_dict(record.normalisation),
        float_network(run),
        softmax,
    )
    return _Model(listener, None, record.data.get("noise"))


def _named_apart(listeners: Sequence[Listener], texts: Sequence[str]) -> list[Listener]:
    """Where two models are called the same, each is called what the user typed."""
    names = [listener.name for listener in listeners]
    if len(set(texts)) < len(texts):
        raise SubbyteError("a MODEL is named twice")
    if len(set(names)) == len(names):
        return list(listeners)
    return [replace(listener, name=text) for listener, text in zip(listeners, texts, strict=True)]


def _on_board(evaluation: Evaluation, place: int, model: _Model, board: Board) -> BoardDifference:
    assert model.info is not None  # float stages were refused
    heard = evaluation.models[place].heard
    emulated = EmulatedModel(model.info.graph, board, front_end=front_end_parts(model.info))
    with waiting(f"{heard.listener.name} listens on {board.id}"):
        return against_board(evaluation.stream, heard, emulated, evaluation.detector.hop_ms)
