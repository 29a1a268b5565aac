# SPDX-License-Identifier: Apache-2.0
"""Session: the state of a training between two epochs, and the step from one to the next.

epoch 1 .. epochs               float: FloatNetwork, or what else the course trains first (recipes/)
then                            the best float weights on their grids, ranges measured over some batches
epochs + 1 .. + qat_epochs      int8: QuantisedNetwork; ranges go on averaging in the first half of these epochs and
                                stand still in the second, while the weights settle on them
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from toolchain.errors import ModelError
from toolchain.nets.average import WeightAverage
from toolchain.nets.checkpoint import Best, Checkpoint
from toolchain.nets.config import TrainConfig
from toolchain.nets.feed import Feed
from toolchain.nets.float_stage import FloatStage
from toolchain.nets.loss import Loss
from toolchain.nets.modules import FloatNetwork
from toolchain.nets.quantised import QuantisedNetwork
from toolchain.nets.recipes import course_of
from toolchain.nets.stages import Labelled, Schedule, Score, epoch_order, evaluate, n_steps, sgd, train_epoch
from toolchain.nets.teacher import Teacher

# Batches over which activation ranges are first measured, and batch norm statistics after each epoch.
_MEASURED_BATCHES = 50
# Share of a stage's steps over which the learning rate rises.
_WARM_UP_SHARE = 0.05


_Network = TypeVar("_Network", FloatNetwork, QuantisedNetwork)


@dataclass
class _Stage(Generic[_Network]):
    """One of the two. first_epoch: epochs done before it. best: None until an epoch of it was validated.

    network is what the optimiser moves; its average is what is validated and kept.
    """

    name: str
    network: _Network
    average: WeightAverage[_Network]
    optimiser: torch.optim.Optimizer
    schedule: Schedule
    first_epoch: int
    best: Best | None = None

    def keep_if_better(self, epochs_done: int, score: Score) -> None:
        """Copy the averaged weights where `score` beats the best so far."""
        state = {name: value.detach().cpu().clone() for name, value in self.average.network.state_dict().items()}
        candidate = Best(epochs_done, score.accuracy, score.loss, state)
        if candidate.beats(self.best):
            self.best = candidate


class Session:
    """Begins before epoch 1, behind the float epochs of another run, or with `restore` where a checkpoint stands."""

    def __init__(
        self, config: TrainConfig, feed: Feed, device: torch.device, float_stage: FloatStage | None = None
    ) -> None:
        self._config = config
        self._feed = feed
        self._device = device
        self._course = course_of(config)
        network = self._course.first_network()
        network.initialise(torch.Generator().manual_seed(config.seed))
        trains_on = float_stage is not None and self._course.begin_with(network, float_stage.best.state)
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._float = _Stage(
            "float",
            network,
            WeightAverage(network, config.averaging),
            sgd(network, self._course.first_weight_decay),
            self._schedule(config.lr, config.epochs),
            0,
        )
        self._int8: _Stage[QuantisedNetwork] | None = None
        self.history: list[dict[str, Any]] = []
        if float_stage is not None and not trains_on:
            self._float.best = float_stage.best
            self.history = list(float_stage.history)

    @property
    def epochs_done(self) -> int:
        """Of both stages."""
        return len(self.history)

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps."""
        return n_steps(self._feed.source.n_train, self._config.batch)

    def _schedule(self, peak: float, epochs: int) -> Schedule:
        steps = epochs * self.steps_per_epoch
        return Schedule(peak, round(_WARM_UP_SHARE * steps), steps)

    def checkpoint(self, digest: str) -> Checkpoint:
        """The state, to be saved."""
        stage = self._int8 or self._float
        return Checkpoint(
            digest=digest,
            network=stage.network.state_dict(),
            average=stage.average.network.state_dict(),
            average_steps=stage.average.steps,
            optimiser=stage.optimiser.state_dict(),
            best_float=self._float.best,
            best_quantised=self._int8.best if self._int8 else None,
            history=self.history,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take over a saved state. Raises RuntimeError, KeyError or ValueError where it does not fit the network."""
        self.history = list(checkpoint.history)
        self._float.best = checkpoint.best_float
        stage: _Stage[FloatNetwork] | _Stage[QuantisedNetwork] = self._float
        if checkpoint.best_quantised is not None:
            stage = self._int8 = self._int8_stage()
            stage.best = checkpoint.best_quantised
        stage.network.load_state_dict(checkpoint.network)
        stage.average.restore(checkpoint.average, checkpoint.average_steps)
        stage.optimiser.load_state_dict(checkpoint.optimiser)

    def run_epoch(self, stepped: Callable[[float], None]) -> dict[str, Any]:
        """Train and validate one epoch; returns its row of the history, already appended."""
        started = time.monotonic()
        config, epoch = self._config, self.epochs_done
        # Units of a network that draw (dropout) draw the same after a resumption.
        torch.manual_seed(config.seed * 1_000_003 + epoch)
        data = self._feed.train(epoch)
        if epoch >= config.epochs and self._int8 is None:
            self._int8 = self._begin_int8(data)
        stage = self._int8 or self._float
        if self._int8 is None and self._course.begin_first_epoch(self._float.network, epoch):
            stage.best = None
        first_step = (epoch - stage.first_epoch) * self.steps_per_epoch

        def after_step(loss: float) -> None:
            stage.average.update()
            stepped(loss)

        order = epoch_order(len(data), config.seed, epoch)
        with self._ranges(epoch):
            trained = train_epoch(
                stage.network,
                stage.optimiser,
                data,
                order,
                config.batch,
                self._second_loss() if self._int8 else self._course.first_loss(epoch),
                lambda step: stage.schedule(first_step + step),
                after_step,
            )
        stage.average.settle(self._first_inputs(data, order))
        validated = evaluate(stage.average.network, self._feed.source.validation)
        if not math.isfinite(validated.loss):
            raise ModelError(
                f"training diverged: the loss on validation is {validated.loss} in stage {stage.name}; lower "
                f"{'--lr' if stage is self._float else '--qat-lr'}"
            )
        stage.keep_if_better(epoch + 1, validated)
        row = {
            "stage": stage.name,
            "epoch": epoch + 1,
            "train_loss": trained.loss,
            "train_accuracy": trained.accuracy,
            "validation_loss": validated.loss,
            "validation_accuracy": validated.accuracy,
            "learning_rate": stage.optimiser.param_groups[0]["lr"],
            "seconds": round(time.monotonic() - started, 3),
            "unix_time": round(time.time(), 3),
        }
        self.history.append(row)
        return row

    def _second_loss(self) -> Loss:
        return self._course.second_loss(Teacher(self._float.network, self._feed.said))

    def _begin_int8(self, data: Labelled) -> _Stage[QuantisedNetwork]:
        """The second stage: fold the best float weights, measure ranges over batches of `data`, validate."""
        stage = self._int8_stage()
        stage.network.eval()
        with torch.no_grad(), stage.network.observing():
            for inputs in self._first_inputs(data, epoch_order(len(data), self._config.seed, self._config.epochs)):
                stage.network(inputs)
        stage.average.restart()
        stage.keep_if_better(self._config.epochs, evaluate(stage.average.network, self._feed.source.validation))
        return stage

    def _first_inputs(self, data: Labelled, order: Tensor) -> Iterator[Tensor]:
        """Network inputs of the first batches of an epoch: enough to measure ranges and statistics."""
        batch, order = self._config.batch, order.to(self._device)
        for step in range(min(_MEASURED_BATCHES, n_steps(len(data), batch))):
            yield data.batch(order[step * batch : (step + 1) * batch])[0]

    def best_networks(self) -> tuple[tuple[FloatNetwork, Best], tuple[QuantisedNetwork, Best]]:
        """The kept weights of both stages, in their networks. After the last epoch."""
        int8 = self._int8 or self._begin_int8(self._feed.train(self._config.epochs))
        assert self._float.best is not None and int8.best is not None  # each was validated
        self._float.network.load_state_dict(self._float.best.state)
        int8.network.load_state_dict(int8.best.state)
        return (self._float.network, self._float.best), (int8.network, int8.best)

    def _int8_stage(self) -> _Stage[QuantisedNetwork]:
        """A second stage with the best float weights, its ranges still unmeasured."""
        assert self._float.best is not None  # a float epoch came first
        self._float.network.load_state_dict(self._float.best.state)
        config = self._config
        network = self._course.second_network(self._float.network)
        network.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        schedule = self._schedule(config.qat_lr, config.qat_epochs)
        # No decay: it would act on folded weights, whose size carries the batch norm's factor, or pull weights over
        # the boundaries of their grid.
        average = WeightAverage(network, config.averaging)
        return _Stage("int8", network, average, sgd(network, 0.0), schedule, config.epochs)

    def _ranges(self, epoch: int) -> Any:
        """Whether activation ranges move in this epoch."""
        moving = epoch - self._config.epochs < self._config.qat_epochs - self._config.qat_epochs // 2
        return self._int8.network.observing() if self._int8 and moving else nullcontext()
