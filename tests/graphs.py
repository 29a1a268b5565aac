# SPDX-License-Identifier: Apache-2.0
"""Graphs for tests, in three lines each.

    net = GraphBuilder("tiny", (1, 10, 4, 1), seed=7)
    net.conv2d(8, (3, 3), stride=(2, 1)); net.depthwise_conv2d((3, 3)); net.average_pool2d((5, 4))
    graph = net.reshape((1, 8)).fully_connected(3).softmax().graph()

Each method appends one operator that reads `net.last`, invents weights and a plausible output quantisation from
the seed (both can be given), and returns the builder. `net.checkpoint()` names a value to come back to (`add`,
`concatenation`, or `net.back_to(name)`). `random_graph(seed)` draws a whole network.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from toolchain.graph.check import check_graph
from toolchain.graph.graph import Graph
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
    Operator,
    Pad,
    Padding,
    Pair,
    Requantise,
    Reshape,
    Softmax,
    TakeRows,
)
from toolchain.graph.shapes import output_shape, same_padding
from toolchain.graph.tensor import DType, Grid, Quantisation, Tensor

Pads = str | Sequence[int]


def float32(x: float) -> float:
    """`x` rounded to float32, as scales are held."""
    return float(np.float32(x))


# Widths and grids of fewer than 8 bits.
STORAGES = (
    *((bits, Grid.MID_TREAD) for bits in range(2, 8)),
    *((bits, Grid.MID_RISE) for bits in range(1, 8)),
)


def on_grid(values: np.ndarray, bits: int, grid: Grid) -> np.ndarray:
    """`values`, each moved to the nearest of the grid or next to it."""
    if grid is Grid.MID_RISE:
        limit = (1 << bits) - 1
        return np.clip(values | 1, -limit, limit)
    return np.clip(values, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)


@dataclass(frozen=True)
class LayerOptions:
    """What a layer with weights may be given; what is None is drawn from the seed. `bias=False`: no bias."""

    weights: Any = None
    bias: Any = None
    per_channel: bool = True
    bits: int = 8
    grid: Grid = Grid.MID_TREAD
    gain: float = 1.0  # above 1 the outputs saturate more often
    scale: float | None = None
    zero_point: int | None = None
    activation: tuple[int, int] = (-128, 127)


class GraphBuilder:
    """Appends operators to a growing Graph; `last` is the name of the newest activation."""

    def __init__(
        self,
        name: str = "net",
        shape: tuple[int, ...] = (1, 8, 8, 4),
        *,
        scale: float = 1 / 32,
        zero_point: int = 0,
        seed: int = 0,
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.storage: tuple[int, Grid] | None = None  # of all weights from here on, which are held to it
        self._name = name
        self._tensors: dict[str, Tensor] = {}
        self._operators: list[Operator] = []
        self._inputs: list[str] = []
        self.last = self.input("input", shape, scale=scale, zero_point=zero_point)

    def input(self, name: str, shape: tuple[int, ...], *, scale: float = 1 / 32, zero_point: int = 0) -> str:
        """One more input of the Graph."""
        self._tensors[name] = Tensor(name, shape, DType.INT8, Quantisation((float32(scale),), zero_point))
        self._inputs.append(name)
        self.last = name
        return name

    def checkpoint(self) -> str:
        """The newest activation, to be read again later."""
        return self.last

    def back_to(self, name: str) -> Self:
        """Go on from `name`."""
        self.last = name
        return self

    def conv2d(
        self,
        channels: int,
        kernel: tuple[int, int] = (1, 1),
        *,
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        padding: Pads = "same",
        **options: Any,
    ) -> Self:
        """Conv2D. `padding`: "same", "valid" or (top, bottom, left, right). For `options` see LayerOptions."""
        shape = (channels, *kernel, self.shape[3])
        weights, bias = self._weights(shape, 0, LayerOptions(**options))
        pads = self._padding(padding, kernel, stride, dilation)
        fields = {"stride": Pair(*stride), "dilation": Pair(*dilation), "padding": pads}
        return self._weighted(Conv2D, weights, bias, fields, LayerOptions(**options))

    def depthwise_conv2d(
        self,
        kernel: tuple[int, int] = (3, 3),
        *,
        multiplier: int = 1,
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        padding: Pads = "same",
        **options: Any,
    ) -> Self:
        """DepthwiseConv2D; parameters as for conv2d."""
        shape = (1, *kernel, self.shape[3] * multiplier)
        weights, bias = self._weights(shape, 3, LayerOptions(**options))
        pads = self._padding(padding, kernel, stride, dilation)
        fields = {"stride": Pair(*stride), "dilation": Pair(*dilation), "padding": pads, "multiplier": multiplier}
        return self._weighted(DepthwiseConv2D, weights, bias, fields, LayerOptions(**options))

    def fully_connected(self, channels: int, *, inputs: int | None = None, **options: Any) -> Self:
        """FullyConnected over the whole input, or over rows of `inputs` elements."""
        inputs = inputs or int(np.prod(self.shape))
        weights, bias = self._weights((channels, inputs), 0, LayerOptions(**options))
        return self._weighted(FullyConnected, weights, bias, {}, LayerOptions(**options))

    def average_pool2d(
        self,
        window: tuple[int, int],
        *,
        stride: tuple[int, int] | None = None,
        padding: Pads = "valid",
        activation: tuple[int, int] = (-128, 127),
    ) -> Self:
        """AveragePool2D; the stride is the window unless given."""
        return self._pool(AveragePool2D, window, stride or window, padding, activation)

    def max_pool2d(
        self,
        window: tuple[int, int],
        *,
        stride: tuple[int, int] | None = None,
        padding: Pads = "valid",
        activation: tuple[int, int] = (-128, 127),
    ) -> Self:
        """MaxPool2D; the stride is the window unless given."""
        return self._pool(MaxPool2D, window, stride or window, padding, activation)

    def mean(self, *, keep: bool = False, scale: float | None = None, zero_point: int | None = None) -> Self:
        """Mean over H and W."""
        channels = self.shape[3]
        shape = (1, 1, 1, channels) if keep else (1, channels)
        return self._simple(Mean, {}, shape=shape, scale=scale, zero_point=zero_point)

    def add(
        self,
        other: str,
        *,
        scale: float | None = None,
        zero_point: int | None = None,
        activation: tuple[int, int] = (-128, 127),
    ) -> Self:
        """Add of `last` and `other`."""
        fields = {"other": other, "activation": Clamp(*activation)}
        return self._simple(Add, fields, scale=scale, zero_point=zero_point)

    def pad(self, padding: Sequence[int]) -> Self:
        """Pad by (top, bottom, left, right)."""
        return self._simple(Pad, {"padding": Padding(*padding)})

    def concatenation(self, *others: str) -> Self:
        """Concatenation of `last` and `others`, which must have one quantisation."""
        name = self._next("concatenation")
        op = Concatenation(name, (self.last, *others), f"{name}_out")
        return self._append(op, self._tensors[self.last].quantisation, None)

    def take_rows(self, first: int, rows: int) -> Self:
        """TakeRows: `rows` rows from `first` on."""
        _, _, width, channels = self.shape
        return self._simple(TakeRows, {"first": first}, shape=(1, rows, width, channels))

    def join_rows(self, *others: str) -> Self:
        """JoinRows of `last` above `others`, which must have one quantisation, width and number of channels."""
        name = self._next("joinrows")
        op = JoinRows(name, (self.last, *others), f"{name}_out")
        return self._append(op, self._tensors[self.last].quantisation, None)

    def requantise(
        self,
        *,
        scale: float | None = None,
        zero_point: int | None = None,
        activation: tuple[int, int] = (-128, 127),
    ) -> Self:
        """Requantise; without `scale` and `zero_point` a lone clamp."""
        return self._simple(Requantise, {"activation": Clamp(*activation)}, scale=scale, zero_point=zero_point)

    def reshape(self, shape: tuple[int, ...]) -> Self:
        """Reshape."""
        return self._simple(Reshape, {}, shape=shape)

    def softmax(self, beta: float = 1.0) -> Self:
        """Softmax; output scale 1/256, zero point -128."""
        return self._simple(Softmax, {"beta": beta}, scale=1 / 256, zero_point=-128)

    def graph(self, *outputs: str) -> Graph:
        """The Graph so far, checked; its output is `last` unless others are named."""
        names = outputs or (self.last,)
        tensors, operators = tuple(self._tensors.values()), tuple(self._operators)
        return check_graph(Graph(self._name, tensors, operators, tuple(self._inputs), names))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the newest activation."""
        return self._tensors[self.last].shape

    def _next(self, kind: str) -> str:
        return f"{kind}_{len(self._operators)}"

    def _padding(
        self, padding: Pads, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int] = (1, 1)
    ) -> Padding:
        if padding == "valid":
            return Padding()
        if padding == "same":
            _, height, width, _ = self.shape
            rows = same_padding(height, kernel[0], stride[0], dilation[0])
            return Padding(*rows, *same_padding(width, kernel[1], stride[1], dilation[1]))
        return Padding(*padding)  # type: ignore[arg-type]

    def _weights(self, shape: tuple[int, ...], axis: int, options: LayerOptions) -> tuple[Tensor, Tensor | None]:
        bits, grid = self.storage or (options.bits, options.grid)
        data = options.weights
        if data is None:
            data = self._draw_weights(shape, bits, grid)
        elif self.storage:
            data = on_grid(np.asarray(data), bits, grid)
        data = np.asarray(data, np.int8).reshape(shape)
        channels = shape[axis]
        # Such that an output has about the input's spread; `gain` widens that.
        mean_weight = max(float(np.abs(data.astype(np.int32)).mean()), 1.0)
        base = options.gain / (mean_weight * (data.size // channels) ** 0.5)
        spread = np.exp2(self.rng.uniform(-1.5, 1.5, channels if options.per_channel else 1))
        scales = tuple(float32(base * s) for s in spread)
        quantisation = Quantisation(scales, axis=axis if options.per_channel else None)
        name = self._next("layer")
        weights = Tensor(f"{name}_weights", shape, DType.INT8, quantisation, bits, grid, data)
        if options.bias is False:
            return weights, None
        values = self.rng.integers(-4000, 4000, channels) if options.bias is None else options.bias
        input_scale = self._tensors[self.last].quantisation.scale
        bias_scales = tuple(float32(input_scale * s) for s in scales)
        bias_quantisation = Quantisation(bias_scales, axis=0 if options.per_channel else None)
        values = np.asarray(values, np.int32).reshape(channels)
        return weights, Tensor(f"{name}_bias", (channels,), DType.INT32, bias_quantisation, bits=32, data=values)

    def _draw_weights(self, shape: tuple[int, ...], bits: int, grid: Grid) -> np.ndarray:
        if grid is Grid.MID_RISE:
            limit = (1 << bits) - 1
            return 2 * self.rng.integers(0, 1 << bits, shape) - limit
        limit = (1 << (bits - 1)) - 1
        return self.rng.integers(-limit, limit + 1, shape)

    def _weighted(
        self,
        kind: type[Operator],
        weights: Tensor,
        bias: Tensor | None,
        fields: dict[str, Any],
        options: LayerOptions,
    ) -> Self:
        for constant in (weights, bias):
            if constant is not None:
                self._tensors[constant.name] = constant
        name = self._next(kind.__name__.lower())
        bias_name = None if bias is None else bias.name
        fields = {**fields, "activation": Clamp(*options.activation)}
        op = kind(name, input=self.last, weights=weights.name, bias=bias_name, output=f"{name}_out", **fields)
        scale = self._tensors[self.last].quantisation.scale if options.scale is None else float32(options.scale)
        zero_point = int(self.rng.integers(-30, 30)) if options.zero_point is None else options.zero_point
        return self._append(op, Quantisation((scale,), zero_point), None)

    def _pool(
        self,
        kind: type[Operator],
        window: tuple[int, int],
        stride: tuple[int, int],
        padding: Pads,
        activation: tuple[int, int],
    ) -> Self:
        pads = self._padding(padding, window, stride)
        fields = {"window": Pair(*window), "stride": Pair(*stride), "padding": pads, "activation": Clamp(*activation)}
        return self._simple(kind, fields)

    def _simple(
        self,
        kind: type[Operator],
        fields: dict[str, Any],
        *,
        shape: tuple[int, ...] | None = None,
        scale: float | None = None,
        zero_point: int | None = None,
    ) -> Self:
        name = self._next(kind.__name__.lower())
        op = kind(name, input=self.last, output=f"{name}_out", **fields)
        before = self._tensors[self.last].quantisation
        scale = before.scale if scale is None else float32(scale)
        zero_point = before.zero_point if zero_point is None else zero_point
        return self._append(op, Quantisation((scale,), zero_point), shape)

    def _append(self, op: Operator, quantisation: Quantisation, shape: tuple[int, ...] | None) -> Self:
        output = op.writes[0]
        self._tensors[output] = Tensor(output, shape or (1,), DType.INT8, quantisation)
        if shape is None:
            shape = output_shape(op, self._tensors.__getitem__)
            self._tensors[output] = replace(self._tensors[output], shape=shape)
        self._operators.append(op)
        self.last = output
        return self


def random_inputs(graph: Graph, count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """`count` random inputs: int8 [count, *shape] for each input of the graph, the first all -128, the second 127."""
    rng = np.random.default_rng(seed)
    inputs = {}
    for name in graph.inputs:
        values = rng.integers(-128, 128, (count, *graph.tensor(name).shape)).astype(np.int8)
        values[:1], values[1:2] = -128, 127
        inputs[name] = values
    return inputs


def random_graph(seed: int, *, bits: int = 8, grid: Grid = Grid.MID_TREAD) -> Graph:
    """A small image network drawn from all kinds of operators, with odd sizes, and an output of a few classes."""
    rng = np.random.default_rng(seed)

    def draw(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    shape = (1, draw(5, 13), draw(4, 11), draw(1, 5))
    net = GraphBuilder(f"random_{seed}", shape, scale=0.05, zero_point=draw(-128, 127), seed=seed)
    storage = {"bits": bits, "grid": grid}
    for _ in range(draw(2, 6)):
        _, height, width, channels = net.shape
        kernel = (draw(1, min(height, 5)), draw(1, min(width, 5)))
        stride = (draw(1, 3), draw(1, 3)) if min(height, width) > 4 else (1, 1)
        explicit = tuple(draw(0, size - 1) for size in (kernel[0], kernel[0], kernel[1], kernel[1]))
        padding: Pads = [explicit, "same", "valid"][draw(0, 2)]
        clamp = (draw(-128, -1), draw(0, 127)) if draw(0, 2) == 0 else (-128, 127)
        window = {"stride": stride, "padding": padding, "activation": clamp}
        match draw(0, 7):
            case 0 | 1:
                bias = False if draw(0, 4) == 0 else None
                net.conv2d(draw(1, 9), kernel, **window, per_channel=draw(0, 4) > 0, bias=bias, **storage)
            case 2 | 3:
                net.depthwise_conv2d(kernel, multiplier=draw(1, 3) if channels < 8 else 1, **window, **storage)
            case 4:
                (net.average_pool2d if draw(0, 1) else net.max_pool2d)(kernel, **window)
            case 5:
                left = net.checkpoint()
                net.conv2d(channels, (3, 3), **storage).add(left, scale=0.06, zero_point=draw(-20, 20))
            case 6:
                net.requantise(scale=float(rng.uniform(0.03, 0.08)), zero_point=draw(-128, 127), activation=clamp)
            case 7 if channels < 16:
                net.concatenation(net.last)
            case 7:
                net.pad((1, 0, 0, 2))
    if draw(0, 1):
        net.mean(scale=0.05, zero_point=draw(-40, 40))
    else:
        net.reshape((1, int(np.prod(net.shape))))
    net.fully_connected(draw(2, 12), per_channel=draw(0, 1) == 1, scale=0.1, **storage)
    return (net.softmax() if draw(0, 1) else net).graph()
