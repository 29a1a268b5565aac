# SPDX-License-Identifier: Apache-2.0
"""Sums at the ends of an int32, with the factors and zero points that leave the least room behind them."""

from dataclasses import replace

import numpy as np
import pytest

from tests.graphs import GraphBuilder, random_inputs
from toolchain.core import known_core
from toolchain.device.host import HostModel
from toolchain.export.c import c_sources
from toolchain.export.c.kernel_table import KERNELS, candidates
from toolchain.graph.graph import Graph
from toolchain.graph.reference import run_batch

ENDS = [2**31 - 1, -(2**31)]


def _with_factor(net: GraphBuilder, factor: float) -> Graph:
    """The net's Graph, its last operator's factor `factor` or next to nothing below it."""
    graph = net.graph(net.last)
    op = graph.operators[-1]
    weights, output = graph.tensor(op.weights), graph.tensor(op.output)  # type: ignore[attr-defined]
    product = graph.tensor(op.input).quantisation.scale * weights.quantisation.scale  # type: ignore[attr-defined]
    scale = np.float32(product / factor)
    if float(scale) * factor <= product:
        scale = np.nextafter(scale, np.float32(np.inf))
    quantisation = replace(output.quantisation, scales=(float(scale),))
    other = replace(output, quantisation=quantisation)
    return replace(graph, tensors=tuple(other if tensor is output else tensor for tensor in graph.tensors))


def _refused(graph: Graph, core: str, kernel: str) -> str | None:
    rows = candidates(graph, graph.operators[-1], known_core(core)).rows
    return next(reason for row, reason in rows if row.name == kernel)


def _check_exact(graph: Graph, core: str, kernel: str) -> None:
    """With that kernel, or where it refuses with another."""
    table = (*(row for row in KERNELS if row.name == kernel), *KERNELS)
    inputs = random_inputs(graph, 3, seed=1)
    found = HostModel(c_sources(graph, known_core(core), table=table)).run(inputs)
    assert np.array_equal(run_batch(graph, inputs)[graph.outputs[0]], found[graph.outputs[0]])


@pytest.mark.parametrize("zero_point", [127, -128])
@pytest.mark.parametrize("kernel", ["sb_conv2d_1x1_s8_dsp", "sb_conv2d_s8_dsp"])
def test_a_convolution_that_halves_the_largest_sums(kernel: str, zero_point: int) -> None:
    net = GraphBuilder(shape=(1, 2, 2, 5))
    net.conv2d(2, weights=np.zeros(10, int), bias=ENDS, per_channel=False, zero_point=zero_point)
    halved, quartered = _with_factor(net, 0.5), _with_factor(net, 0.25)
    assert "2^31" in (_refused(halved, "cortex-m4", kernel) or "")
    assert _refused(quartered, "cortex-m4", kernel) is None
    for graph in (halved, quartered):
        _check_exact(graph, "cortex-m4", kernel)


@pytest.mark.parametrize("zero_point", [127, -128])
@pytest.mark.parametrize("bias", [ENDS, [2**30 - 1, 1 - 2**30]])
def test_a_fully_connected_layer_that_shifts_large_sums_furthest(bias: list[int], zero_point: int) -> None:
    kernel = "sb_fully_connected_s8_mve"
    net = GraphBuilder(shape=(1, 20))
    net.fully_connected(2, weights=np.zeros(40, int), bias=bias, per_channel=False, zero_point=zero_point)
    graph = _with_factor(net, 2.0**-23)
    assert _refused(graph, "cortex-m55", kernel) is None
    _check_exact(graph, "cortex-m55", kernel)
