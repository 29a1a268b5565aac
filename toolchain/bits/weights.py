# SPDX-License-Identifier: Apache-2.0
"""with_weights: a Graph whose layers have other integers as weights, such as a trained network rounded to fewer bits.

The rounding itself (rounding.py) sees a channel a row, whatever the layout. A bias stays what it stands for: its
integers are taken anew on input scale * weight scale.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from toolchain.arch.weights import WeightSpec
from toolchain.bits.rounding import RoundedWeights, per_channel, round_weights
from toolchain.graph.check import check_graph
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D, DepthwiseConv2D, FullyConnected
from toolchain.graph.tensor import Quantisation, Tensor

Weighted = Conv2D | DepthwiseConv2D | FullyConnected

# Along which axis the channels lie (graph/tensor.py).
_CHANNELS: dict[type, int] = {Conv2D: 0, DepthwiseConv2D: 3, FullyConnected: 0}

# A bias keeps within a quarter of int32, so that adding the accumulator cannot overflow.
_LARGEST_BIAS = 1 << 29


def weighted_operators(graph: Graph) -> tuple[Weighted, ...]:
    """Operators with weights, in order; their names are those of the layers that were trained."""
    return tuple(op for op in graph.operators if isinstance(op, Weighted))


def spec_of(graph: Graph, op: Weighted) -> WeightSpec:
    """Bits and grid of its weights."""
    weights = graph.tensor(op.weights)
    return WeightSpec(weights.bits, weights.grid)


def real_weights(graph: Graph, op: Weighted) -> NDArray[np.float32]:
    """What its weights stand for, a channel a row: float32 [C', ...]."""
    weights = graph.tensor(op.weights)
    rows = np.moveaxis(weights.array, _CHANNELS[type(op)], 0)
    scales = np.broadcast_to(np.array(weights.quantisation.scales, np.float32), len(rows))
    return rows * per_channel(scales, rows)


def least_scales(graph: Graph, op: Weighted) -> NDArray[np.float64]:
    """For each channel the scale of the weights below which its bias would not fit int32, [C']."""
    channels = graph.tensor(op.weights).shape[_CHANNELS[type(op)]]
    if op.bias is None:
        return np.zeros(channels)
    return np.abs(_real_bias(graph, op.bias)) / (graph.tensor(op.input).quantisation.scale * _LARGEST_BIAS)


def rounded_weights(graph: Graph, op: Weighted, spec: WeightSpec) -> RoundedWeights:
    """The weights of the operator, rounded to `spec`."""
    return round_weights(real_weights(graph, op), spec, least_scales(graph, op))


def with_weights(graph: Graph, rounded: Mapping[str, RoundedWeights]) -> Graph:
    """The checked Graph with other weights in the operators that are named; the others as they are."""
    changed: dict[str, Tensor] = {}
    for op in weighted_operators(graph):
        if op.name in rounded:
            changed |= _tensors(graph, op, rounded[op.name])
    return check_graph(replace(graph, tensors=tuple(changed.get(tensor.name, tensor) for tensor in graph.tensors)))


def _tensors(graph: Graph, op: Weighted, rounded: RoundedWeights) -> dict[str, Tensor]:
    axis = _CHANNELS[type(op)]
    weights = replace(
        graph.tensor(op.weights),
        quantisation=Quantisation(tuple(float(scale) for scale in rounded.scales), axis=axis),
        bits=rounded.spec.bits,
        grid=rounded.spec.grid,
        data=np.moveaxis(rounded.integers, 0, axis),
    )
    if op.bias is None:
        return {op.weights: weights}
    scales = np.float32(graph.tensor(op.input).quantisation.scale) * rounded.scales
    bias = replace(
        graph.tensor(op.bias),
        quantisation=Quantisation(tuple(float(scale) for scale in scales), axis=0),
        data=np.rint(_real_bias(graph, op.bias) / scales).astype(np.int32),
    )
    return {op.weights: weights, op.bias: bias}


def _real_bias(graph: Graph, name: str) -> NDArray[np.float64]:
    bias = graph.tensor(name)
    return np.asarray(bias.array * np.array(bias.quantisation.scales), np.float64)
