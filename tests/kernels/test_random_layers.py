# SPDX-License-Identifier: Apache-2.0
"""Random layers whose weights, biases, factors and clamps are often extreme, each with one of the kernels that take it.

cases.py holds what somebody thought of; here the oddities meet each other. One Graph is many layers side by side, so
that kernels are compiled once; it runs under the sanitizers with each buffer in an array of its own.
"""

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.graphs import GraphBuilder, Pads, float32, random_inputs
from tests.kernels.guarded import guarded
from toolchain.core import known_core
from toolchain.device.host import HostModel
from toolchain.export.c import c_sources
from toolchain.export.c.kernel import never_in_place
from toolchain.export.c.kernel_table import KERNELS
from toolchain.graph.graph import Graph
from toolchain.graph.reference import run_batch
from toolchain.graph.tensor import Grid

LAYERS = 40
# Sums up to which one form or another is exact.
_LIMITS = (1 << 23, 1 << 29, 1 << 30, 1 << 31)

Draw = Callable[[int, int], int]


def _weights(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.int64]:
    kinds = (
        lambda: np.full(shape, -128),
        lambda: np.full(shape, 127),
        lambda: rng.choice([-128, 127], shape),
        lambda: np.where(rng.random(shape) < 0.1, rng.integers(-128, 128, shape), 0),
        lambda: rng.integers(-128, 128, shape),
        lambda: rng.integers(-127, 128, shape),
    )
    return np.asarray(kinds[int(rng.integers(len(kinds)))](), np.int64)


# Bits and grids of weights that some kernels keep apart from those of 8 bits.
_FEW_BITS = (
    *((bits, Grid.MID_RISE) for bits in (1, 2, 3, 5, 6)),
    *((bits, Grid.MID_TREAD) for bits in (2, 3, 4, 5, 6)),
)


