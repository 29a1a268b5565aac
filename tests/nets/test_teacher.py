# SPDX-License-Identifier: Apache-2.0
"""A teacher says the same whether it is asked or remembers, and takes no other network's word for its own."""

import torch
from torch import Tensor, nn

from tests.nets.networks import lived_in, random_features, tiny_ds_cnn
from toolchain.nets.teacher import Said, Teacher


class _Counting(nn.Module):
    """Counts how often it is asked."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.asked = network, 0

    def forward(self, features: Tensor) -> Tensor:
        self.asked += 1
        logits: Tensor = self.network(features)
        return logits


def test_what_was_said_of_a_batch_is_remembered_for_another_run() -> None:
    said = Said()
    arch = tiny_ds_cnn()
    one, other = random_features(arch, 8), random_features(arch, 9)
    first, second = _Counting(lived_in(arch)), _Counting(lived_in(arch))  # the same weights
    answers = [Teacher(first, said)(x) for x in (one, other, one)]
    assert first.asked == 2 and torch.equal(answers[0], answers[2])
    assert torch.equal(Teacher(second, said)(one), answers[0]) and second.asked == 0
    assert torch.equal(Teacher(lived_in(arch))(other), answers[1])


def test_other_weights_are_asked_themselves() -> None:
    said = Said()
    arch = tiny_ds_cnn()
    x = random_features(arch, 8)
    network = lived_in(arch)
    before = Teacher(network, said)(x)
    with torch.no_grad():
        network.units["classifier"].linear.bias += 1
    assert torch.equal(Teacher(network, said)(x), network(x)) and not torch.equal(network(x), before)


def test_batches_of_any_size_and_classes_are_kept_apart() -> None:
    said = Said()
    wanted = {bytes([i]): torch.randn(rows, classes) for i, (rows, classes) in enumerate([(3, 2), (70_000, 2), (5, 4)])}
    for key, logits in wanted.items():
        said.keep(key, logits)
    for key, logits in wanted.items():
        found = said.get(key)
        assert found is not None and torch.equal(found, logits)
    assert said.get(b"other") is None


def test_without_a_memory_every_batch_is_asked_and_in_evaluation_mode() -> None:
    network = _Counting(lived_in(tiny_ds_cnn()).train())
    teacher = Teacher(network)
    x = random_features(tiny_ds_cnn(), 8)
    assert torch.equal(teacher(x), teacher(x)) and network.asked == 2 and not network.training
    assert not teacher(x).requires_grad
