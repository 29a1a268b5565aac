# SPDX-License-Identifier: Apache-2.0
"""A Graph in bands gives the bytes of the Graph as it was: every operator, window and height, kept rows or new ones."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.graphs import GraphBuilder, random_graph, random_inputs
from toolchain.core import known_core
from toolchain.device.host import HostModel
from toolchain.errors import ModelError
from toolchain.export.c import c_sources
from toolchain.graph.bands import Banded, Halo, Stage, in_bands
from toolchain.graph.bands.stage import why_not
from toolchain.graph.cost import graph_cost
from toolchain.graph.graph import Graph
from toolchain.graph.ops import Conv2D, JoinRows, TakeRows
from toolchain.graph.reference import run_batch


def _stages(graph: Graph, band_rows: int) -> Iterator[Stage]:
    """All that can be."""
    for first in range(len(graph.operators)):
        for end in range(first + 1, len(graph.operators) + 1):
            for halo in Halo:
                stage = Stage(first, end, band_rows, halo)
                if why_not(graph, stage) is None:
                    yield stage


def _assert_same(graph: Graph, banded: Banded) -> None:
    inputs = random_inputs(graph, 3)
    expected, found = run_batch(graph, inputs), run_batch(banded.graph, inputs)
    for name in graph.outputs:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=f"{graph.name} {banded.stages}")


@pytest.mark.parametrize("seed", range(24))
def test_every_stage_of_a_random_graph(seed: int) -> None:
    graph = random_graph(seed)
    for stage in _stages(graph, band_rows=1 + seed % 4):
        banded = in_bands(graph, [stage])
        _assert_same(graph, banded)
        assert set(banded.origins) == {op.name for op in banded.graph.operators}
        assert set(banded.origins.values()) <= {op.name for op in graph.operators}
        if stage.halo is Halo.KEEP:
            assert graph_cost(banded.graph).macs <= graph_cost(graph).macs


def _net(shape: tuple[int, ...] = (1, 13, 5, 3), seed: int = 3) -> GraphBuilder:
    return GraphBuilder("net", shape, scale=0.05, zero_point=9, seed=seed)


WINDOWS: dict[str, dict[str, Any]] = {
    "same": {},
    "valid": {"padding": "valid"},
    "border above": {"padding": (2, 0, 1, 1)},
    "border below": {"padding": (0, 2, 0, 2)},
    "stride": {"stride": (2, 2)},
    "stride without border": {"stride": (2, 1), "padding": "valid"},
    "gaps between windows": {"kernel": (2, 2), "stride": (3, 3), "padding": "valid"},
    "rows that nothing reads": {"kernel": (1, 1), "stride": (4, 1), "padding": "valid"},
    "dilation": {"dilation": (2, 1)},
    "dilation and stride": {"dilation": (3, 2), "stride": (2, 1), "padding": "valid"},
    "tall": {"kernel": (7, 3)},
    "as tall as the image": {"kernel": (13, 1), "padding": (6, 6, 0, 0)},
    "flat": {"kernel": (1, 3)},
}


@pytest.mark.parametrize("halo", Halo)
@pytest.mark.parametrize("band_rows", [1, 2, 5])
@pytest.mark.parametrize("window", WINDOWS)
def test_every_window_between_two_layers(window: str, band_rows: int, halo: Halo) -> None:
    options = dict(WINDOWS[window])
    kernel = options.pop("kernel", (3, 3))
    net = _net().conv2d(4, (3, 3)).conv2d(5, kernel, **options).requantise(scale=0.06)
    if "dilation" not in options:
        net.max_pool2d((1, 1))
    _assert_same(net.graph(), in_bands(net.graph(), [Stage(0, len(net.graph().operators), band_rows, halo)]))
    net = _net().requantise(scale=0.06, zero_point=-3).depthwise_conv2d(kernel, multiplier=2, **options).conv2d(4)
    _assert_same(net.graph(), in_bands(net.graph(), [Stage(0, 3, band_rows, halo)]))


@pytest.mark.parametrize("halo", Halo)
@pytest.mark.parametrize("band_rows", [1, 3, 13, 99])
def test_pools_borders_joins_and_sums(band_rows: int, halo: Halo) -> None:
    net = _net().average_pool2d((3, 2), stride=(1, 1), padding="same")
    pooled = net.last
    net.max_pool2d((3, 3), stride=(1, 1), padding=(2, 0, 1, 1)).pad((0, 0, 1, 0)).conv2d(
        3, (2, 2), padding=(1, 0, 0, 0)
    )
    net.add(pooled, scale=0.1, activation=(-100, 90)).concatenation(net.last)
    graph = net.graph()
    _assert_same(graph, in_bands(graph, [Stage(0, len(graph.operators), band_rows, halo)]))


def _residual() -> Graph:
    net = _net((1, 12, 6, 4)).conv2d(4, (3, 3))
    before = net.last
    net.conv2d(4, (3, 3)).conv2d(4, (3, 3)).add(before, scale=0.07)
    return net.conv2d(6, (3, 3), stride=(2, 2)).average_pool2d((6, 3)).graph()


def test_a_residual_block_keeps_its_rows_and_its_multiplications() -> None:
    graph = _residual()
    banded = in_bands(graph, [Stage(0, 5, 1)])
    _assert_same(graph, banded)
    assert graph_cost(banded.graph).macs == graph_cost(graph).macs
    rows = max(banded.graph.tensor(op.writes[0]).shape[1] for op in banded.graph.operators[:-2])
    assert rows <= 6 < 12  # of what is joined again at the end


def test_recomputed_rows_are_counted() -> None:
    graph = _net((1, 12, 6, 4)).conv2d(4, (3, 3)).conv2d(4, (3, 3)).graph()
    a_row = 6 * 4 * 4 * 9
    whole = graph_cost(graph).macs
    assert whole == 24 * a_row
    extra = graph_cost(in_bands(graph, [Stage(0, 2, 3, Halo.RECOMPUTE)]).graph).macs - whole
    assert extra == 3 * 2 * a_row  # two rows of the first layer at each of three seams
    assert graph_cost(in_bands(graph, [Stage(0, 2, 3)]).graph).macs == whole


def test_results_that_are_needed_elsewhere_are_whole() -> None:
    net = _net((1, 9, 5, 3)).conv2d(3, (3, 3))
    first = net.last
    net.conv2d(4, (3, 3), stride=(2, 1))
    graph = net.graph(first, net.last)
    banded = in_bands(graph, [Stage(0, 2, 2)])
    _assert_same(graph, banded)
    assert graph_cost(banded.graph).macs == graph_cost(graph).macs
    with pytest.raises(ModelError, match="several of its results are needed behind it"):
        in_bands(graph, [Stage(0, 2, 2, Halo.RECOMPUTE)])


def test_two_stages_and_what_stands_between() -> None:
    graph = _residual()
    banded = in_bands(graph, [Stage(4, 5, 2), Stage(1, 3, 4, Halo.RECOMPUTE)])
    _assert_same(graph, banded)
    assert [stage.first for stage in banded.stages] == [1, 4]
    with pytest.raises(ModelError, match="operator 2 is to be in bands twice"):
        in_bands(graph, [Stage(1, 3, 4), Stage(2, 4, 1)])


def test_names_say_which_rows() -> None:
    graph = _net((1, 6, 5, 3)).conv2d(3, (3, 3)).conv2d(2).graph()
    banded = in_bands(graph, [Stage(0, 2, 3)])
    bands = [op.name for op in banded.graph.operators if isinstance(op, Conv2D)]
    assert bands == ["conv2d_0.rows_0_3", "conv2d_1.rows_0_3", "conv2d_0.rows_3_6", "conv2d_1.rows_3_6"]
    assert banded.origins["conv2d_1.rows_3_6"] == "conv2d_1"


def test_names_that_are_taken_get_a_number() -> None:
    graph = _net((1, 6, 5, 3)).conv2d(3, (3, 3)).conv2d(2).graph()
    first = replace(graph.operators[0], name="conv2d_1.rows_0_3")
    graph = replace(graph, operators=(first, graph.operators[1]))
    assert "conv2d_1.rows_0_3_2" in in_bands(graph, [Stage(1, 2, 3)]).origins


def test_one_band_of_one_layer_is_the_layer() -> None:
    graph = _net().conv2d(3, (3, 3)).graph()
    banded = in_bands(graph, [Stage(0, 1, 99)])
    assert not any(isinstance(op, JoinRows | TakeRows) for op in banded.graph.operators)
    assert replace(banded.graph.operators[0], name="conv2d_0") == graph.operators[0]


@pytest.mark.parametrize(
    ("net", "stage", "reason"),
    [
        (_net().reshape((1, 195)), Stage(0, 1, 1), "reshape_0: Reshape takes an image as a whole"),
        (_net().mean(), Stage(0, 1, 1), "Mean takes an image as a whole"),
        (_net().reshape((1, 195)).requantise(scale=0.1), Stage(1, 2, 1), "its tensors are no images"),
        (_net().conv2d(2, (2, 2), padding=(2, 0, 0, 0)), Stage(0, 1, 1), "its border is wider than its window"),
        (_net().conv2d(2, (2, 2), padding=(0, 3, 0, 0)), Stage(0, 1, 1), "its border is wider than its window"),
        (_net().pad((0, 1, 0, 0)), Stage(0, 1, 1), "its border is wider than its window"),
        (_net().conv2d(2), Stage(0, 1, 0), r"operators 0\.\.0 in bands of 0 rows are no stage"),
        (_net().conv2d(2), Stage(0, 2, 1), r"operators 0\.\.1 in bands of 1 rows are no stage"),
        (_net().conv2d(2), Stage(-1, 1, 1), "are no stage"),
    ],
)
def test_what_cannot_be_cut_is_refused(net: GraphBuilder, stage: Stage, reason: str) -> None:
    with pytest.raises(ModelError, match=f"graph net: no execution in bands: .*{reason}"):
        in_bands(net.graph(), [stage])


def test_a_constant_image_and_a_result_that_nothing_needs_are_refused() -> None:
    net = _net((1, 4, 3, 2))
    net.conv2d(2)
    unused = net.checkpoint()
    net.back_to("input").requantise(scale=0.1)
    graph = net.graph()
    with pytest.raises(ModelError, match="conv2d_0: nothing needs its result"):
        in_bands(graph, [Stage(0, 1, 1)])
    data = np.zeros((1, 4, 3, 2), np.int8)
    tensors = tuple(replace(t, data=data) if t.name == "input" else t for t in graph.tensors)
    constant = replace(graph, tensors=tensors, inputs=(unused,))
    with pytest.raises(ModelError, match="requantise_1: it reads a constant image"):
        in_bands(constant, [Stage(1, 2, 1)])


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4"])
def test_the_c_code_gives_the_same_bytes(core: str) -> None:
    graphs = [_residual(), *(random_graph(seed) for seed in range(6))]
    tried = 0
    for index, graph in enumerate(graphs):
        stages = list(_stages(graph, band_rows=1 + index % 3))
        for stage in [max(stages, key=lambda s: s.end - s.first), stages[-1]] if stages else []:
            banded = in_bands(graph, [stage])
            inputs = random_inputs(graph, 4)
            expected, found = run_batch(graph, inputs), HostModel(c_sources(banded.graph, known_core(core))).run(inputs)
            for name in graph.outputs:
                np.testing.assert_array_equal(found[name], expected[name])
            tried += 1
    assert tried >= 8


def test_the_bands_share_their_constants() -> None:
    graph = _residual()
    whole, banded = (c_sources(g, known_core("cortex-m4")) for g in (graph, in_bands(graph, [Stage(0, 5, 1)]).graph))
    bytes_of = [sum(c.n_bytes for c in model.constants if c.role != "layer") for model in (whole, banded)]
    assert bytes_of[0] == bytes_of[1] > 0
    n_structs = [sum(c.role == "layer" for c in model.constants) for model in (whole, banded)]
    assert n_structs[1] <= 4 * n_structs[0]  # one for each border, and one for all bands in between
