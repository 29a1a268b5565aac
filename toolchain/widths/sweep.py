# SPDX-License-Identifier: Apache-2.0
"""sweep: one network with its weights at every width and grid: what each costs on boards, and who agrees on its bytes.

    MODEL ──rounded──> 8 bits    ──> the judges of this machine; firmware of each board, counted, its bytes compared
                       7 bits    ──> …
                       7 bits mid-rise
                       …

Nothing is trained: cost and bytes do not depend on how good weights are. All layers take the width, or all but the
first and the last one.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from toolchain.arch.weights import MAX_BITS, WeightSpec
from toolchain.bits.weights import Weighted, rounded_weights, weighted_operators, with_weights
from toolchain.boards import Board
from toolchain.device.build import DoesNotFitError
from toolchain.device.profile import Profile, profile_model
from toolchain.errors import ModelError
from toolchain.export.c import Aims
from toolchain.export.tflite import compressed_tflite_bytes, tflite_bytes
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D, FullyConnected
from toolchain.graph.reference import run_batch
from toolchain.graph.tensor import Grid
from toolchain.verify.agreement import Agreement, agreement
from toolchain.verify.inputs import random_inputs
from toolchain.verify.judge import Subject
from toolchain.verify.panel import host_judges


@dataclass(frozen=True)
class DenseShare:
    """Of the 1x1 convolutions and dense layers whose width is varied: counted instructions, estimated cycles."""

    macs: int
    instructions: int
    cycles: int


@dataclass(frozen=True)
class OnBoard:
    """One width on one board. profile: of one inference. Bytes of outputs, against the reference interpreter.

    too_large: why there is no profile.
    """

    board: str
    profile: Profile | None
    dense: DenseShare | None
    bytes_compared: int = 0
    bytes_differing: int = 0
    too_large: str = ""


@dataclass(frozen=True)
class Width:
    """One width. judges: those of this machine. boards: in the order asked for."""

    spec: WeightSpec
    judges: Agreement
    boards: tuple[OnBoard, ...]

    @property
    def ok(self) -> bool:
        """Whether every judge and every board that it fits gives the reference's bytes."""
        return self.judges.ok and not any(board.bytes_differing for board in self.boards)


@dataclass(frozen=True)
class Question:
    """graph: with weights of any width. first_last: asked for the first and last layer, None: as the others.

    samples: inputs, random.
    """

    graph: Graph
    boards: tuple[Board, ...]
    aims: Aims
    first_last: WeightSpec | None
    samples: int

    @property
    def kept(self) -> WeightSpec | None:
        """What the first and last layer keep; None where they take the width: as asked, or nothing lies between."""
        return self.first_last if len(weighted_operators(self.graph)) > 2 else None


def every_spec(widths: Sequence[int], grids: Sequence[Grid]) -> tuple[WeightSpec, ...]:
    """Each width on each grid that it has, in that order.

    >>> [str(spec) for spec in every_spec((8, 2, 1), tuple(Grid))]
    ['8 mid-tread', '2 mid-tread', '2 mid-rise', '1 mid-rise']
    """
    return tuple(spec for bits in widths for grid in grids if (spec := _existing(bits, grid)) is not None)


def _existing(bits: int, grid: Grid) -> WeightSpec | None:
    if (bits == MAX_BITS and grid is Grid.MID_RISE) or (bits == 1 and grid is Grid.MID_TREAD):
        return None
    return WeightSpec(bits, grid)


def at_width(question: Question, spec: WeightSpec) -> Graph:
    """The network with the varied layers rounded to `spec`, first and last to theirs."""
    varied = _varied(question)
    wanted = {op: spec if op in varied else question.kept or spec for op in weighted_operators(question.graph)}
    return with_weights(question.graph, {op.name: rounded_weights(question.graph, op, of) for op, of in wanted.items()})


def sweep(question: Question, specs: Sequence[WeightSpec], said: Callable[[str], None]) -> Iterator[Width]:
    """Width by width. said: told what is being done.

    Raises ModelError where no layer has weights; ToolError where a build or an emulator fails.
    """
    if not weighted_operators(question.graph):
        raise ModelError(f"graph {question.graph.name}: has no layer with weights")
    for spec in specs:
        graph = at_width(question, spec)
        inputs = random_inputs(graph, question.samples, seed=0)
        subject = Subject(graph, tflite_bytes(graph), None, question.aims, compressed_tflite_bytes(graph))

        def of_spec(text: str, spec: WeightSpec = spec) -> None:
            said(f"{spec} bits: {text}")

        judges = agreement(graph, host_judges(subject), inputs, of_spec)
        expected = run_batch(graph, inputs)
        boards = []
        for board in question.boards:
            of_spec(board.id)
            try:
                found = profile_model(graph, board, aims=question.aims, inputs=inputs)
            except DoesNotFitError as error:
                boards.append(OnBoard(board.id, None, None, too_large=str(error)))
                continue
            compared = sum(value.size for value in expected.values())
            differing = sum(int(np.count_nonzero(value != found.outputs[name])) for name, value in expected.items())
            boards.append(OnBoard(board.id, found, _dense_share(question, found), compared, differing))
        yield Width(spec, judges, tuple(boards))


def _varied(question: Question) -> tuple[Weighted, ...]:
    """All layers with weights, or all but the first and last."""
    operators = weighted_operators(question.graph)
    return operators if question.kept is None else operators[1:-1]


def _dense_share(question: Question, found: Profile) -> DenseShare:
    names = {op.name for op in _varied(question) if _is_dense(question.graph, op)}
    layers = [layer for layer in found.layers if layer.name in names]
    return DenseShare(
        sum(layer.macs for layer in layers),
        sum(layer.tally.instructions for layer in layers),
        sum(layer.tally.cycles for layer in layers),
    )


def _is_dense(graph: Graph, op: Weighted) -> bool:
    match op:
        case FullyConnected():
            return True
        case Conv2D():
            return graph.tensor(op.weights).shape[1:3] == (1, 1)
    return False
