# SPDX-License-Identifier: Apache-2.0
"""Are kernels as fast on generated networks as on published ones? Like is compared with like.

A layer's time has a part for each product and a part for each output (requantisation, loops, the sum's start), so
instructions per MAC fall as sums get longer, in every kernel. A layer of 27 products is therefore held against what
the published networks' layers of the same kind take *at 27 products*:

    instructions
     per output   |                        o  published, 64 products
                  |               x   .
                  |          .               x  generated, 45 products: 6 % above the line between its neighbours
                  |     o  published, 32
                  +---------------------------- products of one output (length)

Rule, on each core:

1. Layers of the published networks (named files and built-in architectures) of one kind and length are one point:
   their instructions over their outputs. Between points the line is straight; it is not continued, but a length at
   most a third outside counts as the nearest point's, at that point's instructions per MAC.
2. A first convolution gathers its input once for all of its output channels, and that is much of its time: its like
   are those with half to twice as many output channels.
3. Only layers with at least MIN_MACS products count, fully connected ones MIN_DENSE_MACS (the smallest published one
   has 640): below, what a call costs is most of it.
4. The layers of one kind of all generated networks pass if together they take at most TOLERANCE more instructions than
   rule 1 gives, and at most TOLERANCE more estimated cycles by the same rules. The same is said of each network by
   itself, with its worst layer. A layer whose length no published layer is near has no like.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from toolchain.bench.kinds import LayerKind, LayerWork
from toolchain.bench.result import Bench, LayerCost, Origin, Result

MIN_MACS = 20_000
MIN_DENSE_MACS = 600
TOLERANCE = 0.25
ALL = "all"
_REACH = 4 / 3
_GATHERING = (LayerKind.FIRST,)

_PUBLISHED = (Origin.NAMED, Origin.BUILT_IN)


@dataclass(frozen=True)
class Likeness:
    """Layers of one kind of one generated network, or of ALL together, on one core.

    expected, expected_cycles: what published layers of the same lengths take. worst: largest ratio of one layer's
    instructions, `worst_layer` its name. unlike: layers without a like, left out of all sums.
    """

    core: str
    network: str
    kind: LayerKind
    layers: int
    macs: int
    instructions: int
    expected: float
    cycles: int
    expected_cycles: float
    worst: float
    worst_layer: str
    unlike: int

    @property
    def ratio(self) -> float:
        """Instructions over expected ones; 0 where no layer has a like."""
        return self.instructions / self.expected if self.expected else 0.0

    @property
    def cycle_ratio(self) -> float:
        """The same of estimated cycles."""
        return self.cycles / self.expected_cycles if self.expected_cycles else 0.0

    @property
    def ok(self) -> bool:
        """Whether the kernels are as fast here as on the published networks."""
        return max(self.ratio, self.cycle_ratio) <= 1 + TOLERANCE


def likenesses(bench: Bench) -> tuple[Likeness, ...]:
    """Every generated network of `bench`, by core, network and kind."""
    found = []
    for core in bench.cores:
        here = [result for result in bench.results if result.core == core]
        published = [layer for result in here if result.origin in _PUBLISHED for layer in _counting(result)]
        for result in here:
            if result.origin is Origin.GENERATED:
                counting = _counting(result)
                for kind in LayerKind:
                    layers = [(layer, work) for layer, work in counting if work.kind is kind]
                    if layers:
                        found.append(_likeness(core, result.network, kind, layers, published))
    return tuple(found)


def together(found: Iterable[Likeness]) -> tuple[Likeness, ...]:
    """The same by core and kind, over all networks."""
    groups: dict[tuple[str, LayerKind], list[Likeness]] = {}
    for one in found:
        groups.setdefault((one.core, one.kind), []).append(one)
    return tuple(_sum(group) for group in groups.values())


def _sum(group: Sequence[Likeness]) -> Likeness:
    worst = max(group, key=lambda one: one.worst)
    return replace(
        worst,
        network=ALL,
        layers=sum(one.layers for one in group),
        macs=sum(one.macs for one in group),
        instructions=sum(one.instructions for one in group),
        expected=sum(one.expected for one in group),
        cycles=sum(one.cycles for one in group),
        expected_cycles=sum(one.expected_cycles for one in group),
        worst_layer=f"{worst.network}: {worst.worst_layer}",
        unlike=sum(one.unlike for one in group),
    )


_Layer = tuple[LayerCost, LayerWork]
_Cost = Callable[[LayerCost], int]


def _counting(result: Result) -> list[_Layer]:
    """Rule 3."""
    return [(layer, layer.work) for layer in result.layers if layer.work is not None and _counts(layer.work)]


def _counts(work: LayerWork) -> bool:
    return work.macs >= (MIN_DENSE_MACS if work.kind is LayerKind.FULLY_CONNECTED else MIN_MACS)


def _line(published: Iterable[_Layer], like: LayerWork, cost: _Cost) -> dict[int, float]:
    """Length -> cost per output of the published layers that `like` may be held against."""
    sums: dict[int, list[int]] = {}
    for layer, work in published:
        gathered = like.kind not in _GATHERING or like.channels <= 2 * work.channels <= 4 * like.channels
        if work.kind is like.kind and gathered:
            total = sums.setdefault(work.length, [0, 0])
            total[0] += cost(layer)
            total[1] += work.outputs
    return {length: spent / outputs for length, (spent, outputs) in sums.items()}


def per_output(line: dict[int, float], length: int) -> float | None:
    """What published layers take for one output of `length` products; None where none is near.

    >>> per_output({32: 54.0, 64: 86.0}, 48), per_output({32: 54.0, 64: 86.0}, 72), per_output({32: 54.0}, 64)
    (70.0, 96.75, None)
    """
    if not line:
        return None
    lengths = sorted(line)
    nearest = min(max(length, lengths[0]), lengths[-1])
    if nearest != length:
        far = max(nearest, length) > _REACH * min(nearest, length)
        return None if far else line[nearest] * length / nearest
    below = max(known for known in lengths if known <= length)
    above = min(known for known in lengths if known >= length)
    if below == above:
        return line[below]
    return line[below] + (line[above] - line[below]) * (length - below) / (above - below)


def _expected(published: list[_Layer], work: LayerWork, cost: _Cost) -> float | None:
    """What published layers would take for `work`; None where it has no like."""
    one = per_output(_line(published, work, cost), work.length)
    return None if one is None else one * work.outputs


def _likeness(core: str, network: str, kind: LayerKind, layers: list[_Layer], published: list[_Layer]) -> Likeness:
    held: list[_Layer] = []
    expected = expected_cycles = worst = 0.0
    worst_layer = ""
    for layer, work in layers:
        instructions = _expected(published, work, lambda cost: cost.instructions)
        cycles = _expected(published, work, lambda cost: cost.cycles)
        if instructions is None or cycles is None:
            continue
        held.append((layer, work))
        expected += instructions
        expected_cycles += cycles
        if layer.instructions / instructions > worst:
            worst, worst_layer = layer.instructions / instructions, layer.name
    return Likeness(
        core=core,
        network=network,
        kind=kind,
        layers=len(held),
        macs=sum(work.macs for _, work in held),
        instructions=sum(layer.instructions for layer, _ in held),
        expected=expected,
        cycles=sum(layer.cycles for layer, _ in held),
        expected_cycles=expected_cycles,
        worst=worst,
        worst_layer=worst_layer,
        unlike=len(layers) - len(held),
    )
