# SPDX-License-Identifier: Apache-2.0
"""Prices and links: the generator's own figures, and a firmware within its budget."""

from dataclasses import replace

import numpy as np
import pytest

from tests.graphs import GraphBuilder
from toolchain.arch.weights import WeightSpec
from toolchain.bits.firmware import RoundedModels, Target
from toolchain.bits.prices import layer_prices
from toolchain.bits.search import Problem, flash_bytes, search_bits, search_sized, uniform
from toolchain.bits.trials import Allocation, Assignment, ClipScores, Subject, Trials
from toolchain.boards import load_board
from toolchain.core import known_core
from toolchain.errors import ModelError
from toolchain.export.c import Aims, Optimise
from toolchain.graph.graph import Graph

SPECS = tuple(WeightSpec.of(bits) for bits in (1, 2, 4, 8))


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Most of its flash is weights."""
    net = GraphBuilder("heavy", (1, 8, 6, 16), seed=9)
    return net.conv2d(64, (1, 1)).conv2d(48, (3, 3), stride=(2, 2)).fully_connected(12).graph()


def _problem(models: RoundedModels) -> Problem:
    """Losses such as a network has, four times less for each bit."""
    layers = models.trained

    def judge(assignment: Assignment) -> ClipScores:
        worth = enumerate(layers, 1)
        loss = sum(index * 4.0 ** -assignment[name].bits for index, name in worth if name in assignment)
        return ClipScores(np.full(4, loss), np.ones(4, bool))

    options = dict.fromkeys(layers, SPECS)
    prices = layer_prices(options, models.at, models.generated, lambda done, total: None)
    subject = Subject(models.graph.sha256, "none", "validation", 4, layers)
    return Problem(options, prices, Trials(subject, judge))


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m55"])
def test_prices_add_up_to_what_is_generated(graph: Graph, core: str) -> None:
    """Of a network at one width: every layer's price, the code of their kernels once, and the rest."""
    models = RoundedModels(graph, Target(known_core(core), aims=Aims(Optimise.SIZE)))
    problem = _problem(models)
    for spec in SPECS:
        assert flash_bytes(problem, uniform(problem, spec)) == models.share(uniform(problem, spec))


def test_fewer_bits_take_fewer_bytes(graph: Graph) -> None:
    models = RoundedModels(graph, Target(known_core("cortex-m4"), aims=Aims(Optimise.SIZE)))
    sizes = [models.size(dict.fromkeys(models.trained, spec)) for spec in SPECS]
    assert sizes == sorted(sizes) and sizes[0] < 0.5 * sizes[-1]


@pytest.mark.arm
def test_the_firmware_that_is_found_is_linked_within_its_budget(graph: Graph) -> None:
    models = RoundedModels(graph, Target(known_core("cortex-m4"), load_board("mps2-an386"), aims=Aims(Optimise.SIZE)))
    whole = models.size({})
    problem = _problem(models).costing(whole - models.share({}))
    sized: dict[Allocation, int] = {}
    budget = whole - 12_000
    found = search_sized(problem, budget, lambda one: search_bits(one, budget, rounds=0), models.size, sized)
    size = sized[tuple(found.best.specs.items())]
    assert size <= budget and size == models.size(found.best.specs)
    two = problem.trials.of(uniform(problem, SPECS[1]))
    assert found.best.trial.loss_increase < two.loss_increase, "twelve kilobytes less leave room for more than two bits"
    assert min(spec.bits for spec in found.best.specs.values()) < 8


def test_a_network_that_overflows_its_board_as_trained_has_a_size(graph: Graph) -> None:
    """Fewer bits are asked for because of that; the size tells a search by how much to go down."""
    board, n_bytes = load_board("mps2-an386"), 32 * 1024
    flash = replace(board.layout.constants, n_bytes=n_bytes)
    small = replace(
        board,
        layout=replace(board.layout, code=flash, constants=flash),
        limits=replace(board.limits, flash_bytes=n_bytes),
    )
    models = RoundedModels(graph, Target(known_core("cortex-m4"), small, aims=Aims(Optimise.SIZE)))
    assert models.size({}) > n_bytes


def test_a_network_without_weights_has_no_bits_to_choose() -> None:
    through = GraphBuilder("through", (1, 3, 4, 1)).graph()
    with pytest.raises(ModelError, match="through: has no layer with weights"):
        RoundedModels(through, Target(known_core("cortex-m4")))
