# SPDX-License-Identifier: Apache-2.0
"""The usual course: float epochs, then every value on its grid, weights moving on by straight-through gradients."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from toolchain.nets.checkpoint import StateDict
from toolchain.nets.config import TrainConfig
from toolchain.nets.loss import Loss
from toolchain.nets.modules import FloatNetwork
from toolchain.nets.quantised import QuantisedNetwork


@dataclass(frozen=True)
class StraightThrough:
    """Asked by the session for both networks and their losses. Another course overrides what it does otherwise."""

    config: TrainConfig

    @property
    def first_weight_decay(self) -> float:
        """Of the weights, in the first stage."""
        return self.config.weight_decay

    @property
    def first_is(self) -> str:
        """What the first stage's network is, for run.json."""
        return "float"

    def first_network(self) -> FloatNetwork:
        """What the first stage trains, before it is initialised."""
        return FloatNetwork(self.config.arch)

    def begin_with(self, network: FloatNetwork, trained: StateDict) -> bool:
        """Begin the first stage with another run's float weights. False: they are what it would have come to."""
        return False

    def begin_first_epoch(self, network: FloatNetwork, epoch: int) -> bool:
        """Called before epoch 0.. of the first stage. True: nothing kept so far is what is wanted from here on."""
        return False

    def first_loss(self, epoch: int) -> Loss:
        """Of epoch 0.. of the first stage."""
        return Loss(self.config.label_smoothing)

    def second_network(self, trained: FloatNetwork) -> QuantisedNetwork:
        """What the second stage trains, its ranges still unmeasured. trained: the best network of the first."""
        config = self.config
        return QuantisedNetwork(trained, config.weights, config.method, per_tensor=config.per_tensor)

    def second_loss(self, trained: Callable[[Tensor], Tensor]) -> Loss:
        """Of the second stage. trained: the first's best network, inputs -> logits, which may teach."""
        config = self.config
        return Loss(config.label_smoothing, trained if config.teacher else None, config.teacher, config.absolute_cosine)
