# SPDX-License-Identifier: Apache-2.0
"""live_bytes: how many bytes of activations and scratch exist while each of some operators runs.

What the planner needs at least, found in a millisecond, so that many ways to cut a network can be compared. A byte
lives from the step that writes it to the last one that reads it. Reshape and TakeRows are views, the rows that JoinRows
joins are written where they belong, and an operator that may write over an input which dies there needs no room for its
output. The planner's word on the final Graph is what counts.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from toolchain.graph.ops import JoinRows, Operator, Reshape, TakeRows
from toolchain.graph.tensor import Tensor

Lookup = Callable[[str], Tensor]

_NEVER = 1 << 60  # a step behind all others


@dataclass(frozen=True)
class _Place:
    """Bytes low .. high - 1 of a storage, which is called after the tensor that fills it."""

    storage: str
    low: int
    high: int


@dataclass
class _Bytes:
    """What happens to parts of one storage: (low, high, step)."""

    written: list[tuple[int, int, int]] = field(default_factory=list)
    read: list[tuple[int, int, int]] = field(default_factory=list)


def live_bytes(
    operators: Sequence[Operator],
    tensor: Lookup,
    given: Iterable[str],
    kept: Iterable[str],
    scratch: Mapping[str, int],
    overwrites: Mapping[str, tuple[str, ...]],
) -> list[int]:
    """Bytes that live in each step. given: tensors that exist before the first one. kept: those needed after the last.

    scratch, overwrites: by the operator's name, as for plan_arena.
    """
    places = _places(operators, tensor, given)
    storages: dict[str, _Bytes] = {}

    def written(place: _Place, step: int) -> None:
        storages.setdefault(place.storage, _Bytes()).written.append((place.low, place.high, step))

    def read(place: _Place, step: int) -> None:
        storages.setdefault(place.storage, _Bytes()).read.append((place.low, place.high, step))

    for name in given:
        written(places[name], -1)
    for step, op in enumerate(operators):
        output = places[op.writes[0]]
        if isinstance(op, JoinRows):
            low = output.low
            for name in op.inputs:
                target = _Place(output.storage, low, low + _size(name, tensor))
                if places.get(name) != target:  # it lies elsewhere and is copied
                    written(target, step)
                    if name in places:
                        read(places[name], step)
                low = target.high
        elif not isinstance(op, Reshape | TakeRows) or op.input not in places:
            for name in op.reads:
                if name in places:
                    read(places[name], step)
            written(output, step)
    last = len(operators) - 1
    for name in kept:
        read(places[name], last + 1)
    changes = [0] * (last + 4)  # from step -1 to the one behind the last's end
    deaths: dict[str, list[tuple[int, int, int]]] = {}
    for storage, those in storages.items():
        for low, high, birth, death in _segments(those):
            changes[birth + 1] += high - low
            changes[death + 2] -= high - low
            deaths.setdefault(storage, []).append((low, high, death))
    live, total = [], changes[0]
    for step, op in enumerate(operators):
        total += changes[step + 1]
        saved = 0
        for name in overwrites.get(op.name, ()):
            place = places.get(name)
            if place and all(death == step for low, high, death in deaths[place.storage] if _meet(place, low, high)):
                saved = max(saved, min(place.high - place.low, _size(op.writes[0], tensor)))
        live.append(total - saved + scratch.get(op.name, 0))
    return live


def _size(name: str, tensor: Lookup) -> int:
    return tensor(name).container_bytes


def _meet(place: _Place, low: int, high: int) -> bool:
    return place.low < high and low < place.high


def _places(operators: Sequence[Operator], tensor: Lookup, given: Iterable[str]) -> dict[str, _Place]:
    """Where each activation lies."""
    computed = {op.writes[0] for op in operators if not isinstance(op, JoinRows | Reshape | TakeRows)}
    joined: dict[str, tuple[str, int]] = {}  # rows -> the image in which they are written, and at which byte
    for op in operators:
        if isinstance(op, JoinRows):
            low = 0
            for name in op.inputs:
                if name in computed and name not in joined:
                    joined[name] = op.output, low
                low += _size(name, tensor)
    places = {name: _Place(name, 0, _size(name, tensor)) for name in given}
    for op in operators:
        output = op.writes[0]
        size = _size(output, tensor)
        source = op.input if isinstance(op, Reshape | TakeRows) else ""
        if source in places:
            first = op.first * (size // tensor(output).shape[1]) if isinstance(op, TakeRows) else 0
            low = places[source].low + first
            places[output] = _Place(places[source].storage, low, low + size)
        elif output in joined:
            image, low = joined[output]
            places[output] = _Place(image, low, low + size)
        else:
            places[output] = _Place(output, 0, size)
    return places


def _segments(those: _Bytes) -> Iterable[tuple[int, int, int, int]]:
    """Parts of a storage that are written and die together: (low, high, first step, last step)."""
    edges = sorted({edge for low, high, _ in (*those.written, *those.read) for edge in (low, high)})
    birth = [_NEVER] * len(edges)
    death = [-1] * len(edges)
    position = {edge: index for index, edge in enumerate(edges)}
    for low, high, step in those.written:
        for index in range(position[low], position[high]):
            birth[index] = min(birth[index], step)
    for low, high, step in (*those.written, *those.read):
        for index in range(position[low], position[high]):
            death[index] = max(death[index], step)
    for index in range(len(edges) - 1):
        if birth[index] < _NEVER:
            yield edges[index], edges[index + 1], birth[index], death[index]
