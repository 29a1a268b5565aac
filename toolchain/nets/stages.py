# SPDX-License-Identifier: Apache-2.0
"""One epoch of training, and evaluation: the loops that touch a network and its optimiser, nothing else.

Both stages run the same loop; they differ in network, learning rate and whether activation ranges still move.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from toolchain.errors import ModelError
from toolchain.nets.activation_grid import INPUT_SCALE
from toolchain.nets.loss import Loss

_EVALUATION_BATCH = 250


@dataclass(frozen=True)
class Labelled:
    """features: int8 [N, T, F]. labels: int64 [N]. Both on the device that trains."""

    features: Tensor
    labels: Tensor

    @classmethod
    def from_numpy(cls, features: NDArray[np.int8], labels: NDArray[np.int64], device: torch.device) -> "Labelled":
        """Copy to the device; features stay int8 until a batch needs them."""
        return cls(torch.from_numpy(features).to(device), torch.from_numpy(labels).to(device))

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, rows: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Network input float32 [n, 1, T, F] and labels [n] of the rows."""
        return self.features[rows].unsqueeze(1).to(torch.float32).mul_(INPUT_SCALE), self.labels[rows]


@dataclass(frozen=True)
class Score:
    """loss: mean cross-entropy, without smoothing. correct of n."""

    loss: float
    correct: int
    n: int

    @property
    def accuracy(self) -> float:
        """Share of correct ones, 0..1."""
        return self.correct / self.n


@dataclass(frozen=True)
class Schedule:
    """Learning rate over the steps of one stage: linear warm-up, then half a cosine to 0.

    >>> schedule = Schedule(peak=0.1, warm_up=10, steps=110)
    >>> [round(schedule(step), 4) for step in (0, 9, 10, 60, 109)]
    [0.01, 0.1, 0.1, 0.05, 0.0]
    """

    peak: float
    warm_up: int
    steps: int

    def __call__(self, step: int) -> float:
        """Rate of step 0..steps-1."""
        if step < self.warm_up:
            return self.peak * (step + 1) / self.warm_up
        done = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        return self.peak * 0.5 * (1 + math.cos(math.pi * done))


def n_steps(n: int, batch: int) -> int:
    """Steps of an epoch. A last batch that is not full is left out, unless it is the only one."""
    return max(1, n // batch)


def epoch_order(n: int, seed: int, epoch: int) -> Tensor:
    """Permutation of 0..n-1 for one epoch: the same wherever and whenever it is drawn."""
    return torch.from_numpy(np.random.default_rng([seed, epoch, 0x0D0E]).permutation(n))


def sgd(network: nn.Module, weight_decay: float) -> torch.optim.SGD:
    """Nesterov momentum 0.9; decay on weights only, not on biases and batch norm (one number a channel)."""
    decayed = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=0.0, momentum=0.9, nesterov=True)


def train_epoch(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    data: Labelled,
    order: Tensor,
    batch: int,
    criterion: Loss,
    rate: Callable[[int], float],
    stepped: Callable[[float], None],
) -> Score:
    """Train over `data` in `order`. rate: learning rate of a step of this epoch. stepped: told the loss of each step.

    Returns the score over the epoch's own batches, while the weights moved. Raises ModelError where the loss is not
    finite any more.
    """
    network.train()
    order = order.to(data.labels.device)
    total_loss, correct, seen = 0.0, 0, 0
    for step in range(n_steps(len(data), batch)):
        inputs, labels = data.batch(order[step * batch : (step + 1) * batch])
        for group in optimiser.param_groups:
            group["lr"] = rate(step)
        optimiser.zero_grad(set_to_none=True)
        logits = network(inputs)
        loss = criterion(network, inputs, logits, labels)
        torch.autograd.backward(loss)
        optimiser.step()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ModelError(
                f"training diverged: the loss is {value} after {step + 1} steps of an epoch; lower --lr, or --qat-lr "
                "where weights were on their grid"
            )
        total_loss += value * len(labels)
        correct += int((logits.detach().argmax(1) == labels).sum())
        seen += len(labels)
        stepped(value)
    return Score(total_loss / seen, correct, seen)


@torch.no_grad()
def evaluate(network: nn.Module, data: Labelled) -> Score:
    """Score of the network as it stands."""
    network.eval()
    loss, correct = 0.0, 0
    for start in range(0, len(data), _EVALUATION_BATCH):
        inputs, labels = data.batch(slice(start, start + _EVALUATION_BATCH))
        logits = network(inputs)
        loss += float(F.cross_entropy(logits, labels, reduction="sum"))
        correct += int((logits.argmax(1) == labels).sum())
    return Score(loss / len(data), correct, len(data))
