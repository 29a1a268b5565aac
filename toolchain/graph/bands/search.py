# SPDX-License-Identifier: Apache-2.0
"""Which stages of a Graph to execute in bands so that little memory is enough, and at the least price.

Every run of consecutive operators that can be a stage is tried with bands of 1, 2, 4, … rows, first keeping rows and,
where that needs too much, computing them anew. What each way needs is counted (bands/live.py), and the cheapest way to
cover the whole Graph by stages and single operators within a limit is a shortest path:

    0 --op--> 1 --op--> 2 --op--> 3 --op--> 4        each arrow: one operator, or a stage; its price where it fits,
     \\______stage______/ \\_______stage______/        no arrow where it does not

The price of bands is counted in multiply-accumulates: those computed twice, and what calls and copies cost.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from toolchain.graph.bands.live import live_bytes
from toolchain.graph.bands.rows import height, images_read, why_whole
from toolchain.graph.bands.stage import Halo, Stage, StageCode, stage_code, stage_outputs, why_not
from toolchain.graph.cost import macs
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D, DepthwiseConv2D, JoinRows, Operator, TakeRows
from toolchain.graph.tensor import Tensor

# An operator of a Graph with its bands, and an operator of the Graph that it is a band of -> scratch bytes, and the
# inputs on whose bytes it may write.
Needs = Callable[[Graph, Operator, Operator], tuple[int, tuple[str, ...]]]

# Operators of one stage that are tried.
_LENGTHS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16)

# What one more call of a kernel costs, in multiply-accumulates, and what a depthwise kernel does for each channel.
_CALL_MACS = 250
_CHANNEL_MACS = 20
# The same for a byte that is copied, and for one that a kernel with a window spreads out into scratch: rows that two
# bands need are spread twice. Measured: 4 instructions a byte in ResNet-8's 3x3 layers on an emulated Cortex-M4.
_COPY_MACS = 1
_SPREAD_MACS = 3


@dataclass(frozen=True)
class _Way:
    """How operators first .. end - 1 are executed. stage: None for one operator as it is."""

    first: int
    end: int
    stage: Stage | None
    peak_bytes: int
    price: int


class BandSearch:
    """One Graph. What has been counted once is kept, so that asking for several limits costs little more than one."""

    def __init__(self, graph: Graph, needs: Needs) -> None:
        self.graph = graph
        self._needs = needs
        self._ways: dict[Stage, _Way] = {}
        # Activation -> the step that writes it, -1 for the caller; and the last one that reads it.
        self._births = dict.fromkeys(graph.inputs, -1) | {op.writes[0]: i for i, op in enumerate(graph.operators)}
        self._deaths = {name: step for step, op in enumerate(graph.operators) for name in op.reads}
        self._deaths |= dict.fromkeys(graph.outputs, len(graph.operators))
        self._whole = [self._alone(step) for step in range(len(graph.operators))]
        self._cut = [why_whole(graph, op) is None for op in graph.operators]

    @property
    def plain_bytes(self) -> int:
        """What the Graph needs as it is."""
        return max((way.peak_bytes for way in self._whole), default=0)

    def cheapest(self, limit_bytes: int) -> tuple[Stage, ...] | None:
        """The stages of the cheapest way that needs at most `limit_bytes`; None where there is none."""
        count = len(self.graph.operators)
        best: list[tuple[int, tuple[Stage, ...]] | None] = [None] * (count + 1)
        best[0] = None if self._too_much(self._alive(0), limit_bytes) else (0, ())
        for first in range(count):
            reached = best[first]
            if reached is None:
                continue
            for way in self._ways_from(first, limit_bytes):
                price = reached[0] + way.price
                known = best[way.end]
                if known is None or price < known[0]:
                    best[way.end] = (price, reached[1] if way.stage is None else (*reached[1], way.stage))
        found = best[count]
        return None if found is None else found[1]

    def least_bytes(self) -> int:
        """The smallest limit, to a percent, that `cheapest` finds a way for."""
        low, high = 0, self.plain_bytes
        while high - low > max(high // 100, 1):
            middle = (low + high) // 2
            if self.cheapest(middle) is None:
                low = middle
            else:
                high = middle
        return high

    def _ways_from(self, first: int, limit: int) -> Iterator[_Way]:
        if self._whole[first].peak_bytes <= limit:
            yield self._whole[first]
        for end in (first + length for length in _LENGTHS):
            if not all(self._cut[first:end]) or end > len(self._cut):
                return
            if all(way.peak_bytes <= limit for way in self._whole[first:end]):
                continue  # nothing to gain
            if self._too_much(self._alive(first), limit) or self._too_much(self._alive(end), limit):
                continue
            for halo in Halo:
                way = self._coarsest(first, end, halo, limit)
                if way is not None:
                    yield way
                    break

    def _alive(self, step: int) -> list[str]:
        """What exists before that step and is read in it or later."""
        return [name for name, birth in self._births.items() if birth < step <= self._deaths.get(name, -1)]

    def _too_much(self, names: list[str], limit: int) -> bool:
        return sum(self.graph.tensor(name).container_bytes for name in names) > limit

    def _coarsest(self, first: int, end: int, halo: Halo, limit: int) -> _Way | None:
        """With the tallest bands, of powers of two rows, that stay within the limit."""
        if why_not(self.graph, Stage(first, end, 1, halo)) is not None:
            return None
        found = self._counted(Stage(first, end, 1, halo))
        if found.peak_bytes > limit:
            return None
        rows = height(self.graph, self.graph.operators[end - 1].writes[0])
        low, high = 0, max(rows - 1, 1).bit_length()  # 2^low rows fit, 2^high are the whole image
        while high - low > 1:
            middle = (low + high) // 2
            way = self._counted(Stage(first, end, 1 << middle, halo))
            if way.peak_bytes <= limit:
                low, found = middle, way
            else:
                high = middle
        return found

    def _alone(self, step: int) -> _Way:
        op = self.graph.operators[step]
        code = StageCode((op,), (), {op.name: op.name}, {})
        return _Way(step, step + 1, None, self._peak(step, step + 1, code), 0)

    def _counted(self, stage: Stage) -> _Way:
        way = self._ways.get(stage)
        if way is None:
            code = stage_code(self.graph, stage)
            peak = self._peak(stage.first, stage.end, code)
            price = band_price(self.graph, stage, code)
            way = self._ways[stage] = _Way(stage.first, stage.end, stage, peak, price)
        return way

    def _peak(self, first: int, end: int, code: StageCode) -> int:
        """Bytes at the worst of the stage's steps, with everything else that lives meanwhile."""
        graph = self.graph
        alive = self._alive(first)
        read = {name for op in graph.operators[first:end] for name in images_read(graph, op)}
        given = [name for name in alive if name in read]
        beside = sum(graph.tensor(name).container_bytes for name in alive if name not in read)
        written = stage_outputs(graph, Stage(first, end, 1))
        kept = [name for name in (*given, *written) if self._deaths.get(name, -1) >= end]
        part = replace(graph, tensors=(*graph.tensors, *code.tensors), operators=code.operators)
        origins = {op.name: op for op in graph.operators[first:end]}
        scratch: dict[str, int] = {}
        overwrites: dict[str, tuple[str, ...]] = {}
        for op in code.operators:
            if not isinstance(op, TakeRows | JoinRows):
                scratch[op.name], overwrites[op.name] = self._needs(part, op, origins[code.origins[op.name]])
        return beside + max(live_bytes(code.operators, part.tensor, given, kept, scratch, overwrites))


