# SPDX-License-Identifier: Apache-2.0
"""Stage: consecutive operators that are executed together, band of rows after band of rows, as one list of operators.

    whole       conv1 all rows      conv2 all rows      add all rows        each result exists as a whole
    in bands    conv1 conv2 add | conv1 conv2 add | conv1 conv2 add         of each result some rows exist

A window of several rows needs rows of the band before. Either way gives the same bytes:

    KEEP        each row is computed once; the last rows of a band are kept for the next one, in a window of rows that
                moves down the image:       window = JoinRows(kept rows of the window before, new rows)
    RECOMPUTE   a band computes all that it needs anew: less memory for many layers with tall windows, at the price of
                extra multiply-accumulates

What is read from outside the stage is there as a whole, and what is read outside is joined to a whole image.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise

from toolchain.errors import ModelError
from toolchain.graph.bands.rows import Rows, band_operator, height, images_read, why_whole, window_of
from toolchain.graph.graph import Graph
from toolchain.graph.ops import JoinRows, Operator, TakeRows
from toolchain.graph.tensor import Tensor


class Halo(StrEnum):
    """What becomes of rows that two bands need."""

    KEEP = "keep"
    RECOMPUTE = "recompute"


@dataclass(frozen=True)
class Stage:
    """Operators first .. end - 1 of a Graph, executed in bands of at most `band_rows` rows of the last one's output."""

    first: int
    end: int
    band_rows: int
    halo: Halo = Halo.KEEP

    def cuts(self, rows: int) -> tuple[Rows, ...]:
        """An image of so many rows, cut into bands as even as can be.

        >>> Stage(0, 1, 3).cuts(7)
        (Rows(first=0, end=3), Rows(first=3, end=5), Rows(first=5, end=7))
        """
        count = -(-rows // self.band_rows)
        edges = [-(-rows * index // count) for index in range(count + 1)]
        return tuple(Rows(first, end) for first, end in pairwise(edges))


@dataclass(frozen=True)
class Piece:
    """Some rows of an image, as a tensor of the new Graph."""

    tensor: str
    rows: Rows


@dataclass(frozen=True)
class StageCode:
    """What stands in a stage's place. origins: name of each operator -> that of the one it is a part of.

    pieces: result -> the tensors that hold rows of it, and which."""

    operators: tuple[Operator, ...]
    tensors: tuple[Tensor, ...]
    origins: dict[str, str]
    pieces: dict[str, list[Piece]]


def stage_outputs(graph: Graph, stage: Stage) -> tuple[str, ...]:
    """Results of the stage that are needed outside it."""
    inside = graph.operators[stage.first : stage.end]
    outside = {name for op in (*graph.operators[: stage.first], *graph.operators[stage.end :]) for name in op.reads}
    return tuple(op.writes[0] for op in inside if op.writes[0] in outside or op.writes[0] in graph.outputs)


def why_not(graph: Graph, stage: Stage) -> str | None:
    """Why the stage cannot be executed in bands, in a phrase; None if it can."""
    operators = graph.operators[stage.first : stage.end]
    if not 0 <= stage.first < stage.end <= len(graph.operators) or stage.band_rows < 1:
        return f"operators {stage.first}..{stage.end - 1} in bands of {stage.band_rows} rows are no stage"
    for op in operators:
        reason = why_whole(graph, op)
        if reason is not None:
            return f"{op.name}: {reason}"
    outputs = stage_outputs(graph, stage)
    read = {name for op in operators for name in op.reads}
    for op in operators:
        if op.writes[0] not in outputs and (op is operators[-1] or op.writes[0] not in read):
            return f"{op.name}: nothing needs its result"
    if stage.halo is Halo.RECOMPUTE and len(outputs) > 1:
        return f"several of its results are needed behind it: {', '.join(outputs)}"
    return None


def stage_code(graph: Graph, stage: Stage) -> StageCode:
    """The stage as operators on bands of rows. Raises ModelError where it cannot be executed like that."""
    reason = why_not(graph, stage)
    if reason is not None:
        raise ModelError(f"graph {graph.name}: no execution in bands: {reason}")
    writer = _Writer(graph, stage)
    if stage.halo is Halo.KEEP:
        writer.keep_rows()
    else:
        writer.recompute_rows()
    return StageCode(tuple(writer.operators), tuple(writer.tensors), writer.origins, writer.pieces)


@dataclass
class _Writer:
    """Appends operators.

    parts: image of the old Graph -> the rows of it that exist now. pieces: result -> all that were computed. done:
    result -> number of rows that exist or existed.
    """

    graph: Graph
    stage: Stage
    operators: list[Operator] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)
    parts: dict[str, Piece] = field(default_factory=dict)
    pieces: dict[str, list[Piece]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.inside = self.graph.operators[self.stage.first : self.stage.end]
        self.images = {op.name: images_read(self.graph, op) for op in self.inside}
        self.windows = {op.name: window_of(self.graph, op) for op in self.inside}
        self.outputs = stage_outputs(self.graph, self.stage)
        self.pieces = {op.writes[0]: [] for op in self.inside}
        self.writers = {op.writes[0]: op for op in self.inside}
        self.heights = {name: height(self.graph, name) for name in self.writers}
        self.done = dict.fromkeys(self.writers, 0)
        self.readers = {
            op.writes[0]: [reader for reader in self.inside if op.writes[0] in reader.reads] for op in self.inside
        }
        for op in self.inside:
            for name in self.images[op.name]:
                if name not in self.writers:
                    self.parts[name] = Piece(name, Rows(0, height(self.graph, name)))
        self.taken = {tensor.name for tensor in self.graph.tensors} | {op.name for op in self.graph.operators}

    def keep_rows(self) -> None:
        """Each row once, and not before it is asked for."""
        last = self.inside[-1].writes[0]
        for cut in self.stage.cuts(self.heights[last]):
            for name in (*self.outputs, last):  # all in step with the last
                self._advance(name, -(-self.heights[name] * cut.end // self.heights[last]))
        self._join_outputs()

    def _advance(self, name: str, end: int) -> None:
        """Compute rows of a result until there are `end`, no more at a time than its share of a band."""
        op, last = self.writers[name], self.inside[-1].writes[0]
        share = max(self.stage.band_rows * self.heights[name] // self.heights[last], 1)
        while self.done[name] < end:
            first = self.done[name] if name in self.outputs else max(self.done[name], self._first_needed(name))
            rows = Rows(first, min(first + share, end))
            if rows.n_rows > 0:
                for image in self.images[op.name]:
                    if image in self.writers:
                        self._advance(image, self.windows[op.name].reads(rows).end)
                self._compute(op, rows, self._first_needed(name))
            self.done[name] = max(rows.end, first)

    def _first_needed(self, name: str) -> int:
        """The first row of a result that a reader within the stage still needs."""
        needed = self.heights[name]
        for reader in self.readers[name]:
            row = self.done[reader.writes[0]]
            if row < self.heights[reader.writes[0]]:
                needed = min(needed, self.windows[reader.name].reads(Rows(row, row + 1)).first)
        return needed

    def recompute_rows(self) -> None:
        """Each band by itself."""
        last = self.inside[-1].writes[0]
        for cut in self.stage.cuts(height(self.graph, last)):
            wanted = {last: cut}
            for op in reversed(self.inside):
                if op.writes[0] in wanted:
                    rows = self.windows[op.name].reads(wanted[op.writes[0]])
                    for name in self.images[op.name]:
                        known = wanted.get(name, rows)
                        wanted[name] = Rows(min(known.first, rows.first), max(known.end, rows.end))
            for op in self.inside:
                if op.writes[0] in wanted:
                    rows = wanted[op.writes[0]]
                    self._compute(op, rows, needed=rows.first)
        self._join_outputs()

    def _compute(self, op: Operator, rows: Rows, needed: int) -> None:
        """Rows of the operator's result; with those from `needed` on that exist already they are its new part."""
        output = op.writes[0]
        wanted = self.windows[op.name].reads(rows)
        reads = {name: self._taken(op, self.parts[name], wanted, name) for name in self.images[op.name]}
        name = self._name(f"{op.name}.rows_{rows.first}_{rows.end}")
        whole = rows.n_rows == height(self.graph, output) and output in self.outputs
        tensor = output if whole else self._tensor(output, f"{output}.rows_{rows.first}_{rows.end}", rows.n_rows)
        self._append(band_operator(op, self.windows[op.name], rows, name, reads, tensor), op)
        self.pieces[output].append(Piece(tensor, rows))
        before = self.parts.get(output)
        if before is None or not before.rows.first <= needed < before.rows.end == rows.first:
            self.parts[output] = Piece(tensor, rows)
            return
        kept, both = Rows(needed, rows.first), Rows(needed, rows.end)
        old = self._taken(op, before, kept, output)
        window = self._tensor(output, f"{output}.window_{both.first}_{both.end}", both.n_rows)
        name = self._name(f"{op.name}.window_{both.first}_{both.end}")
        self._append(JoinRows(name, (old, tensor), window), op)
        self.parts[output] = Piece(window, both)

    def _taken(self, op: Operator, part: Piece, rows: Rows, image: str) -> str:
        """The tensor of some rows of a part."""
        if part.rows == rows:
            return part.tensor
        tensor = self._tensor(image, f"{image}.take_{rows.first}_{rows.end}", rows.n_rows)
        name = self._name(f"{op.name}.take_{rows.first}_{rows.end}")
        self._append(TakeRows(name, part.tensor, tensor, rows.first - part.rows.first), op)
        return tensor

    def _join_outputs(self) -> None:
        for op in self.inside:
            bands = tuple(piece.tensor for piece in self.pieces[op.writes[0]])
            if op.writes[0] in self.outputs and bands != op.writes:
                self._append(JoinRows(self._name(f"{op.name}.join"), bands, op.writes[0]), op)

    def _append(self, op: Operator, origin: Operator) -> None:
        self.operators.append(op)
        self.origins[op.name] = origin.name

    def _tensor(self, image: str, name: str, rows: int) -> str:
        like = self.graph.tensor(image)
        tensor = replace(like, name=self._name(name), shape=(1, rows, *like.shape[2:]))
        self.tensors.append(tensor)
        return tensor.name

    def _name(self, wanted: str) -> str:
        name, count = wanted, 1
        while name in self.taken:
            count += 1
            name = f"{wanted}_{count}"
        self.taken.add(name)
        return name
