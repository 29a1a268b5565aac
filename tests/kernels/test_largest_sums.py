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
from toolchain.graph.tensor import Grid

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


def _rows(size: int, largest: int) -> np.ndarray:
    """Three rows: the largest weights, their negatives, and both in turn."""
    in_turn = np.where(np.arange(size) % 2, largest, -largest)
    return np.array([np.full(size, largest), np.full(size, -largest), in_turn])


def _of_few_bits(weights: np.ndarray, bits: int, grid: Grid, channels: int = 3) -> Graph:
    net = GraphBuilder(shape=(1, 3, 3, weights.shape[1]), scale=0.05, zero_point=7)
    rows = np.resize(weights, (channels, weights.shape[1]))
    net.conv2d(channels, weights=rows, bits=bits, grid=grid, per_channel=False, zero_point=-128)
    return net.graph()


@pytest.mark.parametrize("kernel", ["sb_conv2d_1x1_planes_relu_s8_dsp", "sb_conv2d_1x1_planes_s8_dsp"])
@pytest.mark.parametrize(
    ("bits", "grid", "most"), [(1, Grid.MID_RISE, 255), (2, Grid.MID_RISE, 85), (2, Grid.MID_TREAD, 127)]
)
def test_sums_of_signs_fill_their_16_bits(kernel: str, bits: int, grid: Grid, most: int) -> None:
    largest = (1 << bits) - 1 if grid is Grid.MID_RISE else 1
    for inputs, taken in ((most, True), (most + 1, False)):
        graph = _of_few_bits(_rows(inputs, largest), bits, grid)
        reason = _refused(graph, "cortex-m4", kernel)
        assert (reason is None) == taken and (taken or "16 bits" in str(reason))
        _check_exact(graph, "cortex-m4", kernel)


def test_256_signs_fit_where_one_is_a_plus() -> None:
    weights = np.full((3, 256), -1)
    weights[:, 77] = 1
    graph = _of_few_bits(weights, 1, Grid.MID_RISE)
    assert _refused(graph, "cortex-m4", "sb_conv2d_1x1_planes_s8_dsp") is None
    _check_exact(graph, "cortex-m4", "sb_conv2d_1x1_planes_s8_dsp")


@pytest.mark.parametrize("kernel", ["sb_conv2d_1x1_triple_relu_s8_dsp", "sb_conv2d_1x1_triple_s8_dsp"])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_sums_of_three_channels_stay_apart(kernel: str, order: tuple[int, int, int]) -> None:
    """131 weights of 31 reach 519,808, one more 523,776: past 2^19 - 2^10."""
    for inputs, taken in ((131, True), (132, False)):
        weights = _rows(inputs, 31)[list(order)]
        graph = _of_few_bits(weights, 6, Grid.MID_TREAD)
        reason = _refused(graph, "cortex-m4", kernel)
        biased = "relu" not in kernel  # the bias counts as well
        assert (taken and (biased or reason is None)) or "beyond 523264" in str(reason)
        _check_exact(graph, "cortex-m4", kernel)


@pytest.mark.parametrize(("bits", "grid"), [(4, Grid.MID_RISE), (6, Grid.MID_TREAD)])
def test_sums_of_whole_bytes_fit_32_bits(bits: int, grid: Grid) -> None:
    """65,536 bytes of two fields 15 with inputs of 255 are 4,261,478,400: below 2^32, one step more is not taken."""
    kernel, largest = "sb_fully_connected_fields_s8_mve", (1 << bits) - 1 if grid is Grid.MID_RISE else 31
    for inputs, taken in ((1 << 16, True), ((1 << 16) + 1, False)):
        net = GraphBuilder(shape=(1, inputs), scale=0.05, zero_point=7)
        weights = _rows(inputs, largest)
        net.fully_connected(3, weights=weights, bits=bits, grid=grid, per_channel=False, zero_point=-128)
        graph = net.graph()
        assert (_refused(graph, "cortex-m55", kernel) is None) == taken
        _check_exact(graph, "cortex-m55", kernel)


def test_weights_whose_bytes_have_no_room_for_a_digit_below_are_refused() -> None:
    kernel = "sb_fully_connected_fields_s8_mve"
    for least, taken in ((-31, True), (-32, False)):
        net = GraphBuilder(shape=(1, 40))
        net.fully_connected(3, weights=np.full((3, 40), least), bits=6, grid=Grid.MID_TREAD)
        graph = net.graph()
        assert (_refused(graph, "cortex-m55", kernel) is None) == taken
        _check_exact(graph, "cortex-m55", kernel)


