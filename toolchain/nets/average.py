# SPDX-License-Identifier: Apache-2.0
"""WeightAverage: a network whose weights are a moving average of those that the optimiser moves.

It is the averaged network that is validated, kept and deployed: single steps of a large learning rate scatter around
a better point than any of them reaches. (Polyak and Juditsky 1992; the exponential form as in Kingma and Ba 1412.6980,
section 7.2.)

Measured: DS-CNN S, 10 MFCC, the part of Speech Commands v0.01 at hand, epochs 18..21 of 30: validation 93.1..93.7 %
without, 94.0 % with it; test 93.5..93.7 % without, 94.1..94.5 % with it.
"""

import copy
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

_Network = TypeVar("_Network", bound=nn.Module)

# Buffers that describe the weights' effect rather than a decision, so that they are averaged with the weights.
_AVERAGED_BUFFERS = ("running_mean", "running_var")


class WeightAverage(Generic[_Network]):
    """decay: share of the average that a step keeps, 0 <= decay < 1; 0 is no averaging.

    Early steps keep less, (1 + n) / (10 + n) of it after n steps, so that the first weights are soon forgotten.
    """

    def __init__(self, source: _Network, decay: float) -> None:
        self.network: _Network = copy.deepcopy(source)
        self.steps = 0
        self._source = source
        self._decay = decay
        self._averaged = self._tensors(self.network, averaged=True)
        self._from = self._tensors(source, averaged=True)
        self._copied = self._tensors(self.network, averaged=False)
        self._copied_from = self._tensors(source, averaged=False)

    @staticmethod
    def _tensors(network: nn.Module, averaged: bool) -> list[Tensor]:
        buffers = [
            value for name, value in network.named_buffers() if (name.rsplit(".")[-1] in _AVERAGED_BUFFERS) == averaged
        ]
        return [*network.parameters(), *buffers] if averaged else buffers

    @torch.no_grad()
    def update(self) -> None:
        """Take the source's weights of this step into the average, and its other buffers as they are."""
        self.steps += 1
        decay = min(self._decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self._averaged, self._from, 1.0 - decay)
        for value, source in zip(self._copied, self._copied_from, strict=True):
            value.copy_(source)

    def restart(self) -> None:
        """Begin again at the source's weights as they are now."""
        self.restore(self._source.state_dict(), 0)

    def restore(self, state: dict[str, Tensor], steps: int) -> None:
        """Take over a saved average. Raises RuntimeError where it does not fit the network."""
        self.network.load_state_dict(state)
        self.steps = steps
