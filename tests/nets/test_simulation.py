# SPDX-License-Identifier: Apache-2.0
"""The simulation against the reference interpreter, and that what it keeps changes nothing."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.graphs import GraphBuilder, random_inputs
from toolchain.arch import load_arch
from toolchain.arch.untrained import untrained_graph
from toolchain.arch.weights import WeightSpec
from toolchain.bits.weights import rounded_weights, weighted_operators, with_weights
from toolchain.graph.graph import Graph
from toolchain.graph.reference import run_batch
from toolchain.nets.simulation import Simulation


def _graphs() -> dict[str, Graph]:
    net = GraphBuilder("mixed", (1, 9, 7, 2), seed=3)
    net.conv2d(6, (3, 2), stride=(2, 1)).depthwise_conv2d((3, 3), multiplier=2).fully_connected(5)
    residual = load_arch("pless_sweep_wm1.25_5")
    return {"even kernel, multiplier": net.graph(), "residuals": untrained_graph("residual", residual.layers(), seed=2)}


@pytest.mark.parametrize("name", _graphs())
def test_answers_are_the_reference_s_but_for_a_few_steps(name: str) -> None:
    graph = _graphs()[name]
    inputs = random_inputs(graph, 24, seed=1)[graph.inputs[0]]
    labels = np.arange(24) % 5
    losses, right = Simulation(inputs, labels, threads=1).scores(graph)
    (output,) = graph.outputs
    integers = run_batch(graph, {graph.inputs[0]: inputs})[output].reshape(24, -1)
    grid = graph.tensor(output).quantisation
    reals = torch.from_numpy((integers.astype(np.float64) - grid.zero_point) * grid.scale)
    wanted = F.cross_entropy(reals, torch.from_numpy(labels), reduction="none").numpy()
    assert np.abs(losses - wanted).max() <= 8 * grid.scale
    assert (right == (integers.argmax(1) == labels)).mean() >= 0.9


def test_what_is_kept_between_networks_changes_nothing() -> None:
    """In any order: a scan forwards and backwards, the same again, several layers at once."""
    graph = untrained_graph("s", load_arch("ds_cnn_s").layers())
    inputs = random_inputs(graph, 20, seed=4)[graph.inputs[0]]
    labels = np.zeros(20, np.int64)
    operators = weighted_operators(graph)
    names = [op.name for op in operators]
    rounded = {op.name: rounded_weights(graph, op, WeightSpec.of(2)) for op in operators}
    asked = [[], *([name] for name in names[::3]), *([name] for name in names[::-4]), [names[4]], [names[4]], names, []]
    kept = Simulation(inputs, labels, threads=1)
    for changed in asked:
        one = with_weights(graph, {name: rounded[name] for name in changed})
        assert np.array_equal(kept.scores(one)[0], Simulation(inputs, labels, threads=1).scores(one)[0]), changed
