# SPDX-License-Identifier: Apache-2.0
"""What is known of the peers: toolchain/bench/peers.toml, read strictly.

A figure is worth what its origin is worth, so none is read without one: each names a source, and the source says who
ran what, which version with which flags, by which method, when, and for each metric how it came about. Columns of
tables are made from (source, metric), so that no column mixes two origins.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from toolchain.core import KNOWN_CORES
from toolchain.errors import BenchError
from toolchain.measure import How
from toolchain.toml_files import read_toml

PEERS = Path(__file__).with_name("peers.toml")

_STRICT = ConfigDict(extra="forbid", strict=True)
_Text = Annotated[str, Field(min_length=1)]
_Positive = Annotated[float, Field(gt=0)]


class Metric(StrEnum):
    """What a figure says of one inference, and of the firmware around it (bytes)."""

    INSTRUCTIONS = "instructions"
    CYCLES = "cycles"
    INSTRUCTIONS_PER_MAC = "instructions_per_mac"
    CYCLES_PER_MAC = "cycles_per_mac"
    RUNTIME_FLASH = "runtime_flash"  # code and constants, without the network's file
    MODEL_FILE = "model_file"  # the network's file, in flash as it is
    ARENA = "arena"
    STATIC = "static"  # .data and .bss
    STACK = "stack"


@dataclass(frozen=True)
class Subject:
    """A network or a single layer. macs: of one inference. sha256: of its file, None where we have not got it."""

    __pydantic_config__ = _STRICT

    id: _Text
    title: _Text
    macs: Annotated[int, Field(gt=0)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None


@dataclass(frozen=True)
class Source:
    """Who ran what, and how. rounding: how far its figures were rounded. how: origin of each metric it may give."""

    __pydantic_config__ = _STRICT

    id: _Text
    peer: _Text
    where: _Text
    version: _Text
    flags: _Text
    method: _Text
    date: _Text
    rounding: _Text
    how: dict[Metric, How]


@dataclass(frozen=True)
class Figure:
    """One number: `metric` of `subject` on `core`, by `source`."""

    subject: Subject
    source: Source
    core: str
    metric: Metric
    value: float

    @property
    def how(self) -> How:
        """Its origin."""
        return self.source.how[self.metric]


@dataclass(frozen=True)
class Peers:
    """Everything in the file, in its order."""

    subjects: tuple[Subject, ...]
    sources: tuple[Source, ...]
    figures: tuple[Figure, ...]

    def subject(self, id_: str) -> Subject:
        """The subject of that id. Raises KeyError."""
        return next(subject for subject in self.subjects if subject.id == id_)

    def value(self, subject: str, source: str, core: str, metric: Metric) -> float | None:
        """One number by the ids, None where the file has none."""
        for figure in self.figures:
            if (figure.subject.id, figure.source.id, figure.core, figure.metric) == (subject, source, core, metric):
                return figure.value
        return None


@dataclass(frozen=True)
class _Row:
    """[[figures]] as it stands in the file."""

    __pydantic_config__ = _STRICT

    of: _Text
    source: _Text
    core: _Text
    instructions: _Positive | None = None
    cycles: _Positive | None = None
    instructions_per_mac: _Positive | None = None
    cycles_per_mac: _Positive | None = None
    runtime_flash: _Positive | None = None
    model_file: _Positive | None = None
    arena: _Positive | None = None
    static: _Positive | None = None
    stack: _Positive | None = None


@dataclass(frozen=True)
class _File:
    __pydantic_config__ = _STRICT

    subject: tuple[Subject, ...]
    source: tuple[Source, ...]
    figures: tuple[_Row, ...]


@cache
def known_peers() -> Peers:
    """The peers' figures that come with Subbyte."""
    return load_peers(PEERS)


def load_peers(path: Path) -> Peers:
    """Read a file of figures. Raises BenchError naming file, place and what is wrong."""
    values = read_toml(path, "file of figures", BenchError)
    try:
        text = json.dumps(values)
    except (TypeError, ValueError) as error:
        raise BenchError(f"{path}: {error}") from error
    try:
        file = TypeAdapter(_File).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BenchError(f"{path}: {place}: {first['msg']}{_named(values, first['loc'])}") from error
    return _joined(path, file)


def _named(values: Any, place: tuple[int | str, ...]) -> str:
    """Which entry a place such as `source.3` is: its id, or what it is of."""
    try:
        entry = values[place[0]][place[1]]
        return f" (in {entry.get('id') or entry['of']!r})"
    except (LookupError, TypeError, AttributeError):
        return ""


def _joined(path: Path, file: _File) -> Peers:
    subjects, sources = _by_id(path, "subject", file.subject), _by_id(path, "source", file.source)
    figures: list[Figure] = []
    given: set[tuple[str, str, str, Metric]] = set()
    for index, row in enumerate(file.figures):
        where = f"{path}: figures.{index} (of {row.of!r} by {row.source!r} on {row.core!r})"
        if row.of not in subjects:
            raise BenchError(f"{where}: there is no [[subject]] {row.of!r}")
        if row.source not in sources:
            raise BenchError(f"{where}: there is no [[source]] {row.source!r}; a figure without its source is none")
        if row.core not in KNOWN_CORES:
            raise BenchError(f"{where}: no such core; known are {', '.join(KNOWN_CORES)}")
        source = sources[row.source]
        for metric in Metric:
            value = getattr(row, metric.value)
            if value is None:
                continue
            if metric not in source.how:
                raise BenchError(f"{where}: {metric.value}: the source's `how` does not say where it comes from")
            key = (row.of, row.source, row.core, metric)
            if key in given:
                raise BenchError(f"{where}: {metric.value} is given twice")
            given.add(key)
            figures.append(Figure(subjects[row.of], source, row.core, metric, value))
    return Peers(file.subject, file.source, tuple(figures))


_Entry = TypeVar("_Entry", Subject, Source)


def _by_id(path: Path, kind: str, entries: tuple[_Entry, ...]) -> dict[str, _Entry]:
    found: dict[str, _Entry] = {}
    for entry in entries:
        if entry.id in found:
            raise BenchError(f"{path}: [[{kind}]] {entry.id!r} stands there twice")
        found[entry.id] = entry
    return found
