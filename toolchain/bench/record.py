# SPDX-License-Identifier: Apache-2.0
"""The benchmark as a JSON file that is kept, and a fresh run held against it.

Counts repeat to the instruction, on any machine, with the same compiler and C library: so the file that is committed
is one machine and whoever runs the benchmark again is another. With other tools nothing is compared, and that is said.
"""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from toolchain.bench.kinds import LayerWork
from toolchain.bench.result import Bench, LayerCost, Result
from toolchain.errors import BenchError

_FORMAT = 1
# A layer's list, in this order; the four of LayerWork are null where it does not multiply.
_WORK = tuple(field.name for field in fields(LayerWork))
LAYER_COLUMNS = ("name", "kernel", *_WORK, "instructions", "cycles")
_PLACE = "a layer"


@dataclass(frozen=True)
class Difference:
    """One figure that is not what it was; None where the network or the layer is missing on that side."""

    network: str
    core: str
    what: str
    recorded: int | str | None
    now: int | str | None


@dataclass(frozen=True)
class Comparison:
    """A fresh run against a record.

    compared: pairs of network and core that both have. not_run: names of networks that only the record has.
    other_tools: None where both were made with the same ones; else what differs, and nothing was compared.
    """

    compared: int
    differences: tuple[Difference, ...]
    not_run: tuple[str, ...]
    other_tools: str | None = None

    @property
    def ok(self) -> bool:
        """Whether every figure that could be compared is the same."""
        return not self.differences


@dataclass(frozen=True)
class _File:
    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    made_by: str
    format: int
    layer_columns: tuple[str, ...]
    bench: Bench


def bench_json(bench: Bench) -> dict[str, Any]:
    """Plain values; no date and no host. A layer is a list of what LAYER_COLUMNS names."""
    values = asdict(bench)
    for result, plain in zip(bench.results, values["results"], strict=True):
        plain["layers"] = [_layer_row(layer) for layer in result.layers]
    return {"made_by": "subbyte bench", "format": _FORMAT, "layer_columns": list(LAYER_COLUMNS), "bench": values}


def _layer_row(layer: LayerCost) -> list[Any]:
    work = [None] * len(_WORK) if layer.work is None else list(asdict(layer.work).values())
    return [layer.name, layer.kernel, *work, layer.instructions, layer.cycles]


def bench_text(bench: Bench) -> str:
    """The same as a file's text: a layer a line, so that a change shows as the lines it touches."""
    values = bench_json(bench)
    rows: list[str] = []
    for result in values["bench"]["results"]:
        rows += [json.dumps(row, ensure_ascii=False) for row in result["layers"]]
        result["layers"] = [_PLACE] * len(result["layers"])
    placed = iter(rows)
    lines = json.dumps(values, indent=1, ensure_ascii=False).split("\n")
    place = json.dumps(_PLACE)
    return "\n".join(line.replace(place, next(placed)) if place in line else line for line in lines) + "\n"


def load_bench(path: Path) -> Bench:
    """Read a record. Raises BenchError naming file and place."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise BenchError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        file = TypeAdapter(_File).validate_json(_with_layers(text))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BenchError(f"{path}: no record of `subbyte bench`: {place}: {first['msg']}") from error
    if file.format != _FORMAT:
        raise BenchError(f"{path}: is of format {file.format}, this version reads {_FORMAT}: run the benchmark anew")
    return file.bench


def _with_layers(text: bytes) -> bytes:
    """The file's text with each layer's list as what LayerCost is made of; as it is where it is no such file."""
    try:
        values = json.loads(text)
        for result in values["bench"]["results"]:
            result["layers"] = [_layer_fields(row) for row in result["layers"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        return text
    return json.dumps(values).encode()


def _layer_fields(row: Any) -> Any:
    if not isinstance(row, list) or len(row) != len(LAYER_COLUMNS):
        return row
    named = dict(zip(LAYER_COLUMNS, row, strict=True))
    work = {name: named.pop(name) for name in _WORK}
    return named | {"work": None if work["kind"] is None else work}


def compare(recorded: Bench, now: Bench) -> Comparison:
    """Every figure of `now` against `recorded`. A result that the record has not got is a difference."""
    not_run = tuple(name for name in recorded.networks if name not in now.networks)
    for what in ("tools", "options"):
        before, after = getattr(recorded, what), getattr(now, what)
        if before != after:
            return Comparison(0, (), not_run, f"{what}: recorded {before!r}, here {after!r}")
    differences: list[Difference] = []
    compared = 0
    for result in now.results:
        known = recorded.find(result.network, result.core)
        if known is None:
            differences.append(Difference(result.network, result.core, "result", None, "measured"))
            continue
        compared += 1
        differences += _differences(known, result)
    return Comparison(compared, tuple(differences), not_run)


def _differences(recorded: Result, now: Result) -> list[Difference]:
    found = [
        Difference(now.network, now.core, field.name, getattr(recorded, field.name), getattr(now, field.name))
        for field in fields(Result)
        if field.name not in ("layers", "exactness") and getattr(recorded, field.name) != getattr(now, field.name)
    ]
    before, after = ({layer.name: layer for layer in result.layers} for result in (recorded, now))
    for name in dict.fromkeys([*before, *after]):
        found += _of_layer(now, name, before.get(name), after.get(name))
    return found


def _of_layer(result: Result, name: str, before: LayerCost | None, after: LayerCost | None) -> list[Difference]:
    if before is None or after is None:
        there = [None if layer is None else "there" for layer in (before, after)]
        return [Difference(result.network, result.core, f"layer {name}", *there)]
    return [
        Difference(
            result.network, result.core, f"{field} of layer {name}", getattr(before, field), getattr(after, field)
        )
        for field in ("kernel", "instructions", "cycles")
        if getattr(before, field) != getattr(after, field)
    ]
