# SPDX-License-Identifier: Apache-2.0
"""Two-stage training: squashed weights that end on their grid, and integers all around them that leave them there."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.nets.corpus import write_corpus
from tests.nets.networks import flattening, random_features, small_mbc, tiny_stream
from toolchain.arch import ArchSpec, load_arch
from toolchain.arch.weights import WeightPlan, WeightSpec
from toolchain.errors import ModelError
from toolchain.graph.onnx_in import read_onnx
from toolchain.graph.tensor import Grid
from toolchain.nets.config import Course, TrainConfig, usual_recipe
from toolchain.nets.modules import FloatNetwork
from toolchain.nets.progress import TrainingProgress
from toolchain.nets.quantised import QuantisedNetwork, Weighted
from toolchain.nets.quantisers import Method
from toolchain.nets.recipes.two_stage import SquashedNetwork, SquashedWeight, TwoStage
from toolchain.nets.run_folder import RunFolder
from toolchain.nets.train import train_run

# Dense layers, a convolution in front of them, convolutions of every kind; each for a front end that exists.
ARCHS = [tiny_stream(), replace(flattening(), frames=49), small_mbc()]


def plan_of(arch: ArchSpec) -> WeightPlan:
    """1 bit in the first layer, 3 in the last, 4 between them."""
    first, *_, last = arch.layers()
    return WeightPlan(WeightSpec.of(4), {first.name: WeightSpec.of(1), last.name: WeightSpec.of(3)})


def config_of(arch: ArchSpec, data: Path = Path("nowhere"), **others: Any) -> TrainConfig:
    plan = plan_of(arch)
    recipe = usual_recipe(plan, Course.TWO_STAGE)
    asked = {"features": arch.usual_features, "weights": plan, "course": Course.TWO_STAGE, "method": recipe.method}
    return TrainConfig(arch=arch, data=data, **(asked | others))


def first_stage(arch: ArchSpec, *, rounded: bool = True) -> SquashedNetwork:
    """Initialised, with batch norm statistics and gains of its own, one of them negative, in evaluation mode."""
    generator = torch.Generator().manual_seed(3)
    network = SquashedNetwork(arch, plan_of(arch))
    network.initialise(generator)
    network.round_weights(rounded)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                module.weight.uniform_(0.3, 1.7, generator=generator)
                module.weight[0] *= -1
        for step in range(20):
            network.train()(random_features(arch, 20, seed=step))
    return network.eval()


def weights_of(network: FloatNetwork, name: str) -> torch.Tensor:
    unit = network.units[name]
    sums = unit.linear if hasattr(unit, "linear") else unit.conv
    return sums.weight.detach()


def test_first_weights_are_spread_evenly_and_as_large_as_the_familys() -> None:
    arch = load_arch("stream_250k")
    network = SquashedNetwork(arch, plan_of(arch))
    network.initialise(torch.Generator().manual_seed(0))
    for name, fans in (("dense1", 980 + 192), ("dense2", 192 + 128)):
        ordered = weights_of(network, name).flatten().sort().values
        glorot = (6 / fans) ** 0.5
        assert float(network.squashed()[name].quantiser.range) == pytest.approx(glorot, rel=0.01)
        uniform = torch.linspace(-glorot, glorot, len(ordered))
        assert float((ordered - uniform).abs().max()) < 0.03 * 2 * glorot


@pytest.mark.parametrize("arch", ARCHS, ids=lambda arch: arch.name)
def test_rounded_weights_are_on_the_grid_that_the_plan_says(arch: ArchSpec) -> None:
    network = first_stage(arch)
    for name, squashed in network.squashed().items():
        spec = plan_of(arch).of(name)
        steps = weights_of(network, name) / squashed.scale
        assert torch.allclose(steps, steps.round(), atol=1e-3)
        integers = steps.round()
        assert float(integers.abs().max()) <= spec.limit
        assert spec.grid is Grid.MID_TREAD or bool((integers % 2 == 1).all())
    network.round_weights(False)
    spread = weights_of(network, network.layers[0].name)
    assert len(spread.unique()) > spread.numel() // 2


@pytest.mark.parametrize("rounded", [False, True])
def test_the_gradient_is_that_of_squashing(rounded: bool) -> None:
    """dW / dQ = 1 - tanh^2(Q / s), s stands still; rounding passes it."""
    weight = torch.linspace(-1, 1, 24).reshape(4, 6)
    squashed = SquashedWeight(weight, WeightSpec.of(4))
    squashed.rounded.fill_(rounded)
    trained = torch.nn.Parameter(squashed.right_inverse(weight).detach())
    outer = torch.linspace(0.5, 2, 24).reshape(4, 6)
    (squashed(trained) * outer).sum().backward()
    expected = outer * (1 - torch.tanh(trained.detach() / squashed.quantiser.range) ** 2)
    assert squashed.quantiser.range.grad is None
    assert trained.grad is not None and torch.allclose(trained.grad, expected, rtol=1e-5)


def test_the_regulariser_pulls_weights_to_the_grid() -> None:
    network = first_stage(tiny_stream())
    before = float(network.distance_from_grid().detach())
    for _ in range(600):
        network.zero_grad()
        network.distance_from_grid().backward()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter -= 0 if parameter.grad is None else parameter.grad
    assert float(network.distance_from_grid().detach()) < before / 2


def measured(course: TwoStage, source: SquashedNetwork) -> QuantisedNetwork:
    network = course.second_network(source).eval()
    with torch.no_grad(), network.observing():
        network(random_features(source.arch, 50))
    return network


@pytest.mark.parametrize("arch", ARCHS, ids=lambda arch: arch.name)
def test_the_second_stage_computes_what_the_first_did_and_holds_its_weights(arch: ArchSpec) -> None:
    source = first_stage(arch)
    course = TwoStage(config_of(arch))
    network = measured(course, source)
    x = random_features(arch, 50)
    with torch.no_grad():
        steps = (source(x) - network(x)).abs().max() / network.grids["classifier"].scale
    assert steps < 20, f"{float(steps):.1f} steps of the output's grid"

    before = {layer.layer.name: layer.weights for layer in network.integers().layers}
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05)
    network.train()
    loss = course.second_loss(source)
    for _ in range(5):
        optimiser.zero_grad()
        loss(network, x, network(x), torch.arange(50) % arch.classes).backward()
        optimiser.step()
    for layer in network.eval().integers().layers:
        old, new = before[layer.layer.name], layer.weights
        if old is None or new is None:
            continue
        name = layer.layer.name
        on_grid = (weights_of(source, name) / source.squashed()[name].scale).round().numpy()
        signs = np.ones(len(on_grid))
        weighted = network.weighted[name]
        assert isinstance(weighted, Weighted)
        if weighted.norm is not None:
            signs = np.sign(weighted.norm.weight.detach().numpy())
        assert np.array_equal(new.weights, on_grid * signs.reshape(-1, *[1] * (on_grid.ndim - 1)))
        assert new.spec == plan_of(arch).of(name)
        assert not np.array_equal(old.bias, new.bias), "what is not held is trained"


def test_labels_alone_teach_the_second_stage() -> None:
    course = TwoStage(config_of(tiny_stream(), absolute_cosine=0.5))
    network = measured(course, first_stage(tiny_stream()))
    x, labels = random_features(network.arch, 9), torch.arange(9)
    logits = network(x)
    assert torch.equal(course.second_loss(network)(network, x, logits, labels), F.cross_entropy(logits, labels))


class _StopAfter(TrainingProgress):
    def __init__(self, steps: int) -> None:
        super().__init__()
        self._left = steps

    def step(self, loss: float) -> None:
        super().step(loss)
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt


def test_a_run_keeps_rounded_epochs_writes_its_bits_and_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    config = config_of(
        tiny_stream(),
        write_corpus(tmp_path / "corpus"),
        epochs=16,
        qat_epochs=2,
        lr=0.2,
        qat_lr=0.01,
        batch=10,
        averaging=0.5,
        absolute_cosine=0.1,
        threads=1,
    )
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    record = train_run(config, whole.path)
    best = next(number for number in record.numbers if number["name"] == "float_validation_accuracy")
    assert best["value"] > 0.3, "chance is 1/12"
    assert int(best["what"].split()[-1]) > 8, "the first half is not on any grid"
    assert record.config["course"] == "two-stage"
    second = next(number for number in record.numbers if number["name"] == "int8_validation_accuracy")
    assert second["value"] > best["value"] - 0.2, "the second stage goes on from what the first one found"
    tested = next(number for number in record.numbers if number["name"] == "float_test_accuracy")
    assert tested["what"].endswith("weights on their grid, all else float")
    graph = read_onnx(whole.model)
    found = {op.name: graph.tensor(op.weights) for op in graph.operators if hasattr(op, "weights")}
    assert [(w.bits, w.grid) for w in found.values()] == [
        (1, Grid.MID_RISE),
        (4, Grid.MID_TREAD),
        (3, Grid.MID_TREAD),
    ]
    for steps in (30, 60):  # within the first half, and just behind it
        with pytest.raises(KeyboardInterrupt):
            train_run(config, stopped.path, progress=_StopAfter(steps))
    train_run(config, stopped.path)
    assert stopped.model.read_bytes() == whole.model.read_bytes()


@pytest.mark.parametrize("arch", ARCHS, ids=lambda arch: arch.name)
def test_squashing_begins_where_a_trained_network_stands(arch: ArchSpec) -> None:
    trained = FloatNetwork(arch)
    trained.initialise(torch.Generator().manual_seed(5))
    x = random_features(arch, 40)
    trained.train()(x)
    trained.eval()
    squashed = SquashedNetwork(arch, WeightPlan(WeightSpec.of(8)))
    squashed.begin_with(trained.state_dict())
    squashed.eval()
    for name, weight in squashed.squashed().items():
        before = weights_of(trained, name)
        ends = 0.98 * float(weight.quantiser.range)
        assert torch.allclose(weights_of(squashed, name), before.clamp(-ends, ends), atol=1e-6)
        assert float((before.abs() > ends).float().mean()) < 0.1
    wanted = trained(x).detach()
    for rounded in (False, True):
        squashed.round_weights(rounded)
        assert float((squashed(x).detach() - wanted).abs().mean()) < 0.05 * float(wanted.abs().max())


def test_one_bit_begins_with_weights_that_can_still_move() -> None:
    network = SquashedNetwork(tiny_stream(), WeightPlan(WeightSpec.of(1)))
    trained = FloatNetwork(tiny_stream())
    trained.initialise(torch.Generator().manual_seed(5))
    network.begin_with(trained.state_dict())
    weights = weights_of(network, "dense1") / network.squashed()["dense1"].quantiser.range
    assert float((weights.abs() > 0.97).float().mean()) < 0.1


def test_a_run_may_begin_with_the_float_weights_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = write_corpus(tmp_path / "corpus")
    common: dict[str, Any] = {"batch": 10, "averaging": 0.5, "threads": 1}
    plain = TrainConfig(
        arch=tiny_stream(), data=data, features="log_mel", epochs=20, qat_epochs=0, lr=0.2, data_seed=4, **common
    )
    before = train_run(plain, tmp_path / "float")
    eight = WeightPlan(WeightSpec.of(8))
    begun = {"weights": eight, "epochs": 2, "qat_epochs": 1, "lr": 0.02, "qat_lr": 0.01, "start": tmp_path / "float"}
    config = config_of(tiny_stream(), data, **begun, **common)
    whole, stopped = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "stopped")
    record = train_run(config, whole.path)
    assert record.config["data_seed"] == 4 and record.config["epochs"] == 2, "data as there, epochs of its own"
    assert record.config["float_stage"] is not None

    def validated(of: Any) -> float:
        return next(number["value"] for number in of.numbers if number["name"] == "float_validation_accuracy")

    assert validated(before) > 0.3 and validated(record) > 0.7 * validated(before), "two epochs would not teach it"
    with pytest.raises(KeyboardInterrupt):
        train_run(config, stopped.path, progress=_StopAfter(12))
    train_run(config, stopped.path)
    assert stopped.model.read_bytes() == whole.model.read_bytes()


@pytest.mark.parametrize(
    "changes",
    [{"method": Method.LEARNED_STEP}, {"teacher": 0.5}, {"per_tensor": True}],
    ids=lambda changes: next(iter(changes)),
)
def test_what_two_stage_training_does_not_do_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="--recipe two-stage squashes the weights of its own first stage"):
        replace(config_of(tiny_stream()), **changes)


def test_the_usual_course_is_recorded_as_before() -> None:
    config = config_of(tiny_stream(), course=Course.STRAIGHT_THROUGH)
    assert "course" not in config.to_dict()
