# SPDX-License-Identifier: Apache-2.0
"""train_any_width: a finished run's float network, trained on at all widths at once, and what it is at any of them.

    run's float weights ──> epochs, each step at widths of its own ──> average ──> judged at an assignment

The recipe is that of few bits (nets/config.py): learned steps, the float network as teacher; on windows of a stream
where the run had them. After every epoch the whole state is written to any_width.pt in the run folder; what was stopped
goes on there, to the same weights.
"""

import hashlib
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from toolchain.arch.library import load_arch
from toolchain.arch.weights import EIGHT_BITS, WeightPlan, WeightSpec, weighted_layers
from toolchain.errors import ModelError
from toolchain.graph.graph import Graph
from toolchain.graph.onnx_in import read_onnx
from toolchain.nets.any_width import AnyWidthNetwork
from toolchain.nets.average import WeightAverage
from toolchain.nets.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from toolchain.nets.config import TrainConfig, usual_recipe
from toolchain.nets.feed import Feed, source_of
from toolchain.nets.float_stage import load_float_stage
from toolchain.nets.loss import Loss
from toolchain.nets.modules import FloatNetwork
from toolchain.nets.onnx_out import onnx_bytes
from toolchain.nets.progress import TrainingProgress
from toolchain.nets.run_folder import RunFolder, load_record
from toolchain.nets.stages import Labelled, Schedule, epoch_order, evaluate, n_steps, sgd, train_epoch
from toolchain.nets.torch_setup import prepare_torch

CHECKPOINT = "any_width.pt"

# Batches over which activation ranges are first measured, and batch norm statistics of each assignment.
_RANGE_BATCHES, _NORM_BATCHES = 50, 4
_WARM_UP_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class AnyWidthModels:
    """The trained network at any assignment. inputs: of training clips, to measure batch norm over."""

    network: AnyWidthNetwork
    inputs: Sequence[Tensor]

    @property
    def trained(self) -> dict[str, WeightSpec]:
        """Layer -> its width where an assignment says nothing: 8 bits."""
        return {layer.name: EIGHT_BITS for layer in weighted_layers(self.network.layers)}

    def at(self, assignment: Mapping[str, WeightSpec]) -> Graph:
        """The network at those widths, as it would be deployed."""
        self.network.settle(self.trained | dict(assignment), self.inputs)
        with tempfile.TemporaryDirectory(prefix="subbyte-bits-") as folder:
            path = Path(folder) / "model.onnx"
            path.write_bytes(onnx_bytes(self.network.integers(), {}))
            return read_onnx(path)


def train_any_width(
    run: Path, data: Path, specs: Sequence[WeightSpec], epochs: int, threads: int, progress: TrainingProgress
) -> AnyWidthModels:
    """Train, or go on with, or take what was trained before. specs: what every layer may take; 8 bits always are.

    Raises ModelError: no run folder with float weights, other data than they saw, an any_width.pt of another training,
    a loss that diverges; DataError from the corpus.
    """
    if not run.is_dir():
        raise ModelError(f"{run}: only a run folder of `subbyte train` holds the float weights to train from")
    config, source, seen = _start(run, data, epochs, threads)
    device = prepare_torch(threads, "cpu")
    with progress as shown:
        heard = source_of(config, device, shown.work("reading audio"))
        if heard.describe()["sha256"] != seen:
            raise ModelError(f"{run}: its float epochs saw other data; give the same --data")
        with Feed(heard, epochs) as feed:
            training = _Training(config, source, _widths(specs), feed)
            training.run(run / CHECKPOINT, shown)
            last = feed.train(epochs - 1)
            inputs = [training.batch(last, epochs - 1, step)[0] for step in range(_NORM_BATCHES)]
    return AnyWidthModels(training.average.network, inputs)


def _start(run: Path, data: Path, epochs: int, threads: int) -> tuple[TrainConfig, FloatNetwork, str]:
    """Configuration of the training, the float network that it begins with, hash of the data that this one saw."""
    record = load_record(run)
    recipe = usual_recipe(WeightPlan(WeightSpec.of(1)))
    config = TrainConfig(
        arch=load_arch(RunFolder(run).arch),
        data=data,
        features=str(record.config.get("features")),
        qat_epochs=epochs,
        qat_lr=recipe.qat_lr,
        teacher=recipe.teacher,
        method=recipe.method,
        stream_hours=record.config.get("stream_hours", 0.0),
        threads=threads,
        device="cpu",
    )
    stage = load_float_stage(run, config)
    source = FloatNetwork(config.arch)
    source.load_state_dict(stage.best.state)
    return stage.configured(config), source.eval(), str(stage.record.data.get("sha256"))


def _widths(specs: Sequence[WeightSpec]) -> tuple[WeightSpec, ...]:
    return tuple(sorted({*specs, EIGHT_BITS}, key=lambda spec: (spec.bits, spec.grid)))


