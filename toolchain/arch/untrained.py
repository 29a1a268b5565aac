# SPDX-License-Identifier: Apache-2.0
"""untrained_graph: layers as a Graph whose weights are drawn from a seed. For whoever asks what a network costs.

Time, flash and RAM hang on shapes and quantisation and not on what the weights know, so a network can be planned,
built and counted before anybody trains it. Scales are such as training gives: weights are nearly normal and use
their whole range in each channel, and are scaled so that the sums have variance 1, of which the activations' grids
hold all but rare outliers. Nothing saturates for long, nothing dies, and no multiplier is out of the ordinary.

    grid of what a layer gives     scale     zero point
    ReLU                           4 / 255   -128
    ReLU6                          6 / 255   -128
    no activation                  8 / 255     -3

Weights take the bits and the grid that a WeightPlan says, 8 where nobody asks; activations are always int8.
"""

from collections.abc import Sequence
from functools import singledispatchmethod

import numpy as np
from numpy.typing import NDArray

from toolchain.arch.layer import (
    NETWORK_INPUT,
    Activation,
    Add,
    Conv,
    Dense,
    Depthwise,
    GlobalAveragePool,
    Layer,
    MapShape,
)
from toolchain.arch.weights import WeightPlan, WeightSpec
from toolchain.graph.check import check_graph
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Add as AddOp
from toolchain.graph.ops import AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, Operator, Pair, Reshape
from toolchain.graph.tensor import DType, Grid, Quantisation, Tensor

_GRIDS = {
    Activation.RELU: Quantisation((float(np.float32(4 / 255)),), -128),
    Activation.RELU6: Quantisation((float(np.float32(6 / 255)),), -128),
    Activation.NONE: Quantisation((float(np.float32(8 / 255)),), -3),
}
# Of features and pictures, whose int8 values are then spread over -4..4 (frontend/normalisation.py has the same grid).
_INPUT_GRID = Quantisation((1 / 32,), 0)

# Mean square of int8 inputs, drawn uniformly, on _INPUT_GRID.
_INPUT_POWER = (256**2 - 1) / 12 / 32**2
_EIGHT_BITS = WeightPlan()
_BIAS_LIMIT = 0.3  # of sums with variance 1
# Weights are sums of so many uniform integers: near enough to normal, and the same integers on every machine.
_DRAWS = 4


def untrained_graph(name: str, layers: Sequence[Layer], seed: int = 0, plan: WeightPlan = _EIGHT_BITS) -> Graph:
    """The checked Graph of `layers` (`arch.layers()`, or a Builder's); the last layer gives its output.

    name: a C identifier. plan: bits and grid of each layer's weights. Same layers, seed and plan, same Graph, on every
    machine.
    """
    return _Writer(layers[0].input_shape, seed, plan).graph(name, layers)


