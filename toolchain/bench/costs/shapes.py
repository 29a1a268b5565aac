# SPDX-License-Identifier: Apache-2.0
"""Layers to measure kernels by: one Graph of many layers that have nothing to do with each other.

Each layer has its own input and output, so one firmware runs them all, and the profiler tells them apart.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from toolchain.arch.build import Builder
from toolchain.arch.layer import Activation, Layer
from toolchain.arch.untrained import untrained_graph
from toolchain.arch.weights import WeightPlan, WeightSpec
from toolchain.graph.check import check_graph
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Operator, Pair
from toolchain.graph.tensor import Grid

_RELU, _NONE = Activation.RELU, Activation.NONE

# Input height, width, channels; output channels; kernel; stride; activation.
_CONVOLUTIONS = (
    (12, 10, 64, 64, (1, 1), (1, 1), _RELU),
    (9, 7, 33, 47, (1, 1), (1, 1), _NONE),
    (17, 13, 16, 24, (1, 1), (1, 1), _RELU),
    (5, 5, 96, 31, (1, 1), (1, 1), _NONE),
    (6, 6, 128, 64, (1, 1), (1, 1), _RELU),
    (3, 2, 60, 130, (1, 1), (1, 1), _NONE),
    (11, 8, 7, 9, (1, 1), (1, 1), _RELU),
    (20, 15, 18, 5, (1, 1), (1, 1), _NONE),
    (1, 1, 50, 80, (1, 1), (1, 1), _RELU),
    (14, 14, 40, 40, (1, 1), (1, 1), _NONE),
    (7, 9, 22, 64, (1, 1), (1, 1), _RELU),
    (12, 9, 52, 18, (1, 1), (1, 1), _NONE),
    (16, 16, 16, 32, (3, 3), (1, 1), _RELU),
    (9, 11, 32, 17, (3, 3), (1, 1), _NONE),
    (25, 10, 1, 64, (10, 4), (2, 2), _RELU),
    (32, 24, 3, 16, (3, 3), (2, 2), _NONE),
    (21, 19, 2, 13, (5, 5), (1, 1), _RELU),
    (13, 12, 12, 20, (3, 3), (2, 1), _NONE),
    (10, 10, 24, 48, (1, 1), (2, 2), _RELU),
    (8, 7, 40, 24, (3, 1), (1, 1), _NONE),
    (15, 15, 6, 30, (4, 4), (1, 1), _RELU),
    (6, 5, 64, 32, (3, 3), (1, 1), _NONE),
    (18, 14, 4, 8, (7, 5), (2, 2), _RELU),
    (30, 22, 1, 12, (3, 3), (1, 1), _NONE),
    (4, 3, 24, 66, (1, 1), (1, 1), _RELU),
    (10, 9, 100, 12, (1, 1), (1, 1), _NONE),
    (13, 7, 45, 21, (1, 1), (1, 1), _RELU),
    (19, 16, 8, 40, (1, 1), (1, 1), _NONE),
    (8, 8, 64, 64, (3, 3), (1, 1), _RELU),
    (14, 9, 5, 22, (3, 3), (1, 1), _NONE),
    (22, 17, 3, 11, (7, 5), (1, 2), _RELU),
    (12, 12, 20, 15, (2, 2), (2, 2), _NONE),
    (9, 6, 10, 33, (5, 5), (1, 1), _RELU),
    (40, 8, 1, 28, (9, 5), (2, 1), _NONE),
    (7, 7, 48, 20, (1, 3), (1, 1), _RELU),
    (16, 10, 36, 50, (1, 1), (2, 1), _NONE),
)
# Height, width, channels; kernel; stride; activation.
_DEPTHWISE = (
    (25, 5, 64, (3, 3), (1, 1), _RELU),
    (12, 12, 33, (3, 3), (1, 1), _RELU),
    (13, 11, 18, (3, 3), (2, 2), _RELU),
    (7, 9, 40, (3, 3), (1, 1), _RELU),
    (24, 20, 8, (3, 3), (2, 2), _RELU),
    (5, 4, 96, (3, 3), (1, 1), _RELU),
    (16, 15, 12, (3, 3), (1, 2), _RELU),
    (30, 6, 10, (3, 3), (2, 1), _RELU),
    (3, 3, 70, (3, 3), (1, 1), _RELU),
    (14, 10, 21, (5, 5), (1, 1), _NONE),
    (17, 13, 9, (5, 5), (2, 2), _NONE),
    (12, 8, 16, (7, 7), (1, 1), _RELU),
    (20, 9, 15, (3, 5), (1, 1), _NONE),
    (11, 14, 26, (5, 3), (2, 2), _NONE),
    (9, 9, 30, (2, 2), (1, 1), _NONE),
    (10, 12, 20, (4, 4), (2, 2), _NONE),
    (18, 7, 13, (9, 1), (1, 1), _NONE),
    (8, 16, 17, (1, 5), (1, 1), _NONE),
    (10, 10, 48, (3, 3), (1, 1), _RELU),
    (6, 13, 27, (3, 3), (1, 1), _RELU),
    (19, 18, 11, (3, 3), (2, 2), _RELU),
    (23, 7, 19, (3, 3), (2, 2), _RELU),
    (9, 16, 14, (3, 3), (1, 2), _RELU),
    (13, 5, 31, (5, 5), (1, 1), _NONE),
    (15, 22, 6, (5, 5), (1, 2), _NONE),
    (12, 11, 10, (7, 5), (1, 1), _NONE),
    (16, 12, 8, (4, 2), (1, 1), _NONE),
    (11, 15, 13, (2, 4), (2, 2), _NONE),
    (21, 8, 12, (7, 3), (1, 1), _NONE),
    (14, 17, 7, (3, 7), (1, 2), _RELU),
    (26, 14, 5, (6, 6), (1, 1), _NONE),
)
# Inputs, outputs.
_DENSE = ((640, 12), (64, 10), (33, 7), (256, 64), (490, 31), (17, 130), (1000, 3), (75, 40), (128, 128), (5, 5))
# Height, width, channels.
_POOLED = ((25, 5, 64), (8, 8, 33), (7, 9, 18), (4, 4, 130), (12, 11, 7), (1, 1, 40), (16, 15, 3), (5, 6, 96))
_ADDED = ((16, 16, 16), (8, 7, 33), (5, 5, 64), (12, 9, 5))


def measured_layers() -> tuple[Layer, ...]:
    """All of them, each over an input of its own."""
    builders = []
    for height, width, channels, outputs, kernel, stride, activation in _CONVOLUTIONS:
        build = Builder(height, width, channels)
        build.conv("layer", outputs, activation, Pair(*kernel), Pair(*stride))
        builders.append(build)
    for height, width, channels, kernel, stride, activation in _DEPTHWISE:
        build = Builder(height, width, channels)
        build.depthwise("layer", activation, Pair(*kernel), Pair(*stride))
        builders.append(build)
    for inputs, outputs in _DENSE:
        build = Builder(1, 1, inputs)
        build.dense("layer", outputs)
        builders.append(build)
    for shape in _POOLED:
        build = Builder(*shape)
        build.classifier(1)
        builders.append(build)
    for shape in _ADDED:
        build = Builder(*shape)
        build.add("layer", build.last)
        builders.append(build)
    return tuple(build.layers[0] for build in builders)


FEW_BITS = tuple(WeightSpec(bits, grid) for bits in range(1, 8) for grid in Grid if (bits, grid) != (1, Grid.MID_TREAD))


def few_bit_layers(
    kinds: tuple[str, ...] = ("Conv", "Dense"), specs: Sequence[WeightSpec] = FEW_BITS
) -> tuple[tuple[Layer, ...], tuple[WeightPlan, ...]]:
    """Those of these kinds three times, and the dense ones, which are fewer, six times more, with these weights in
    turn."""
    every = tuple(layer for layer in measured_layers() if layer.kind in kinds)
    layers = 3 * every + 6 * tuple(layer for layer in every if layer.kind == "Dense")
    return layers, tuple(WeightPlan(specs[index % len(specs)]) for index in range(len(layers)))


def large_factor_layers() -> tuple[tuple[Layer, ...], tuple[WeightPlan, ...]]:
    """Convolutions of ternary weights, whose factors from sum to output often are 1/2 or more."""
    layers = tuple(layer for layer in measured_layers() if layer.kind == "Conv")
    return layers, (WeightPlan(WeightSpec(2, Grid.MID_TREAD)),) * len(layers)


def together(layers: Sequence[Layer], plans: Sequence[WeightPlan] | None = None) -> Graph:
    """One Graph that runs them all, each on its own: operators in the order of the layers, weights from a seed.

    plans: for each its weights; of 8 bits where not given.
    """
    tensors, operators, inputs, outputs = [], [], [], []
    for index, layer in enumerate(layers):
        single = untrained_graph("single", (layer,), seed=index, plan=plans[index] if plans else WeightPlan())
        names = {tensor.name: f"n{index}_{tensor.name}" for tensor in single.tensors}
        tensors += [replace(tensor, name=names[tensor.name]) for tensor in single.tensors]
        operators += [_renamed(op, names, f"n{index}_{op.name}") for op in single.operators]
        inputs += [names[name] for name in single.inputs]
        outputs += [names[name] for name in single.outputs]
    return check_graph(Graph("layers", tuple(tensors), tuple(operators), tuple(inputs), tuple(outputs)))


def _renamed(op: Operator, names: dict[str, str], name: str) -> Operator:
    changed: dict[str, Any] = {"name": name}
    for field in fields(op):
        value = getattr(op, field.name)
        if field.name != "name" and isinstance(value, str) and value in names:
            changed[field.name] = names[value]
    return replace(op, **changed)