def rows_of_step(order: Tensor, step: int, batch: int) -> Tensor:
    """Clips of a step, behind the last the first again: the rest of an epoch may be one, too few for batch norm.

    >>> [rows_of_step(torch.arange(5), step, 2).tolist() for step in range(3)]
    [[0, 1], [2, 3], [4, 0]]
    """
    return order[(step * batch + torch.arange(min(batch, len(order)))) % len(order)]


class _Training:
    """The state between two epochs, and the step from one to the next."""

    def __init__(self, config: TrainConfig, source: FloatNetwork, specs: tuple[WeightSpec, ...], feed: Feed) -> None:
        self._config, self._specs, self._feed = config, specs, feed
        layers = [layer.name for layer in weighted_layers(source.layers)]
        self._network = AnyWidthNetwork(source, dict.fromkeys(layers, specs))
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = WeightAverage(self._network, config.averaging)
        self._optimiser = sgd(self._network, 0.0)
        steps = config.qat_epochs * n_steps(feed.source.n_train, config.batch)
        self._schedule = Schedule(config.qat_lr, round(_WARM_UP_SHARE * steps), steps)
        self._loss = Loss(config.label_smoothing, source, config.teacher)
        self._history: list[dict[str, Any]] = []

    def run(self, path: Path, shown: TrainingProgress) -> None:
        """All epochs that are left; `path` keeps the state."""
        if path.exists():
            self._restore(path)
        steps = n_steps(self._feed.source.n_train, self._config.batch)
        shown.begin(self._config.qat_epochs * steps, len(self._history) * steps)
        while len(self._history) < self._config.qat_epochs:
            shown.epoch(f"all widths, epoch {len(self._history) + 1}/{self._config.qat_epochs}")
            row = self._epoch(shown)
            self._save(path)
            shown.epoch_done(row)

    def batch(self, data: Labelled, epoch: int, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and labels of a step."""
        return data.batch(rows_of_step(epoch_order(len(data), self._config.seed, epoch), step, self._config.batch))

    def _epoch(self, shown: TrainingProgress) -> dict[str, Any]:
        started, epoch, config = time.monotonic(), len(self._history), self._config
        torch.manual_seed(config.seed * 1_000_003 + epoch)
        data = self._feed.train(epoch)
        if not epoch:
            self._measure_ranges(data)
        self._network.seed(config.seed, epoch)
        first = epoch * n_steps(len(data), config.batch)

        def after_step(loss: float) -> None:
            self.average.update()
            shown.step(loss)

        moving = epoch < config.qat_epochs - config.qat_epochs // 2
        with self._network.observing() if moving else nullcontext():
            trained = train_epoch(
                self._network,
                self._optimiser,
                data,
                epoch_order(len(data), config.seed, epoch),
                config.batch,
                self._loss,
                lambda step: self._schedule(first + step),
                after_step,
            )
        self.average.copy_buffers()
        narrow = dict.fromkeys(self._layers, self._specs[0])
        self.average.network.settle(narrow, [self.batch(data, epoch, step)[0] for step in range(_NORM_BATCHES)])
        validated = evaluate(self.average.network, self._feed.source.validation)
        row = {
            "stage": "any",
            "epoch": epoch + 1,
            "train_loss": trained.loss,
            "train_accuracy": trained.accuracy,
            "validation_accuracy": validated.accuracy,
            "seconds": round(time.monotonic() - started, 3),
        }
        self._history.append(row)
        return row

    @property
    def _layers(self) -> list[str]:
        return [layer.name for layer in weighted_layers(self._network.layers)]

    @torch.no_grad()
    def _measure_ranges(self, data: Labelled) -> None:
        """Activation ranges as they are at the widest of all layers."""
        self._network.take(dict.fromkeys(self._layers, self._specs[-1]))
        self._network.eval()
        with self._network.observing():
            for step in range(min(_RANGE_BATCHES, n_steps(len(data), self._config.batch))):
                self._network(self.batch(data, 0, step)[0])

    def _digest(self) -> str:
        """Hash of all that decides the weights."""
        parts = [
            self._config.to_dict(),
            self._config.arch.to_dict(),
            self._feed.source.describe(),
            [*map(str, self._specs)],
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _save(self, path: Path) -> None:
        save_checkpoint(
            Checkpoint(
                digest=self._digest(),
                network=self._network.state_dict(),
                average=self.average.network.state_dict(),
                average_steps=self.average.steps,
                optimiser=self._optimiser.state_dict(),
                best_float=None,
                best_quantised=None,
                history=self._history,
            ),
            path,
        )

    def _restore(self, path: Path) -> None:
        kept = load_checkpoint(path)
        if kept.digest != self._digest():
            raise ModelError(
                f"{path}: is of other widths, epochs, threads or data; delete it, or ask for the same again"
            )
        self._network.load_state_dict(kept.network)
        self.average.restore(kept.average, kept.average_steps)
        self._optimiser.load_state_dict(kept.optimiser)
        self._history = list(kept.history)
