# SPDX-License-Identifier: Apache-2.0
"""Loss: what training makes small. The label's cross-entropy, a teacher's opinion, the weights' distance from the grid.

    (1 - share) * cross-entropy(label) + share * T^2 * KL(teacher / T || network / T) + weight * |cos| of the weights

The teacher is the float network that the quantised one came from (Hinton et al. 1503.02531): its logits say how alike
a clip's word is to each of the others, which a coarse network finds again more easily than it finds out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Softens both distributions, so that the classes that are not the largest count. Source: 1503.02531, section 3 (2..5).
TEMPERATURE = 2.0


@runtime_checkable
class HasGrid(Protocol):
    """A network whose weights are meant for a grid."""

    def distance_from_grid(self) -> Tensor:
        """0 on it, 1 half way between its integers."""


@dataclass(frozen=True, eq=False)
class Loss:
    """teacher: inputs -> logits, None where share is 0. Called with one batch's logits, gives a scalar."""

    label_smoothing: float = 0.0
    teacher: Callable[[Tensor], Tensor] | None = None
    share: float = 0.0
    absolute_cosine: float = 0.0

    def __call__(self, network: nn.Module, inputs: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        """inputs: what `network` was given. logits: float32 [n, classes]. labels: int64 [n]."""
        loss = F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        if self.teacher is not None:
            loss = (1 - self.share) * loss + self.share * self._opinion(inputs, logits)
        if self.absolute_cosine and isinstance(network, HasGrid):
            loss = loss + self.absolute_cosine * network.distance_from_grid()
        return loss

    def _opinion(self, inputs: Tensor, logits: Tensor) -> Tensor:
        assert self.teacher is not None  # asked only where there is one
        with torch.no_grad():
            wanted = F.log_softmax(self.teacher(inputs) / TEMPERATURE, 1)
        found = F.log_softmax(logits / TEMPERATURE, 1)
        # T^2 keeps the gradient's size whatever the temperature.
        return TEMPERATURE**2 * F.kl_div(found, wanted, reduction="batchmean", log_target=True)