def band_price(graph: Graph, stage: Stage, code: StageCode) -> int:
    """What the stage in bands costs more than as it was, in multiply-accumulates."""
    sizes = {tensor.name: tensor for tensor in code.tensors}

    def tensor(name: str) -> Tensor:
        return sizes.get(name) or graph.tensor(name)

    computed: set[str] = set()  # rows that stand where they were written
    price = -sum(_price(op, graph.tensor) for op in graph.operators[stage.first : stage.end])
    for op in code.operators:
        if isinstance(op, JoinRows):
            copied = [name for name in op.inputs if name not in computed]
            price += _COPY_MACS * sum(tensor(name).n_elements for name in copied)
            computed -= set(op.inputs)
        elif not isinstance(op, TakeRows):
            price += _price(op, tensor)
            computed.add(op.writes[0])
    return price


def _price(op: Operator, tensor: Callable[[str], Tensor]) -> int:
    price = macs(op, tensor) + _CALL_MACS
    if isinstance(op, Conv2D | DepthwiseConv2D) and tensor(op.weights).shape[1] > 1:
        price += _SPREAD_MACS * tensor(op.input).n_elements
    if isinstance(op, DepthwiseConv2D):
        price += _CHANNEL_MACS * tensor(op.output).shape[3]
    return price
