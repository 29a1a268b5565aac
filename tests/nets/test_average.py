# SPDX-License-Identifier: Apache-2.0
"""WeightAverage against its definition."""

import torch
from torch import nn

from toolchain.nets.average import WeightAverage


def test_the_average_is_the_recursion_of_its_definition() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 1.0)
    average = WeightAverage(network, 0.5)
    expected = 1.0
    for n in range(1, 21):
        nn.init.constant_(network.weight, float(n))
        average.update()
        kept = min(0.5, (1 + n) / (10 + n))
        expected = kept * expected + (1 - kept) * n
    assert abs(float(average.network.weight.detach()) - expected) < 1e-5


def test_without_averaging_the_weights_are_the_source_s() -> None:
    network = nn.Linear(3, 2)
    average = WeightAverage(network, 0.0)
    nn.init.constant_(network.weight, 7.0)
    average.update()
    assert torch.equal(average.network.weight, network.weight)


def test_settling_measures_the_statistics_of_the_averaged_weights() -> None:
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    nn.init.constant_(network[0].weight, 1.0)
    average = WeightAverage(network, 0.5)
    nn.init.constant_(network[0].weight, 3.0)
    average.update()
    weight = float(average.network[0].weight.detach())
    assert 1.0 < weight < 3.0
    inputs = [torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [6.0]])]
    average.settle(iter(inputs))
    assert abs(float(average.network[1].running_mean) - weight * 3.0) < 1e-5
    assert not average.network[1].running_mean.equal(network[1].running_mean)


def test_a_restart_forgets() -> None:
    network = nn.Linear(2, 2)
    average = WeightAverage(network, 0.99)
    nn.init.zeros_(network.weight)
    average.restart()
    assert average.steps == 0
    assert not average.network.weight.any()
