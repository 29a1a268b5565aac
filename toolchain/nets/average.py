# SPDX-License-Identifier: Apache-2.0
"""WeightAverage: a network whose weights are a moving average of those that the optimiser moves.

It is the averaged network that is validated, kept and deployed: single steps of a large learning rate scatter around
a better point than any of them reaches (Polyak and Juditsky 1992; the exponential form as in Kingma and Ba 1412.6980,
section 7.2). The statistics of its batch norms belong to weights that no training step ever ran with, so they are
measured anew over training clips before it is used (as Izmailov et al. 1803.05407, section 3.2, do).

Measured: DS-CNN S, 10 MFCC, the part of Speech Commands v0.01 at hand, epochs 18..21 of 30: validation 93.1..93.7 %
without, 94.0 % with it; test 93.5..93.7 % without, 94.1..94.5 % with it.
"""

import copy
from collections.abc import Iterable
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

_Network = TypeVar("_Network", bound=nn.Module)


class WeightAverage(Generic[_Network]):
    """decay: share of the average that a step keeps, 0 <= decay < 1; 0 is no averaging.

    Early steps keep less, (1 + n) / (10 + n) of it after n steps, so that the first weights are soon forgotten.
    """

    def __init__(self, source: _Network, decay: float) -> None:
        self.network: _Network = copy.deepcopy(source)
        self.steps = 0
        self._source = source
        self._decay = decay

    @torch.no_grad()
    def update(self) -> None:
        """Take the source's weights of this step into the average."""
        self.steps += 1
        decay = min(self._decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(list(self.network.parameters()), list(self._source.parameters()), 1.0 - decay)

    @torch.no_grad()
    def settle(self, batches: Iterable[Tensor]) -> None:
        """Make the network fit for use: the source's buffers, batch norm statistics measured over `batches`.

        batches: network inputs, float32 [n, 1, T, F]; none is read where there is no batch norm.
        """
        self.copy_buffers()
        update_bn(batches, self.network)

    @torch.no_grad()
    def copy_buffers(self) -> None:
        """The source's buffers, batch norm statistics among them."""
        for value, source in zip(self.network.buffers(), self._source.buffers(), strict=True):
            value.copy_(source)

    def restart(self) -> None:
        """Begin again at the source's weights as they are now."""
        self.restore(self._source.state_dict(), 0)

    def restore(self, state: dict[str, Tensor], steps: int) -> None:
        """Take over a saved average. Raises RuntimeError where it does not fit the network."""
        self.network.load_state_dict(state)
        self.steps = steps
