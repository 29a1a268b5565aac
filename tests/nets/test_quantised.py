# SPDX-License-Identifier: Apache-2.0
"""Folding, grids and ranges of the quantised network."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.nets.networks import (
    flattening,
    lived_in,
    measured,
    random_features,
    small_mbc,
    tiny_ds_cnn,
    tiny_stream,
)
from toolchain.arch import ArchSpec
from toolchain.arch.layer import Activation
from toolchain.arch.weights import WeightPlan, WeightSpec
from toolchain.graph.tensor import Grid
from toolchain.nets.activation_grid import ActivationGrid
from toolchain.nets.modules import Connected, FloatNetwork, Window, convolve
from toolchain.nets.quantised import QuantisedNetwork, Weighted, fold_batch_norm
from toolchain.nets.quantisers import Method

SPECS = [WeightSpec.of(bits) for bits in range(1, 9)] + [WeightSpec(bits, Grid.MID_RISE) for bits in range(3, 8)]
ARCHS = [tiny_ds_cnn(), small_mbc(), tiny_ds_cnn(frames=13, coefficients=3), tiny_stream(), flattening()]


@pytest.mark.parametrize("arch", ARCHS, ids=lambda arch: f"{arch.name}-{arch.frames}")
def test_folded_weights_compute_what_batch_norm_computes(arch: ArchSpec) -> None:
    network = lived_in(arch)
    values = {"input": random_features(arch, 5)}
    for layer in network.layers:
        unit = network.units[layer.name]
        inputs = [values[name] for name in layer.reads]
        with torch.no_grad():
            values[layer.name] = unit(*inputs)
            if not isinstance(unit, Window | Connected) or isinstance(unit.norm, torch.nn.Identity):
                continue
            weight, bias = fold_batch_norm(unit)
            sums = _sums(unit, inputs[0], weight, bias)
            norm = copy.deepcopy(unit.norm).double()
            trained = unit.conv.weight if isinstance(unit, Window) else unit.linear.weight
            normed = norm(_sums(unit, inputs[0], trained, None))
        # Rounding the folded weights to float32 once is the only difference: a few parts in 10^7 of the sums.
        assert torch.allclose(sums, normed, rtol=0, atol=2e-6 * float(normed.abs().max())), layer.name


def _sums(unit: Window | Connected, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """In float64, before batch norm and activation."""
    x, weight, bias = x.double(), weight.double(), None if bias is None else bias.double()
    return convolve(x, unit.layer, weight, bias) if isinstance(unit, Window) else F.linear(x.flatten(1), weight, bias)


@pytest.mark.parametrize("arch", ARCHS, ids=lambda arch: f"{arch.name}-{arch.frames}")
def test_quantised_network_stays_near_the_float_one(arch: ArchSpec) -> None:
    network = lived_in(arch)
    x = random_features(arch, 50)
    quantised = measured(network, inputs=[x])  # over the very inputs that are compared: nothing is clamped
    with torch.no_grad():
        wanted, found = network(x), quantised(x)
    steps = (wanted - found).abs().max() / quantised.grids["classifier"].scale
    assert steps < 16, f"{float(steps):.1f} steps of the output's grid"
    assert (wanted.argmax(1) == found.argmax(1)).float().mean() > 0.8


@pytest.fixture(scope="module")
def lived_in_network() -> FloatNetwork:
    return lived_in(tiny_ds_cnn())


@pytest.mark.parametrize(
    ("method", "bits"), [(Method.MAX_ABS, 8), *((method, bits) for method in Method for bits in (4, 1))]
)
def test_training_moves_a_quantised_network_but_not_its_source(
    method: Method, bits: int, lived_in_network: FloatNetwork
) -> None:
    network, spec = copy.deepcopy(lived_in_network), WeightSpec.of(bits)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    quantised = measured(network, WeightPlan(spec), method)
    quantised.train()
    logits = quantised(random_features(network.arch, 8))
    F.cross_entropy(logits, torch.arange(8)).backward()
    for name, parameter in quantised.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        assert float(parameter.grad.abs().sum()) > 0, name
    with torch.no_grad():
        for parameter in quantised.parameters():
            parameter -= 0.1 * parameter.grad  # type: ignore[operator]
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize(
    ("method", "spec"),
    [
        *((Method.LEARNED_STEP, spec) for spec in SPECS),
        *((method, spec) for method in Method for spec in (WeightSpec.of(1), WeightSpec.of(5))),
    ],
    ids=str,
)
def test_integers_are_what_the_forward_pass_uses(
    method: Method, spec: WeightSpec, lived_in_network: FloatNetwork
) -> None:
    quantised = measured(lived_in_network, WeightPlan(spec, {"stem": WeightSpec.of(8)}), method)
    integers = quantised.integers()
    previous = {"input": integers.input_scale}
    values = {"input": random_features(quantised.arch, 4)}
    for found in integers.layers:
        previous[found.layer.name] = found.scale
        assert -128 <= found.zero_point <= 127
        with torch.no_grad():
            sums = quantised._sums(found.layer, *(values[name] for name in found.layer.reads))
            values[found.layer.name] = quantised.grids[found.layer.name](sums)
        if found.weights is None:
            continue
        w = found.weights
        assert w.spec == (WeightSpec.of(8) if found.layer.name == "stem" else spec)
        assert np.array_equal(w.bias_scales, np.float32(previous[found.layer.input]) * w.scales)
        assert np.abs(w.weights.astype(int)).max() <= w.spec.limit
        if w.spec.grid is Grid.MID_RISE:
            assert (w.weights % 2 == 1).all()
        weighted = quantised.weighted[found.layer.name]
        assert isinstance(weighted, Weighted)
        per_channel = w.scales.reshape(-1, *[1] * (w.weights.ndim - 1))
        bias = torch.from_numpy(w.bias.astype(np.float32) * w.bias_scales)
        x = values[found.layer.input]
        assert torch.equal(sums, weighted._products(x, torch.from_numpy(w.weights * per_channel), bias))


def test_batch_norm_with_a_negative_factor_flips_the_integers(lived_in_network: FloatNetwork) -> None:
    """`lived_in` gives channel 0 of every batch norm a negative factor; scales stay positive."""
    network = lived_in_network
    quantised = measured(network, WeightPlan(WeightSpec.of(1)))
    stem, unit = quantised.integers().layers[0].weights, network.units["stem"]
    assert stem is not None and isinstance(unit, Window)
    signs = np.sign(unit.conv.weight.detach().numpy())
    signs[0] *= -1
    assert np.array_equal(stem.weights, signs)
    assert (stem.scales > 0).all()


def test_squashed_weights_move_as_far_as_plain_ones(lived_in_network: FloatNetwork) -> None:
    """One step down the same gradient: W = s tanh(P) would move by s^2 (1 - tanh^2)^2 of it; here s^2 is gone."""
    quantised = measured(lived_in_network, WeightPlan(WeightSpec.of(4)), Method.SQUASHED)
    weighted = quantised.weighted["block1_pointwise"]
    assert isinstance(weighted, Weighted)

    def shadow() -> Tensor:
        return weighted.quantiser.shadow(weighted._trained())

    before = shadow()
    before.sum().backward()
    slope = 1 - torch.tanh(weighted._trained().detach()).square()
    with torch.no_grad():
        weighted.weight -= 1e-4 * weighted.weight.grad  # type: ignore[operator]
        moved = before - shadow()
    assert torch.allclose(moved, 1e-4 * slope.square(), rtol=0.02, atol=1e-7)


def test_eight_bits_fold_batch_norm_and_fewer_keep_it(lived_in_network: FloatNetwork) -> None:
    network = lived_in_network
    for plan, kept in ((WeightPlan(), False), (WeightPlan(layers={"classifier": WeightSpec.of(7)}), True)):
        stem = measured(network, plan).weighted["stem"]
        assert isinstance(stem, Weighted)
        assert (stem.norm is not None, stem.bias is None) == (kept, kept)


@pytest.mark.parametrize("method", [Method.MAX_ABS, Method.LEARNED_STEP], ids=str)
def test_one_scale_a_layer_as_trained_is_one_before_batch_norm(method: Method, lived_in_network: FloatNetwork) -> None:
    network = lived_in_network
    quantised = QuantisedNetwork(network, WeightPlan(WeightSpec.of(4)), method, per_tensor=True)
    weighted = quantised.weighted["block1_pointwise"]
    assert isinstance(weighted, Weighted)
    assert len(set(weighted.quantiser.scales(weighted.weight).tolist())) == 1


@pytest.mark.parametrize("activation", [Activation.RELU, Activation.RELU6])
def test_the_grid_of_a_relu_is_the_relu(activation: Activation) -> None:
    grid = ActivationGrid(activation)
    x = torch.linspace(-9, 9, 1001)
    grid.observe(x)
    assert int(grid.zero_point) == -128
    found = grid(x)
    wanted = F.relu6(x) if activation is Activation.RELU6 else F.relu(x)
    assert float((found - wanted).abs().max()) <= float(grid.scale) / 2 * 1.0001
    assert float(grid.scale) * 255 == pytest.approx(6.0 if activation is Activation.RELU6 else 9.0)


@pytest.mark.parametrize("arch", ARCHS, ids=lambda arch: f"{arch.name}-{arch.frames}")
@pytest.mark.parametrize("bits", [8, 4])
def test_maps_lie_channels_last(arch: ArchSpec, bits: int) -> None:
    network = QuantisedNetwork(lived_in(arch), WeightPlan(default=WeightSpec.of(bits)), Method.LEARNED_STEP)
    network.train()
    maps: list[Tensor] = []
    for grid in network.grids.values():
        grid.register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0]))
    network(random_features(arch, 3))
    large = [x for x in maps if x.dim() == 4 and x.shape[1] > 1]
    assert large or arch.name == tiny_stream().name
    assert all(x.is_contiguous(memory_format=torch.channels_last) for x in large)


def test_zero_is_on_every_grid() -> None:
    generator = np.random.default_rng(0)
    for _ in range(200):
        low, high = sorted(generator.normal(0, 3, 2))
        grid = ActivationGrid(Activation.NONE)
        grid.observe(torch.tensor([low, high], dtype=torch.float32))
        assert float(grid(torch.zeros(1))) == 0.0
        assert float(grid(torch.tensor([low]))) == pytest.approx(min(low, max(low, 0)), abs=float(grid.scale))


def test_gradients_stop_where_a_value_is_clamped() -> None:
    grid = ActivationGrid(Activation.NONE)
    grid.observe(torch.tensor([-1.0, 1.0]))
    x = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0], requires_grad=True)
    grid(x).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [0, 1, 1, 1, 0]


def test_ranges_move_only_while_observed() -> None:
    quantised = measured(lived_in(tiny_ds_cnn()))
    before = {name: value.clone() for name, value in quantised.named_buffers()}
    quantised(random_features(quantised.arch, 8, seed=99))
    assert all(torch.equal(value, before[name]) for name, value in quantised.named_buffers())
    with quantised.observing():
        quantised(100 * random_features(quantised.arch, 8, seed=99))
    assert float(quantised.grids["stem"].scale) > float(before["grids.stem.scale"])


@pytest.mark.parametrize("bits", [8, 4, 1])
def test_a_dead_channel_keeps_its_bias(bits: int) -> None:
    """All weights of the channel are 0: its scale must come from the bias, which int32 has to hold."""
    network = lived_in(tiny_ds_cnn())
    stem = network.units["stem"]
    assert isinstance(stem, Window)
    with torch.no_grad():
        stem.conv.weight[3] = 0
        stem.norm.running_mean[3] = 0  # type: ignore[index]
        stem.norm.bias[3] = 1.5  # type: ignore[index]
    integers = measured(network, WeightPlan(WeightSpec.of(bits))).integers().layers[0].weights
    assert integers is not None
    reach = np.abs(integers.weights[3]).sum() * float(integers.scales[3]) * 4  # inputs are within 4
    assert reach < 1e-4, "a grid without a zero has weights there, of no consequence"
    assert float(integers.bias[3] * np.float64(integers.bias_scales[3])) == pytest.approx(1.5, rel=1e-6)
    assert np.abs(integers.bias.astype(np.int64)).max() <= 1 << 29
