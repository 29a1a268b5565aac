# SPDX-License-Identifier: Apache-2.0
"""Each weight quantiser against its definition: values, scales, and gradients (finite differences or as defined)."""

import math

import pytest
import torch
from torch import Tensor

from toolchain.arch.weights import WeightSpec
from toolchain.graph.tensor import Grid
from toolchain.nets.quantisers import (
    LearnedStep,
    LeastSquares,
    MaxAbs,
    Method,
    Squashed,
    absolute_cosine,
    along,
    least_squares_scales,
    nearest,
    representable_scales,
    uniform_start,
    weight_quantiser,
)

SPECS = [WeightSpec(bits, grid) for bits in range(2, 8) for grid in Grid] + [
    WeightSpec(1, Grid.MID_RISE),
    WeightSpec(8, Grid.MID_TREAD),
]


def _weight(seed: int = 0, channels: int = 6) -> Tensor:
    """Normal weights [channels, 5, 3, 3] whose channels differ a million times in size."""
    weight = torch.randn(channels, 5, 3, 3, generator=torch.Generator().manual_seed(seed))
    return weight * torch.logspace(-3, 3, channels)[:, None, None, None]


def _even(seed: int = 0) -> Tensor:
    """Normal weights [4, 30], standard deviation 0.3."""
    return 0.3 * torch.randn(4, 30, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_nearest_is_the_nearest_integer_of_the_grid(spec: WeightSpec) -> None:
    step = 2 if spec.grid is Grid.MID_RISE else 1
    grid = torch.arange(-spec.limit, spec.limit + 1, step, dtype=torch.float32)
    assert len(grid) == (2**spec.bits if step == 2 else 2**spec.bits - 1)
    steps = torch.linspace(-1.5 * spec.limit - 1, 1.5 * spec.limit + 1, 4001)
    found = nearest(steps, spec)
    assert torch.isin(found, grid).all()
    assert torch.equal((steps - found).abs(), (steps[:, None] - grid).abs().amin(1))


@pytest.mark.parametrize("per_tensor", [False, True])
@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_values_are_integers_of_the_grid_times_scales(spec: WeightSpec, method: Method, per_tensor: bool) -> None:
    weight = _even()
    quantiser = weight_quantiser(method, weight, spec, per_tensor)
    trained = quantiser.start(weight)
    scales = quantiser.scales(trained)
    assert scales.shape == (4,) and bool((scales > 0).all())
    if per_tensor:
        assert len(set(scales.tolist())) == 1
    integers = quantiser.integers(quantiser.shadow(trained), scales)
    assert torch.equal(integers, nearest(integers, spec))
    found = quantiser(trained, scales)
    assert torch.allclose(found, integers * along(scales, integers), rtol=1e-6, atol=0)


def test_largest_weight_of_each_channel_is_on_the_last_integer() -> None:
    weight, spec = _weight(), WeightSpec.of(8)
    quantiser = MaxAbs(weight, spec)
    scales = quantiser.scales(weight)
    assert quantiser.integers(weight, scales).abs().flatten(1).amax(1).tolist() == [127] * 6
    error = (quantiser(weight, scales) - weight).abs().flatten(1).amax(1)
    assert bool((error <= scales * 0.5001).all())


def _error(groups: Tensor, scales: Tensor, spec: WeightSpec) -> Tensor:
    return (groups - nearest(groups / scales[:, None], spec) * scales[:, None]).square().sum(1)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_searched_scale_is_as_good_as_a_fine_search(spec: WeightSpec) -> None:
    groups = torch.randn(3, 2000, generator=torch.Generator().manual_seed(0)) * torch.tensor([[0.01], [1], [100]])
    found = _error(groups, least_squares_scales(groups, spec), spec)
    full = groups.abs().amax(1) / spec.limit
    fine = torch.stack([_error(groups, full * share, spec) for share in torch.linspace(0.02, 1.6, 800)]).amin(0)
    assert bool((found <= 1.1 * fine).all())
    assert bool((found <= _error(groups, full, spec)).all())


def test_searched_scale_of_one_bit_is_the_mean_magnitude() -> None:
    groups = _weight().flatten(1)
    found = least_squares_scales(groups, WeightSpec.of(1))
    assert torch.allclose(found, groups.abs().mean(1), rtol=1e-5)


@pytest.mark.parametrize("method", list(Method))
def test_a_channel_of_zeros_is_no_trouble(method: Method) -> None:
    weight = _even()
    weight[2] = 0
    for bits in (1, 4, 8):
        quantiser = weight_quantiser(method, weight, WeightSpec.of(bits))
        trained = quantiser.start(weight).clone().requires_grad_()
        scales = quantiser.scales(trained).clamp_min(2.0**-40)
        value = quantiser(trained, scales)
        value.sum().backward()
        assert torch.isfinite(value).all()
        assert trained.grad is not None and torch.isfinite(trained.grad).all()


def _gradient(method: Method, spec: WeightSpec, weight: Tensor) -> tuple[Tensor, Tensor]:
    """(upstream gradient, gradient of what is trained) of the sum of upstream * quantised weights."""
    quantiser = weight_quantiser(method, weight, spec)
    trained = quantiser.start(weight).clone().requires_grad_()
    upstream = torch.randn(weight.shape, generator=torch.Generator().manual_seed(7))
    (quantiser(trained, quantiser.scales(trained)) * upstream).sum().backward()
    assert trained.grad is not None
    return upstream, trained.grad


@pytest.mark.parametrize("method", [Method.MAX_ABS, Method.LEAST_SQUARES, Method.FIXED_RANGE])
def test_gradient_passes_rounding(method: Method) -> None:
    upstream, found = _gradient(method, WeightSpec.of(3), _even())
    assert torch.equal(found, upstream)


def _differences(function: "torch.nn.Module | object", at: Tensor, upstream: Tensor) -> Tensor:
    """Central differences of sum(upstream * function(at)), float64."""
    found = torch.zeros_like(at)
    for index in range(at.numel()):
        step = torch.zeros_like(at).view(-1)
        step[index] = 1e-6
        higher, lower = function(at + step.view_as(at)), function(at - step.view_as(at))  # type: ignore[operator]
        found.view(-1)[index] = ((higher - lower) * upstream).sum() / 2e-6
    return found


@pytest.mark.parametrize("method", [Method.SQUASHED, Method.DOREFA])
def test_gradient_of_a_curve_is_that_of_the_curve_without_rounding(method: Method) -> None:
    weight = _even().double()[:2, :5]
    quantiser = weight_quantiser(method, weight, WeightSpec(3, Grid.MID_RISE)).double()
    trained = quantiser.start(weight).clone().requires_grad_()
    upstream = torch.randn(weight.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    (quantiser(trained, quantiser.scales(trained)) * upstream).sum().backward()
    with torch.no_grad():
        wanted = _differences(quantiser.shadow, trained.detach(), upstream)
    assert trained.grad is not None and torch.allclose(trained.grad, wanted, rtol=1e-5, atol=1e-8)


def test_dorefa_is_the_formula_of_its_authors() -> None:
    weight = _even()
    for bits in (2, 3, 5):
        spec = WeightSpec(bits, Grid.MID_RISE)
        quantiser = weight_quantiser(Method.DOREFA, weight, spec)
        levels = 2**bits - 1
        ratio = torch.tanh(weight) / (2 * torch.tanh(weight).abs().max()) + 0.5
        wanted = 2 * torch.round(levels * ratio) / levels - 1
        found = quantiser(weight, quantiser.scales(weight)) / weight.abs().max()
        assert torch.allclose(found, wanted, atol=1e-6)
    one = weight_quantiser(Method.DOREFA, weight, WeightSpec.of(1))
    assert torch.allclose(one(weight, one.scales(weight)), weight.sign() * weight.abs().mean())


@pytest.mark.parametrize("bits", [1, 2, 3, 7])
def test_fixed_range_is_the_formula_of_its_authors(bits: int) -> None:
    spec, unit = WeightSpec(bits, Grid.MID_RISE), torch.ones(1, 4)
    quantiser = weight_quantiser(Method.FIXED_RANGE, unit, spec)
    weight = torch.linspace(-1.7, 1.7, 998).view(1, -1)
    levels = 2**bits - 1
    wanted = 2 * torch.clip(torch.round(levels * (weight + 1) / 2) / levels, 0, 1) - 1
    assert torch.allclose(quantiser(weight, quantiser.scales(weight)), wanted, atol=1e-6)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_learned_step_has_the_gradients_of_its_definition(spec: WeightSpec) -> None:
    weight = _even()
    quantiser = LearnedStep(weight, spec)
    quantiser.first *= 0.7  # so that some weights lie beyond the grid
    trained = weight.clone().requires_grad_()
    upstream = torch.randn(weight.shape, generator=torch.Generator().manual_seed(7))
    (quantiser(trained, quantiser.scales(trained)) * upstream).sum().backward()
    steps = weight / quantiser.first[:, None]
    pitch = 2 if spec.grid is Grid.MID_RISE else 1
    inside = steps.abs() <= spec.limit + pitch - 1
    assert not inside.all()
    assert trained.grad is not None and torch.equal(trained.grad, upstream * inside)
    slope = torch.where(inside, nearest(steps, spec) - steps, steps.sign() * spec.limit)
    wanted = (upstream * slope).sum(1) / math.sqrt(30 * spec.limit / pitch)
    assert quantiser.step.grad is not None and torch.allclose(quantiser.step.grad, wanted, rtol=1e-4, atol=1e-5)


def test_learned_step_beyond_the_grid_is_the_slope_of_the_quantiser() -> None:
    """Where all weights are clamped nothing jumps, and finite differences must agree."""
    weight, spec = torch.full((1, 8), 5.0), WeightSpec.of(4)
    quantiser = LearnedStep(weight, spec)
    quantiser.first.fill_(0.25)
    quantiser(weight, quantiser.scales(weight)).sum().backward()
    difference = (nearest(weight / 0.26, spec) * 0.26 - nearest(weight / 0.24, spec) * 0.24).sum() / 0.02
    assert quantiser.step.grad is not None
    assert float(quantiser.step.grad) * math.sqrt(8 * 7) == pytest.approx(float(difference), rel=1e-3)


def test_squashed_weights_begin_as_least_squares_rounding() -> None:
    for spec in (WeightSpec.of(2), WeightSpec.of(4)):
        squashed, plain = Squashed(_even(), spec), LeastSquares(_even(), spec)
        trained = squashed.start(_even())
        found = squashed(trained, squashed.scales(trained))
        wanted = plain(_even(), plain.scales(_even()))
        assert torch.allclose(found, wanted, atol=1e-5)


def test_a_learned_step_grows_as_it_is_moved_and_never_reaches_zero() -> None:
    quantiser = LearnedStep(_even(), WeightSpec.of(4))
    first = quantiser.first.clone()
    with torch.no_grad():
        quantiser.step += 0.3 * first
        assert torch.allclose(quantiser.scales(_even()), 1.3 * first)
        quantiser.step -= 10 * first
    scales = quantiser.scales(_even())
    assert bool((scales > 0).all()) and bool((scales < 1e-3 * first).all())
    scales.sum().backward()
    assert quantiser.step.grad is not None and bool((quantiser.step.grad > 0).all()), "it can come back"


def test_eight_bits_have_no_step_to_learn() -> None:
    assert isinstance(weight_quantiser(Method.LEARNED_STEP, _even(), WeightSpec.of(8)), MaxAbs)
    assert isinstance(weight_quantiser(Method.LEARNED_STEP, _even(), WeightSpec.of(7)), LearnedStep)


def test_untrained_squashed_weights_are_nearly_uniform() -> None:
    squashed = torch.tanh(uniform_start(torch.Size([200_000]), torch.Generator().manual_seed(0))).sort().values
    uniform = torch.linspace(-1, 1, len(squashed))
    distance = float((squashed - uniform).abs().max()) / 2
    assert distance < 0.0096 + 0.003  # of the exact distribution, and what 200,000 draws add
    kurtosis = float(squashed.pow(4).mean() / squashed.square().mean().square())
    assert kurtosis == pytest.approx(1.8, abs=0.1)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_absolute_cosine_is_zero_on_the_grid_and_one_between(spec: WeightSpec) -> None:
    pitch = 2 if spec.grid is Grid.MID_RISE else 1
    grid = torch.arange(-spec.limit, spec.limit + 1, pitch, dtype=torch.float32)[None] * 0.01
    scales = torch.tensor([0.01])
    assert float(absolute_cosine(grid, scales, spec)) == pytest.approx(0, abs=1e-4)
    assert float(absolute_cosine(grid + 0.005 * pitch, scales, spec)) == pytest.approx(1, abs=1e-4)


def test_scales_stay_normal_numbers() -> None:
    scales = representable_scales(torch.zeros(2), torch.zeros(2), torch.tensor(2.0**-40))
    assert bool((scales * 2.0**-40 >= torch.finfo(torch.float32).tiny).all())
