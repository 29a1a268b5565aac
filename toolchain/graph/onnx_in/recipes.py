# SPDX-License-Identifier: Apache-2.0
"""Recipes: how each operator of the Graph is made once the grid of its result is known.

The ONNX file has float operators between DequantizeLinear and QuantizeLinear; a recipe is what such an operator
means in integers. Some results lie on their input's grid whatever happens (`natural`): a maximum, a border of zeros,
a clamp at 0. Others commute with quantisation, so their source may itself still be pending: quantising the maximum
is the maximum of the quantised, and so for borders of zeros and for joining.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from toolchain.errors import ModelError
from toolchain.graph.onnx_in.builder import FULL, Builder
from toolchain.graph.onnx_in.values import Activation, Pending, Recipe, Source
from toolchain.graph.onnx_in.weights import Weights
from toolchain.graph.ops import (
    Add,
    AveragePool2D,
    Clamp,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    JoinRows,
    MaxPool2D,
    Mean,
    Pad,
    Padding,
    Pair,
    Requantise,
    Softmax,
    TakeRows,
)
from toolchain.graph.tensor import Quantisation

Shape = tuple[int, ...]

# A chain of float operators without any quantisation in between is never longer in a real file.
MAX_DEPTH = 50

SOFTMAX_GRID = Quantisation((1 / 256,), -128)


@dataclass(frozen=True, eq=False)
class Weighted(Recipe):
    """A layer with weights, and what an affine map per output channel behind it makes of it."""

    source: Activation
    weights: Weights
    output: Shape

    def with_weights(self, weights: Weights) -> "Weighted":
        """The same layer with other weights."""
        return replace(self, weights=weights)

    def constants(self, builder: Builder, label: str, output: Quantisation) -> tuple[str, str | None]:
        """Add weights and bias to the Graph; their names."""
        input_scale = self.source.quantisation.scale
        try:
            weights, bias = self.weights.on_grid(input_scale, output.scale)
        except ModelError as error:
            raise ModelError(f"layer {label}: {error}") from error
        name = builder.weights(label, weights)
        return name, None if bias is None else builder.bias(label, bias, weights.bias_scales(input_scale))


@dataclass(frozen=True, eq=False)
class Convolution(Weighted):
    """Conv2D, or DepthwiseConv2D where `multiplier` is not None. image: [1, H, W, C] of the source."""

    image: Shape
    multiplier: int | None = None
    stride: Pair = Pair()
    dilation: Pair = Pair()
    padding: Padding = Padding()

    def emit(self, builder: Builder, label: str, quantisation: Quantisation, clamp: Clamp) -> str:
        weights, bias = self.constants(builder, label, quantisation)
        fields: dict[str, Any] = {
            "input": builder.image(self.source.tensor, self.image),
            "weights": weights,
            "bias": bias,
            "stride": self.stride,
            "dilation": self.dilation,
            "padding": self.padding,
            "activation": clamp,
        }
        if self.multiplier is None:
            return builder.append(Conv2D, label, self.output, quantisation, **fields)
        fields["multiplier"] = self.multiplier
        return builder.append(DepthwiseConv2D, label, self.output, quantisation, **fields)


@dataclass(frozen=True, eq=False)
class Dense(Weighted):
    """FullyConnected; the source is read in memory order."""

    def emit(self, builder: Builder, label: str, quantisation: Quantisation, clamp: Clamp) -> str:
        weights, bias = self.constants(builder, label, quantisation)
        fields = {"input": self.source.tensor, "weights": weights, "bias": bias, "activation": clamp}
        return builder.append(FullyConnected, label, self.output, quantisation, **fields)


@dataclass(frozen=True, eq=False)
class Sum(Recipe):
    """Add of two activations with one memory order. shape: what both are read as."""

    source: Activation
    other: Activation
    shape: Shape

    def emit(self, builder: Builder, label: str, quantisation: Quantisation, clamp: Clamp) -> str:
        first, second = (builder.image(part.tensor, self.shape) for part in (self.source, self.other))
        return builder.append(Add, label, self.shape, quantisation, input=first, other=second, activation=clamp)


@dataclass(frozen=True, eq=False)
class Averages(Recipe):
    """AveragePool2D."""

    source: Activation
    image: Shape
    output: Shape
    window: Pair
    stride: Pair
    padding: Padding

    def emit(self, builder: Builder, label: str, quantisation: Quantisation, clamp: Clamp) -> str:
        fields = {"window": self.window, "stride": self.stride, "padding": self.padding, "activation": clamp}
        image = builder.image(self.source.tensor, self.image)
        return builder.append(AveragePool2D, label, self.output, quantisation, input=image, **fields)


@dataclass(frozen=True, eq=False)
class GlobalAverage(Recipe):
    """Mean over H and W: AveragePool2D where the grids are equal (its rounding is exact there), else Mean."""

    source: Activation
    image: Shape

    def emit(self, builder: Builder, label: str, quantisation: Quantisation, clamp: Clamp) -> str:
        image = builder.image(self.source.tensor, self.image)
        _, height, width, channels = self.image
        output = (1, 1, 1, channels)
        if quantisation == self.source.quantisation:
            window = Pair(height, width)
            fields = {"window": window, "stride": window, "activation": clamp}
            return builder.append(AveragePool2D, label, output, quantisation, input=image, **fields)
        mean = builder.append(Mean, label, output, quantisation, input=image)
        return builder.clamped(mean, label, clamp)


@dataclass(frozen=True, eq=False)
class Commuting(Recipe):
    """Operators that may stand before or behind quantisation: their sources may be pending."""

    sources: tuple[Source, ...]

    def __post_init__(self) -> None:
        if self.depth > MAX_DEPTH:
            raise ModelError(f"more than {MAX_DEPTH} operators in a row without any quantisation")

    @cached_property
    def natural(self) -> Quantisation | None:
        """The grid that all sources share, if they do."""
        grids = {part.quantisation if isinstance(part, Activation) else part.natural for part in self.sources}
        return grids.pop() if len(grids) == 1 else None

    @cached_property
    def depth(self) -> int:
        """One more than the deepest source."""
        return 1 + max((part.recipe.depth for part in self.sources if isinstance(part, Pending)), default=0)


@dataclass(frozen=True, eq=False)
class Maxima(Commuting):
    """MaxPool2D of one source."""

    image: Shape
    output: Shape
    window: Pair
    stride: Pair
    padding: Padding

    def emit(self, builder: Builder, label: str, quantisation: Quantisation, clamp: Clamp) -> str:
        image = builder.image(builder.settle(self.sources[0], quantisation), self.image)
        fields = {"window": self.window, "stride": self.stride, "padding": self.padding, "activation": clamp}
        return builder.append(MaxPool2D, label, self.output, quantisation, input=image, **fields)


@dataclass(frozen=True, eq=False)
class Bordered(Commuting):
    """Pad of one source."""

    image: Shape
    output: Shape
    padding: Padding

    def emit(self, builder: Builder, label: str, quantisation: Quantisation, clamp: Clamp) -> str:
        image = builder.image(builder.settle(self.sources[0], quantisation), self.image)
        padded = builder.append(Pad, label, self.output, quantisation, input=image, padding=self.padding)
        return builder.clamped(padded, label, clamp)


@dataclass(frozen=True, eq=False)
class Joined(Commuting):
    """Concatenation or JoinRows. shapes: what each source is read as; they join along the last axis, or along H."""

    kind: type[Concatenation] | type[JoinRows]
    shapes: tuple[Shape, ...]
    output: Shape

    def emit(self, builder: Builder, label: str, quantisation: Quantisation, clamp: Clamp) -> str:
        parts = tuple(
            builder.image(builder.settle(part, quantisation), shape)
            for part, shape in zip(self.sources, self.shapes, strict=True)
        )
        joined = builder.append(self.kind, label, self.output, quantisation, inputs=parts)
        return builder.clamped(joined, label, clamp)


@dataclass(frozen=True, eq=False)
class Taken(Commuting):
    """TakeRows of one source, read as `image`."""

    image: Shape
    output: Shape
    first: int

    def emit(self, builder: Builder, label: str, quantisation: Quantisation, clamp: Clamp) -> str:
        image = builder.image(builder.settle(self.sources[0], quantisation), self.image)
        taken = builder.append(TakeRows, label, self.output, quantisation, input=image, first=self.first)
        return builder.clamped(taken, label, clamp)


@dataclass(frozen=True, eq=False)
class Same(Recipe):
    """The source itself on another grid, or clamped: Requantise, or nothing at all."""

    source: Activation

    @property
    def natural(self) -> Quantisation | None:
        """The source's grid."""
        return self.source.quantisation

    def emit(self, builder: Builder, label: str, quantisation: Quantisation, clamp: Clamp) -> str:
        tensor = self.source.tensor
        if quantisation == self.source.quantisation and clamp == FULL:
            return tensor
        shape = builder.tensors[tensor].shape
        return builder.append(Requantise, label, shape, quantisation, input=tensor, activation=clamp)


@dataclass(frozen=True, eq=False)
class Probabilities(Recipe):
    """Softmax over the last axis of `shape`; its grid is fixed, so it needs no QuantizeLinear."""

    source: Activation
    shape: Shape

    @property
    def natural(self) -> Quantisation | None:
        """TFLite's grid for probabilities."""
        return SOFTMAX_GRID

    def emit(self, builder: Builder, label: str, quantisation: Quantisation, clamp: Clamp) -> str:
        image = builder.image(self.source.tensor, self.shape)
        return builder.clamped(builder.append(Softmax, label, self.shape, quantisation, input=image), label, clamp)
