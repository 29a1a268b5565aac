# SPDX-License-Identifier: Apache-2.0
"""One network for all widths: what stands, what is drawn, and its training, stopped and gone on with."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.nets.corpus import write_corpus
from tests.nets.networks import lived_in, random_features, tiny_ds_cnn
from tests.nets.runs import StopAfter
from toolchain.arch.weights import EIGHT_BITS, WeightPlan, WeightSpec
from toolchain.errors import ModelError
from toolchain.nets.any_width import AnyWidthNetwork
from toolchain.nets.any_width_training import CHECKPOINT, AnyWidthModels, train_any_width
from toolchain.nets.config import TrainConfig
from toolchain.nets.progress import TrainingProgress
from toolchain.nets.quantised import QuantisedNetwork, Weighted
from toolchain.nets.quantisers import Method
from toolchain.nets.train import train_run

LAYERS = ["stem", "block1_depthwise", "block1_pointwise", "block2_depthwise", "block2_pointwise", "classifier"]
WIDTHS = [WeightSpec.of(bits) for bits in (1, 2, 4, 8)]
MIXED = dict(zip(LAYERS, [WeightSpec.of(bits) for bits in (8, 4, 2, 1, 2, 4)], strict=True))


@pytest.fixture
def network() -> AnyWidthNetwork:
    found = AnyWidthNetwork(lived_in(tiny_ds_cnn()), dict.fromkeys(LAYERS, WIDTHS))
    found.eval()
    with torch.no_grad(), found.observing():
        found(random_features(found.arch, 40))
    return found


def test_at_an_assignment_it_is_the_network_of_that_assignment(network: AnyWidthNetwork) -> None:
    single = QuantisedNetwork(lived_in(network.arch), WeightPlan(layers=MIXED), Method.LEARNED_STEP)
    single.grids.load_state_dict(network.grids.state_dict())
    network.take(MIXED)
    for found, wanted in zip(network.integers().layers, single.integers().layers, strict=True):
        assert (found.weights is None) == (wanted.weights is None)
        if found.weights is not None and wanted.weights is not None:
            assert found.weights.spec == wanted.weights.spec
            assert np.array_equal(found.weights.weights, wanted.weights.weights)
            assert np.array_equal(found.weights.scales, wanted.weights.scales)


def test_a_step_trains_the_widths_that_it_drew_and_no_others(network: AnyWidthNetwork) -> None:
    network.train()
    network.seed(0, 3)
    network(random_features(network.arch, 8)).square().sum().backward()  # type: ignore[no-untyped-call]
    for layer in network.weighted.values():
        assert isinstance(layer, Weighted)
        assert layer.weight.grad is not None and layer.weight.grad.abs().sum() > 0
        trained = [name for name, step in layer.quantiser.named_parameters() if step.grad is not None]
        stands = layer.quantiser.spec
        assert trained == ([] if stands == EIGHT_BITS else [f"_by_width.{stands}.step"])


def test_draws_are_alike_within_a_step_and_the_same_again(network: AnyWidthNetwork) -> None:
    def drawn() -> list[list[int]]:
        network.train()
        network.seed(7, 1)
        found = []
        for _ in range(200):
            network(random_features(network.arch, 2))
            layers = [layer for layer in network.weighted.values() if isinstance(layer, Weighted)]
            found.append([layer.quantiser.spec.bits for layer in layers])
        return found

    steps = drawn()
    assert steps == drawn()
    assert {bits for step in steps for bits in step} == {1, 2, 4, 8}
    places = [[(1, 2, 4, 8).index(bits) for bits in step] for step in steps]
    within, over = np.mean([np.var(step) for step in places]), np.var(places)
    assert within < 0.8 * over, "layers of one step lie closer together than draws of their own would"


def test_a_width_that_no_layer_has_is_refused(network: AnyWidthNetwork) -> None:
    with pytest.raises(KeyError, match="3 mid-tread"):
        network.take({"stem": WeightSpec.of(3)})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    train_run(
        TrainConfig(
            arch=tiny_ds_cnn(), data=data, features="hello_edge", epochs=3, qat_epochs=0, batch=10, averaging=0.5
        ),
        folder,
    )
    return folder


def test_a_training_that_was_stopped_ends_at_the_same_weights(run: Path, data: Path, tmp_path: Path) -> None:
    def trained(folder: Path, progress: TrainingProgress) -> AnyWidthModels:
        return train_any_width(folder, data, WIDTHS[:3], 3, 1, progress)

    whole, stopped = shutil.copytree(run, tmp_path / "whole"), shutil.copytree(run, tmp_path / "stopped")
    wanted = trained(whole, TrainingProgress())
    with pytest.raises(KeyboardInterrupt):
        trained(stopped, StopAfter(2))  # in its second epoch: there are too few clips for a second batch
    assert (stopped / CHECKPOINT).exists()
    found = trained(stopped, TrainingProgress())
    graph = found.at(MIXED)
    assert graph.sha256 == wanted.at(MIXED).sha256
    assert found.at({}).sha256 != graph.sha256
    assert found.at(MIXED).sha256 == graph.sha256, "what was judged in between leaves nothing behind"
    bits = {op.name: graph.tensor(op.weights).bits for op in graph.operators if hasattr(op, "weights")}
    assert bits == {name: spec.bits for name, spec in MIXED.items()}


def test_what_was_trained_otherwise_is_refused(run: Path, data: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(run, tmp_path / "run")
    train_any_width(folder, data, WIDTHS, 1, 1, TrainingProgress())
    with pytest.raises(ModelError, match=f"{CHECKPOINT}: is of other widths, epochs, threads or data"):
        train_any_width(folder, data, WIDTHS, 2, 1, TrainingProgress())
    with pytest.raises(ModelError, match="only a run folder"):
        train_any_width(folder / CHECKPOINT, data, WIDTHS, 1, 1, TrainingProgress())
