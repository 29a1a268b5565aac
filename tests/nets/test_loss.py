# SPDX-License-Identifier: Apache-2.0
"""The parts of the loss, each against its formula."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.nets.networks import lived_in, measured, random_features, tiny_ds_cnn
from toolchain.arch.weights import WeightPlan, WeightSpec
from toolchain.nets.loss import TEMPERATURE, Loss


class _Says(nn.Module):
    """A network that always gives the same logits [n, classes]."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.register_buffer("logits", logits)

    def forward(self, features: Tensor) -> Tensor:
        return self.get_buffer("logits")


LOGITS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
OTHER = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(6) % 4
FEATURES = torch.zeros(6, 1, 2, 2)


def test_without_a_teacher_it_is_the_cross_entropy_of_the_label() -> None:
    found = Loss(label_smoothing=0.1)(_Says(LOGITS), FEATURES, LOGITS, LABELS)
    assert torch.equal(found, F.cross_entropy(LOGITS, LABELS, label_smoothing=0.1))


def test_a_teacher_of_the_same_opinion_asks_for_nothing() -> None:
    logits = LOGITS.clone().requires_grad_()
    Loss(teacher=_Says(LOGITS), share=1.0)(_Says(LOGITS), FEATURES, logits, LABELS).backward()
    assert logits.grad is not None and float(logits.grad.abs().max()) < 1e-6


def test_share_of_the_teacher_is_the_divergence_of_softened_opinions() -> None:
    found = Loss(teacher=_Says(OTHER), share=0.3)(_Says(LOGITS), FEATURES, LOGITS, LABELS)
    wanted, own = F.softmax(OTHER / TEMPERATURE, 1), F.softmax(LOGITS / TEMPERATURE, 1)
    divergence = (wanted * (wanted / own).log()).sum(1).mean()
    expected = 0.7 * F.cross_entropy(LOGITS, LABELS) + 0.3 * TEMPERATURE**2 * divergence
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


def test_distance_from_the_grid_counts_and_pulls_weights_towards_it() -> None:
    network = measured(lived_in(tiny_ds_cnn()), WeightPlan(WeightSpec.of(4)))
    features = random_features(network.arch, 4)
    logits, labels = network(features).detach(), torch.arange(4)
    with torch.no_grad():
        plain = Loss()(network, features, logits, labels)
        found = Loss(absolute_cosine=2.0)(network, features, logits, labels)
    distance = network.distance_from_grid()
    before = float(distance.detach())
    assert 0 < before < 1
    assert float(found) == pytest.approx(float(plain) + 2 * before, rel=1e-6)
    distance.backward()
    torch.optim.SGD(network.weighted.parameters(), lr=1e-4).step()
    assert float(network.distance_from_grid().detach()) < before
