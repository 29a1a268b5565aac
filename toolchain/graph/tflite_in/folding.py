# SPDX-License-Identifier: Apache-2.0
"""Joins what TFLite writes as several operators and the Graph says in one.

    PAD, then a convolution                 padding of the convolution
    PADV2 with -128, then a maximum         padding of the maximum
    an operator, then MAXIMUM / MINIMUM / RELU on the same grid     the operator's clamp

Each is exact: a border of the zero point adds nothing to a sum, one of -128 nothing to a maximum, and a clamp after
a saturation is the narrower clamp.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from toolchain.errors import ModelError
from toolchain.graph.ops import (
    Add,
    AveragePool2D,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Operator,
    Pad,
    Padding,
    Requantise,
)
from toolchain.graph.tensor import Tensor


@dataclass(frozen=True)
class Border(Pad):
    """PADV2 whose value is not the input's zero point: it exists until the next operator has taken it up."""

    value: int = 0
    where: str = ""


_CLAMPED = (Conv2D, DepthwiseConv2D, FullyConnected, AveragePool2D, MaxPool2D, Add, Requantise)


def fold(operators: Sequence[Operator], tensors: dict[str, Tensor], kept: Sequence[str]) -> list[Operator]:
    """The operators with pads and clamps folded. `kept`: names that must stay (the graph's outputs).

    Raises ModelError for a Border that no operator can take up.
    """
    folded = _fold_clamps(_fold_pads(operators, tensors, kept), tensors, kept)
    for op in folded:
        if isinstance(op, Border):
            raise ModelError(
                f"{op.where}: pads with {op.value} where the input's zero point is "
                f"{tensors[op.input].quantisation.zero_point}; only before MAX_POOL_2D, with -128, is that supported"
            )
    return folded


def _readers(operators: Sequence[Operator]) -> dict[str, list[int]]:
    readers: dict[str, list[int]] = {}
    for index, op in enumerate(operators):
        for name in op.reads:
            readers.setdefault(name, []).append(index)
    return readers


def _fold_pads(operators: Sequence[Operator], tensors: dict[str, Tensor], kept: Sequence[str]) -> list[Operator]:
    folded: list[Operator] = list(operators)
    readers = _readers(operators)
    dropped: set[int] = set()
    for index, pad in enumerate(operators):
        if not isinstance(pad, Pad) or pad.output in kept:
            continue
        value = pad.value if isinstance(pad, Border) else tensors[pad.input].quantisation.zero_point
        takers = readers.get(pad.output, [])
        if takers and min(takers) > index and all(_takes(folded[taker], value, pad) for taker in takers):
            for taker in takers:
                folded[taker] = _with_border(folded[taker], pad)
            dropped.add(index)
    return [op for index, op in enumerate(folded) if index not in dropped]


def _takes(op: Operator, value: int, pad: Pad) -> bool:
    if isinstance(op, MaxPool2D):
        border = _sum(op.padding, pad.padding)
        fits = max(border.top, border.bottom) < op.window.h and max(border.left, border.right) < op.window.w
        return value == -128 and fits
    return isinstance(op, Conv2D | DepthwiseConv2D) and not isinstance(pad, Border)


def _with_border(op: Operator, pad: Pad) -> Operator:
    if not isinstance(op, Conv2D | DepthwiseConv2D | MaxPool2D):
        raise TypeError(f"{op.kind} has no padding")
    return replace(op, input=pad.input, padding=_sum(op.padding, pad.padding))


def _sum(first: Padding, second: Padding) -> Padding:
    return Padding(*(a + b for a, b in zip(first, second, strict=True)))


def _fold_clamps(operators: Sequence[Operator], tensors: dict[str, Tensor], kept: Sequence[str]) -> list[Operator]:
    """From the end, so that a chain of clamps folds into its first operator."""
    folded: list[Operator] = list(operators)
    writers = {op.writes[0]: index for index, op in enumerate(folded)}
    readers = _readers(folded)
    dropped: set[int] = set()
    for index in reversed(range(len(folded))):
        op = folded[index]
        if not isinstance(op, Requantise) or op.input in kept or op.input not in writers:
            continue
        writer = writers[op.input]
        before = folded[writer]
        one_grid = tensors[op.input].quantisation == tensors[op.output].quantisation
        if one_grid and readers[op.input] == [index] and writer < index and isinstance(before, _CLAMPED):
            folded[writer] = replace(before, output=op.output, activation=_narrowed(before.activation, op.activation))
            dropped.add(index)
    return [op for index, op in enumerate(folded) if index not in dropped]


def _narrowed(first: Clamp, second: Clamp) -> Clamp:
    """The clamp that equals `first` and then `second`."""
    low, high = (min(max(bound, second.low), second.high) for bound in first)
    return Clamp(low, high)