class _Writer:
    """Tensors and operators so far, and for each layer's output its mean square, by the layer's name."""

    def __init__(self, shape: MapShape, seed: int, plan: WeightPlan) -> None:
        self._rng = np.random.default_rng(seed)
        self._plan = plan
        self._tensors: list[Tensor] = [Tensor(NETWORK_INPUT, (1, *shape), DType.INT8, _INPUT_GRID)]
        self._grids = {NETWORK_INPUT: _INPUT_GRID}
        self._power = {NETWORK_INPUT: _INPUT_POWER}
        self._operators: list[Operator] = []

    def graph(self, name: str, layers: Sequence[Layer]) -> Graph:
        for layer in layers:
            self._append(layer)
        return check_graph(
            Graph(name, tuple(self._tensors), tuple(self._operators), (NETWORK_INPUT,), (layers[-1].name,))
        )

    @singledispatchmethod
    def _append(self, layer: Layer) -> None:
        raise TypeError(f"no operator for {layer.kind}")

    @_append.register
    def _(self, layer: Conv) -> None:
        shape = (layer.output_shape.c, *layer.kernel, layer.input_shape.c)
        weights, bias = self._weights(layer, shape, axis=0)
        self._give(
            layer, Conv2D(layer.name, layer.input, weights, bias, layer.name, layer.stride, Pair(), layer.padding)
        )

    @_append.register
    def _(self, layer: Depthwise) -> None:
        weights, bias = self._weights(layer, (1, *layer.kernel, layer.output_shape.c), axis=3)
        multiplier = layer.output_shape.c // layer.input_shape.c
        op = DepthwiseConv2D(
            layer.name,
            layer.input,
            weights,
            bias,
            layer.name,
            layer.stride,
            padding=layer.padding,
            multiplier=multiplier,
        )
        self._give(layer, op)

    @_append.register
    def _(self, layer: Dense) -> None:
        shape = (layer.output_shape.c, layer.input_shape.n_elements)
        weights, bias = self._weights(layer, shape, axis=0)
        self._give(layer, FullyConnected(layer.name, layer.input, weights, bias, layer.name), (1, layer.output_shape.c))

    @_append.register
    def _(self, layer: Add) -> None:
        power = self._power[layer.input] + self._power[layer.other]
        self._give(layer, AddOp(layer.name, layer.input, layer.other, layer.name), power=power)

    @_append.register
    def _(self, layer: GlobalAveragePool) -> None:
        """A pool over the whole map, then the vector that a dense layer reads, as TFLite's files have it."""
        window = Pair(layer.input_shape.h, layer.input_shape.w)
        grid, power = self._grids[layer.input], self._power[layer.input]
        pooled = f"{layer.name}_map"
        self._tensors.append(Tensor(pooled, (1, *layer.output_shape), DType.INT8, grid))
        self._operators.append(AveragePool2D(pooled, layer.input, pooled, window, window))
        self._give(layer, Reshape(layer.name, pooled, layer.name), (1, layer.output_shape.c), power=power, grid=grid)

    def _give(
        self,
        layer: Layer,
        op: Operator,
        shape: tuple[int, ...] | None = None,
        *,
        power: float = 1.0,
        grid: Quantisation | None = None,
    ) -> None:
        """Append `op` and its output. power: mean square before the activation."""
        kept = grid or _GRIDS[layer.activation]
        self._tensors.append(Tensor(layer.name, shape or (1, *layer.output_shape), DType.INT8, kept))
        self._operators.append(op)
        self._grids[layer.name] = kept
        self._power[layer.name] = power if layer.activation is Activation.NONE else power / 2

    def _weights(self, layer: Layer, shape: tuple[int, ...], axis: int) -> tuple[str, str]:
        """Names of weights `shape` in int8 containers, a scale for each channel of `axis`, and of a bias int32."""
        spec = self._plan.of(layer.name)
        others = tuple(index for index in range(len(shape)) if index != axis)
        drawn = self._rng.integers(-1000, 1001, (_DRAWS, *shape)).sum(axis=0)
        data = _on_grid(drawn, np.abs(drawn).max(axis=others, keepdims=True), spec)
        energy = np.maximum(np.square(data.astype(np.int64)).sum(axis=others), 1) * self._power[layer.input]
        scales = (1 / np.sqrt(energy)).astype(np.float32)
        bias_scales = scales * np.float32(self._grids[layer.input].scale)
        bias = np.rint(self._rng.uniform(-_BIAS_LIMIT, _BIAS_LIMIT, shape[axis]) / bias_scales).astype(np.int32)
        names = f"{layer.name}_weights", f"{layer.name}_bias"
        self._tensors += [
            Tensor(names[0], shape, DType.INT8, _per_channel(scales, axis), spec.bits, spec.grid, data),
            Tensor(names[1], (shape[axis],), DType.INT32, _per_channel(bias_scales, 0), bits=32, data=bias),
        ]
        return names


def _on_grid(drawn: NDArray[np.int64], largest: NDArray[np.int64], spec: WeightSpec) -> NDArray[np.int8]:
    """Values within ±largest spread over all integers of the grid: int8, in the shape of `drawn`."""
    if spec.grid is Grid.MID_RISE:
        steps = (drawn << (spec.bits - 1)) // (largest + 1)  # -2^(bits-1) .. 2^(bits-1) - 1
        return (2 * steps + 1).astype(np.int8)
    return np.rint(drawn * spec.limit / np.maximum(largest, 1)).astype(np.int8)


def _per_channel(scales: NDArray[np.float32], axis: int) -> Quantisation:
    return Quantisation(tuple(float(scale) for scale in scales), axis=axis)
