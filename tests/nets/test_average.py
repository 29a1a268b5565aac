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
    network = nn.BatchNorm1d(3)
    average = WeightAverage(network, 0.0)
    network.train()
    network(torch.arange(12.0).view(4, 3))
    nn.init.constant_(network.weight, 7.0)
    average.update()
    for one, other in zip(network.state_dict().values(), average.network.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_counters_are_copied_and_statistics_averaged() -> None:
    network = nn.BatchNorm1d(1, momentum=1.0)
    average = WeightAverage(network, 0.9)
    network.train()
    network(torch.tensor([[10.0], [30.0]]))
    average.update()
    assert int(average.network.num_batches_tracked) == 1
    assert 0 < float(average.network.running_mean) < float(network.running_mean) == 20.0


def test_a_restart_forgets() -> None:
    network = nn.Linear(2, 2)
    average = WeightAverage(network, 0.99)
    nn.init.zeros_(network.weight)
    average.restart()
    assert average.steps == 0
    assert not average.network.weight.any()