@pytest.mark.parametrize(
    ("kernel", "bits", "grid"),
    [
        ("joined", 1, Grid.MID_RISE),
        ("joined", 2, Grid.MID_RISE),
        ("joined", 2, Grid.MID_TREAD),
        ("nibbles", 3, Grid.MID_TREAD),
        ("nibbles", 4, Grid.MID_RISE),
        ("nibbles", 4, Grid.MID_TREAD),
        ("fives", 5, Grid.MID_RISE),
        ("fives", 5, Grid.MID_TREAD),
    ],
)
def test_sums_of_joined_outputs_stay_apart_in_chunks(kernel: str, bits: int, grid: Grid) -> None:
    """Each output of a word beside each other one, all with the largest sums, over several chunks."""
    largest = (1 << bits) - 1 if grid is Grid.MID_RISE else (1 << bits - 1) - 1
    weights = np.resize(_rows(1100, largest), (25, 1100))
    net = GraphBuilder(shape=(1, 1100), scale=0.05, zero_point=7)
    net.fully_connected(25, weights=weights, bits=bits, grid=grid, per_channel=False, zero_point=-128)
    name = f"sb_fully_connected_{kernel}_s8_dsp"
    assert _refused(net.graph(), "cortex-m4", name) is None
    _check_exact(net.graph(), "cortex-m4", name)


@pytest.mark.parametrize("grid", list(Grid))
@pytest.mark.parametrize("bits", [3, 5, 6])
def test_sums_of_whole_fields_stay_apart_in_blocks(bits: int, grid: Grid) -> None:
    """Both outputs of a word with the largest sums, over whole blocks and a last one that is not."""
    largest = (1 << bits) - 1 if grid is Grid.MID_RISE else (1 << bits - 1) - 1
    net = GraphBuilder(shape=(1, 137), scale=0.05, zero_point=7)
    net.fully_connected(9, weights=np.resize(_rows(137, largest), (9, 137)), bits=bits, grid=grid, per_channel=False)
    kernel = "sb_fully_connected_whole_fields_s8_scalar"
    assert _refused(net.graph(), "cortex-m3", kernel) is None
    _check_exact(net.graph(), "cortex-m3", kernel)


@pytest.mark.parametrize("kernel", ["sb_conv2d_1x1_nibbles_relu_s8_dsp", "sb_conv2d_1x1_nibbles_s8_dsp"])
@pytest.mark.parametrize(("bits", "grid", "most"), [(4, Grid.MID_TREAD, 585), (4, Grid.MID_RISE, 511)])
def test_sums_of_four_channels_stay_apart(kernel: str, bits: int, grid: Grid, most: int) -> None:
    """585 weights of 7 reach 524,160, one more 525,056: past 2^19; of mid-rise ones the halves, -8, count."""
    largest = (1 << bits) - 1 if grid is Grid.MID_RISE else (1 << bits - 1) - 1
    for inputs, taken in ((most, True), (most + 1, False)):
        graph = _of_few_bits(_rows(inputs, largest), bits, grid, channels=7)
        reason = _refused(graph, "cortex-m4", kernel)
        assert (taken and reason is None) or "can reach 524288" in str(reason) or "no straight line" in str(reason)
        _check_exact(graph, "cortex-m4", kernel)


@pytest.mark.parametrize(("grid", "most", "past"), [(Grid.MID_TREAD, 545, 546), (Grid.MID_RISE, 255, 512)])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_sums_of_fives_stay_apart(order: tuple[int, int, int], grid: Grid, most: int, past: int) -> None:
    """545 weights of 15 reach 1,046,400, one more 1,048,320: past 2^20 - 2^10; of mid-rise ones the halves, -16.

    Sums of more than 255 of those have no lines."""
    kernel = "sb_conv2d_1x1_fives_relu_s8_dsp"
    for inputs, taken in ((most, True), (past, False)):
        weights = _rows(inputs, 31 if grid is Grid.MID_RISE else 15)[list(order)]
        graph = _of_few_bits(weights, 5, grid, channels=8)
        reason = _refused(graph, "cortex-m4", kernel)
        assert reason is None if taken else "beyond 1047552" in str(reason)
        _check_exact(graph, "cortex-m4", kernel)
