# SPDX-License-Identifier: Apache-2.0
"""The operators of the Graph: one frozen dataclass each, integer parameters only.

A field that holds a tensor holds its name. `activation` is the closed range of the output's integers:
ReLU, ReLU6 and plain saturation are all this one clamp. Padding is explicit (top, bottom, left, right) and
filled with the input's zero point, so that every framework's convention can be written down.

What an operator computes, to the last bit, stands in graph/reference/<op>.py and nowhere else.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple


class Padding(NamedTuple):
    """Rows and columns added around the input, filled with its zero point."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


class Pair(NamedTuple):
    """A quantity along H and along W."""

    h: int = 1
    w: int = 1


class Clamp(NamedTuple):
    """Closed range of output integers."""

    low: int = -128
    high: int = 127


@dataclass(frozen=True)
class Operator:
    """Base: a name unique in the Graph, and the tensors that it reads and writes, in TFLite's order."""

    name: str

    READS: ClassVar[tuple[str, ...]] = ("input",)

    @property
    def kind(self) -> str:
        """The operator's one name: `Conv2D`, `DepthwiseConv2D`, …"""
        return type(self).__name__

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of all tensors read, constants included, absent ones left out."""
        found: list[str] = []
        for field in self.READS:
            value = getattr(self, field)
            found.extend(value if isinstance(value, tuple) else [value] if value is not None else [])
        return tuple(found)

    @property
    def writes(self) -> tuple[str, ...]:
        """Names of the tensors written."""
        return (self.output,)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Conv2D(Operator):
    """Convolution. input [1,H,W,Ci] int8, weights [Co,KH,KW,Ci], bias [Co] int32 -> [1,OH,OW,Co] int8."""

    READS: ClassVar[tuple[str, ...]] = ("input", "weights", "bias")

    input: str
    weights: str
    bias: str | None
    output: str
    stride: Pair = Pair()
    dilation: Pair = Pair()
    padding: Padding = Padding()
    activation: Clamp = Clamp()


@dataclass(frozen=True)
class DepthwiseConv2D(Operator):
    """Depthwise convolution. weights [1,KH,KW,Ci*multiplier]; output channel c reads input c // multiplier."""

    READS: ClassVar[tuple[str, ...]] = ("input", "weights", "bias")

    input: str
    weights: str
    bias: str | None
    output: str
    stride: Pair = Pair()
    dilation: Pair = Pair()
    padding: Padding = Padding()
    activation: Clamp = Clamp()
    multiplier: int = 1


@dataclass(frozen=True)
class FullyConnected(Operator):
    """Dense layer. input is read as [N, Ci] (flattened in memory order), weights [Co,Ci] -> [N, Co]."""

    READS: ClassVar[tuple[str, ...]] = ("input", "weights", "bias")

    input: str
    weights: str
    bias: str | None
    output: str
    activation: Clamp = Clamp()


@dataclass(frozen=True)
class AveragePool2D(Operator):
    """Mean over windows; padding does not count. Input and output have the same quantisation."""

    input: str
    output: str
    window: Pair
    stride: Pair = Pair()
    padding: Padding = Padding()
    activation: Clamp = Clamp()


@dataclass(frozen=True)
class MaxPool2D(Operator):
    """Maximum over windows; padding does not count. Input and output have the same quantisation."""

    input: str
    output: str
    window: Pair
    stride: Pair = Pair()
    padding: Padding = Padding()
    activation: Clamp = Clamp()


@dataclass(frozen=True)
class Mean(Operator):
    """Mean over H and W with requantisation. input [1,H,W,C] -> `output` of shape [1,C] or [1,1,1,C]."""

    input: str
    output: str


@dataclass(frozen=True)
class Add(Operator):
    """Sum of two tensors of one shape, each with its own quantisation."""

    READS: ClassVar[tuple[str, ...]] = ("input", "other")

    input: str
    other: str
    output: str
    activation: Clamp = Clamp()


@dataclass(frozen=True)
class Pad(Operator):
    """Border of the input's zero point. Same quantisation in and out."""

    input: str
    output: str
    padding: Padding


@dataclass(frozen=True)
class Concatenation(Operator):
    """Join along the last axis (channels). All inputs and the output share one quantisation."""

    READS: ClassVar[tuple[str, ...]] = ("inputs",)

    inputs: tuple[str, ...]
    output: str


@dataclass(frozen=True)
class TakeRows(Operator):
    """Rows first .. first + OH - 1 of an image: [1,H,W,C] -> [1,OH,W,C]. Its bytes lie within the input's, in a row."""

    input: str
    output: str
    first: int = 0


@dataclass(frozen=True)
class JoinRows(Operator):
    """Images of one width one below the other, along H. All inputs and the output share one quantisation."""

    READS: ClassVar[tuple[str, ...]] = ("inputs",)

    inputs: tuple[str, ...]
    output: str


@dataclass(frozen=True)
class Requantise(Operator):
    """Same numbers on another grid, int8 to int8 (TFLite QUANTIZE); with a clamp it is also a lone ReLU/ReLU6."""

    input: str
    output: str
    activation: Clamp = Clamp()


@dataclass(frozen=True)
class Reshape(Operator):
    """Same bytes, another shape."""

    input: str
    output: str


@dataclass(frozen=True)
class Softmax(Operator):
    """exp(beta·x) normalised over the last axis; output scale 1/256, zero point −128."""

    input: str
    output: str
    beta: float = 1.0


OPERATORS: tuple[type[Operator], ...] = (
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    AveragePool2D,
    MaxPool2D,
    Mean,
    Add,
    Pad,
    Concatenation,
    TakeRows,
    JoinRows,
    Requantise,
    Reshape,
    Softmax,
)