def _any_weights(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[NDArray[np.int64], dict[str, object]]:
    """Weights of 8 bits, or every second time of fewer, and what to tell GraphBuilder about them."""
    if rng.random() < 0.5:
        return _weights(rng, shape), {}
    bits, grid = _FEW_BITS[int(rng.integers(len(_FEW_BITS)))]
    levels = np.arange(1 - (1 << bits), 1 << bits, 2)
    if grid is Grid.MID_TREAD:
        levels = np.arange(1 - (1 << bits - 1), 1 << bits - 1)
    few = levels[[0, -1]] if rng.random() < 0.3 else levels
    return np.asarray(rng.choice(few, shape), np.int64), {"bits": bits, "grid": grid}


def _bias(rng: np.random.Generator, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """rows: weights [C, K]. About what the products sum up to, or so much that sums come to a limit, or past it."""
    reach = 64 * np.abs(rows).sum(axis=1)
    limit = _LIMITS[int(rng.integers(len(_LIMITS)))] - 4 * reach + rng.integers(-2, 3, len(rows))
    extreme = rng.choice([-1, 1], len(rows)) * limit
    return np.clip(extreme if rng.random() < 0.5 else rng.integers(-reach, reach + 1), -(2**31), 2**31 - 1)


def _factors(net: GraphBuilder, rng: np.random.Generator) -> None:
    """Gives the channels of the last layer factors from 2 down to 2^-33, mantissas next to their ends among them."""
    op = net._operators[-1]
    weights, before = net._tensors[op.reads[1]], net._tensors[op.reads[0]].quantisation.scale
    channels = len(weights.quantisation.scales)
    steepest = int(rng.integers(-1, 6))
    mantissas = rng.choice([0.5, 0.50000006, 0.75, rng.uniform(0.5, 1), 0.99999994], channels)
    factors = mantissas * 2.0 ** -rng.integers(steepest, steepest + int(rng.choice([3, 8, 28])), channels)
    scales = tuple(float32(factor * net._tensors[op.writes[0]].quantisation.scale / before) for factor in factors)
    net._tensors[weights.name] = replace(weights, quantisation=replace(weights.quantisation, scales=scales))


def _clamped(draw: Draw) -> dict[str, object]:
    zero_point = draw(-128, 127)
    low, high = draw(-128, 127), draw(-128, 127)
    clamps = ((zero_point, 127), (-128, 127), (min(low, high), max(low, high)))
    return {"zero_point": zero_point, "activation": clamps[draw(0, 2)]}


def _append_layer(net: GraphBuilder, rng: np.random.Generator, draw: Draw) -> None:
    _, height, width, channels = net.shape
    kernel = ((3, 3), (draw(1, 4), draw(1, 6)))[draw(0, 1)]
    stride = ((1, 1), (2, 2), (draw(1, 3), draw(1, 3)))[draw(0, 2)]
    fits = kernel[0] <= height and kernel[1] <= width
    around = tuple(draw(0, size - 1) for size in (kernel[0], kernel[0], kernel[1], kernel[1]))
    padding: Pads = around if fits and draw(0, 1) else "same"
    more = {"stride": stride, "padding": padding}
    match draw(0, 6):
        case 0:
            weights, storage = _any_weights(rng, (draw(1, 20), channels))
            net.conv2d(len(weights), weights=weights, bias=_bias(rng, weights), **storage, **_clamped(draw))
            _factors(net, rng)
        case 1:
            weights, storage = _any_weights(rng, (draw(1, 9), *kernel, channels))
            bias = _bias(rng, weights.reshape(len(weights), -1))
            net.conv2d(len(weights), kernel, weights=weights, bias=bias, **storage, **more, **_clamped(draw))
            _factors(net, rng)
        case 2 | 3:
            multiplier = draw(1, 3) if channels < 8 else 1
            weights, storage = _any_weights(rng, (*kernel, channels * multiplier))
            more |= {"multiplier": multiplier, "bias": _bias(rng, weights.reshape(-1, channels * multiplier).T)}
            net.depthwise_conv2d(kernel, weights=weights, **storage, **more, **_clamped(draw))
            _factors(net, rng)
        case 4:
            weights, storage = _any_weights(rng, (draw(1, 9), int(np.prod(net.shape))))
            net.fully_connected(len(weights), weights=weights, bias=_bias(rng, weights), **storage, **_clamped(draw))
            _factors(net, rng)
        case 5:
            (net.average_pool2d if draw(0, 1) else net.max_pool2d)(kernel, **more)
        case 6:
            scale = float(2.0 ** rng.uniform(-12, 4))
            net.requantise(scale=scale, **_clamped(draw)) if draw(0, 1) else net.mean(scale=scale, zero_point=-128)


def _random_layers(seed: int) -> Graph:
    rng = np.random.default_rng(seed)

    def draw(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    net = GraphBuilder(f"layers_{seed}", (1, 1, 1, 1), seed=seed)
    outputs = []
    for index in range(LAYERS):
        sizes = ((draw(1, 7), draw(1, 9)), (1, draw(1, 20)), (draw(1, 20), 1))[draw(0, 2)]
        shape = (1, *sizes, draw(1, 40) if draw(0, 1) else draw(1, 6))
        net.input(f"input_{index + 1}", shape, scale=0.05, zero_point=draw(-128, 127))
        _append_layer(net, rng, draw)
        outputs.append(net.last)
    return net.graph(*outputs)


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m55"])
def test_random_layers_equal_the_reference(core: str) -> None:
    graph = _random_layers(len(core))
    draw = random.Random(core).random
    # What takes any layer comes last, else nothing else would be met.
    order = sorted(KERNELS, key=lambda kernel: (kernel.function.endswith("_s8"), draw()))
    table = [replace(kernel, overwrites=never_in_place) for kernel in order]
    model = guarded(c_sources(graph, known_core(core), table=tuple(table)))
    inputs = random_inputs(graph, 5, seed=2)
    expected, found = run_batch(graph, inputs), HostModel(model, sanitize=True).run(inputs)
    different = {layer.name: layer.kernel for layer in model.layers if not _same(graph, layer.name, expected, found)}
    assert different == {}


def _same(graph: Graph, name: str, expected: dict[str, NDArray[np.int8]], found: dict[str, NDArray[np.int8]]) -> bool:
    output = next(op.writes[0] for op in graph.operators if op.name == name)
    return np.array_equal(expected[output], found[output])
