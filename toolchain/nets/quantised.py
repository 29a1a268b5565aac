# SPDX-License-Identifier: Apache-2.0
"""QuantisedNetwork: the network as it will be deployed, every value on its integer grid.

It is made from a trained FloatNetwork and trained on. The forward pass computes in floats what the integers stand
for, in evaluation with batch norm folded away as on the device; `integers()` gives those integers. One quantiser
stands behind every layer, so every value that a later layer reads has one scale, as in the ONNX file and the Graph.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from toolchain.arch.layer import NETWORK_INPUT, Add, Conv, Dense, Depthwise, GlobalAveragePool, Layer
from toolchain.arch.weights import ALL_EIGHT_BITS, EIGHT_BITS, WeightPlan, weighted_layers
from toolchain.nets.activation_grid import INPUT_SCALE, INPUT_ZERO_POINT, SMALLEST_SCALE, ActivationGrid
from toolchain.nets.integers import IntegerLayer, IntegerNetwork, IntegerWeights
from toolchain.nets.modules import Connected, FloatNetwork, Walk, Window, convolve
from toolchain.nets.quantisers import (
    Method,
    WeightQuantiser,
    absolute_cosine,
    along,
    bias_integers,
    quantise_bias,
    representable_scales,
    weight_quantiser,
)

BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d


def batch_norm_factors(norm: BatchNorm) -> tuple[Tensor, Tensor]:
    """(factor, offset), float64 [C']: in evaluation `norm` computes factor * x + offset."""
    assert norm.running_mean is not None and norm.running_var is not None  # tracked by default
    factor = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
    return factor, norm.bias.detach().double() - norm.running_mean.double() * factor


def fold_batch_norm(unit: Window | Connected) -> tuple[Tensor, Tensor]:
    """Weight and bias that give, without batch norm, what `unit` gives with its running statistics.

    Computed in float64, rounded once to float32.
    """
    sums, norm = _sums_of(unit), unit.norm
    if not isinstance(norm, BatchNorm):
        assert sums.bias is not None  # A unit gives its sums a bias where it has no batch norm.
        return sums.weight.detach().clone(), sums.bias.detach().clone()
    factor, offset = batch_norm_factors(norm)
    weight = sums.weight.detach().double()
    return (weight * along(factor, weight)).float(), offset.float()


def _sums_of(unit: Window | Connected) -> nn.Conv2d | nn.Linear:
    return unit.conv if isinstance(unit, Window) else unit.linear


def _float_layer(unit: Window | Connected, folded: bool) -> tuple[Tensor, Tensor | None, BatchNorm | None]:
    """Copies of a float unit's weight, bias and batch norm; with `folded` the last is in the first two."""
    if folded or not isinstance(unit.norm, BatchNorm):
        return *fold_batch_norm(unit), None
    return _sums_of(unit).weight.detach().clone(), None, copy.deepcopy(unit.norm)


class Weighted(nn.Module):
    """Weight and bias of one Conv, Depthwise or Dense layer, put on their grids at every use.

    weight: what steps move; pace: the quantiser's, times which it is (None: 1).
    norm: the batch norm that stands behind the sums while training; as deployed it is folded into scales and bias,
    which leaves the integers what they are, but for the sign of a channel whose factor is negative.
    """

    pace: Tensor | None

    def __init__(
        self,
        layer: Conv | Depthwise | Dense,
        weight: Tensor,
        bias: Tensor | None,
        quantiser: WeightQuantiser,
        norm: BatchNorm | None = None,
    ) -> None:
        super().__init__()
        self.layer = layer
        self.quantiser = quantiser
        started = quantiser.start(weight)
        pace = quantiser.pace(started)
        self.register_buffer("pace", pace)
        self.weight = nn.Parameter(started if pace is None else started * along(pace, started))
        self.bias = None if bias is None else nn.Parameter(bias)
        self.norm = norm

    def forward(self, x: Tensor, input_scale: Tensor) -> Tensor:
        """x: the reals of the layer's input, on a grid of `input_scale` -> sums, before activation and quantiser."""
        if self.norm is not None and self.training:
            trained = self._trained()
            scales = self.quantiser.scales(trained).clamp_min(SMALLEST_SCALE)
            sums: Tensor = self.norm(self._products(x, self.quantiser(trained, scales), None))
            return sums
        if self.norm is not None:
            integers, scales, folded_bias = self._folded(self.norm, input_scale)
            bias = quantise_bias(folded_bias, input_scale * scales)
            return self._products(x, integers * along(scales, integers), bias)
        assert self.bias is not None  # what has no batch norm has a bias
        trained = self._trained()
        scales = representable_scales(self.quantiser.scales(trained), self.bias, input_scale)
        return self._products(x, self.quantiser(trained, scales), quantise_bias(self.bias, input_scale * scales))

    def _trained(self) -> Tensor:
        """What the quantiser reads: `weight`, which is what steps move, without its pace."""
        return self.weight if self.pace is None else self.weight / along(self.pace, self.weight)

    def _products(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if isinstance(self.layer, Dense):
            return F.linear(x.flatten(1), weight, bias)
        return convolve(x, self.layer, weight, bias)

    def _folded(self, norm: BatchNorm, input_scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(integers, scales [C'], real bias [C']) of the layer with its batch norm folded in."""
        factor, offset = batch_norm_factors(norm)
        factor, offset = factor.float(), offset.float()
        trained = self._trained()
        scales = representable_scales(self.quantiser.scales(trained) * factor.abs(), offset, input_scale)
        shadow = self.quantiser.shadow(trained)
        return self.quantiser.integers(shadow * along(factor, shadow), scales), scales, offset

    @torch.no_grad()
    def integers(self, input_scale: Tensor) -> IntegerWeights:
        """The integers behind `forward`, in evaluation."""
        if self.norm is not None:
            weights, scales, bias = self._folded(self.norm, input_scale)
        else:
            assert self.bias is not None  # what has no batch norm has a bias
            bias = self.bias
            trained = self._trained()
            scales = representable_scales(self.quantiser.scales(trained), bias, input_scale)
            weights = self.quantiser.integers(self.quantiser.shadow(trained), scales)
        bias_scales = input_scale * scales
        return IntegerWeights(
            weights=weights.contiguous().cpu().numpy().astype(np.int8),
            scales=scales.cpu().numpy().astype(np.float32),
            bias=bias_integers(bias, bias_scales).cpu().numpy().astype(np.int32),
            bias_scales=bias_scales.cpu().numpy().astype(np.float32),
            spec=self.quantiser.spec,
        )

    def distance_from_grid(self) -> Tensor:
        """Mean |cos| of the weights: 0 on the grid, 1 half way between two integers (`absolute_cosine`)."""
        steps = self.quantiser.steps(self._trained())
        return absolute_cosine(steps, torch.ones(len(steps), device=steps.device), self.quantiser.spec)


class QuantisedNetwork(nn.Module):
    """Made from a FloatNetwork, which stays as it is.

    plan: bits and grid of each layer. method: how weights get onto their grids. per_tensor: one scale a layer, as
    trained; what a batch norm folds in makes it one a channel again.

    Where all weights have 8 bits and the plain method, batch norm is folded before training goes on: next to nothing
    is left to learn. Coarser weights move the sums of a layer too far for that, so batch norm stays behind them and
    goes on measuring.
    """

    input_scale: Tensor

    def __init__(
        self,
        source: FloatNetwork,
        plan: WeightPlan = ALL_EIGHT_BITS,
        method: Method = Method.MAX_ABS,
        *,
        per_tensor: bool = False,
    ) -> None:
        super().__init__()
        self.arch = source.arch
        self.layers = source.layers
        specs = {layer.name: plan.of(layer.name) for layer in weighted_layers(self.layers)}
        folded = method is Method.MAX_ABS and not per_tensor and set(specs.values()) == {EIGHT_BITS}
        self.weighted = nn.ModuleDict()
        self.grids = nn.ModuleDict()
        for layer in self.layers:
            unit = source.units[layer.name]
            if isinstance(layer, Conv | Depthwise | Dense) and isinstance(unit, Window | Connected):
                weight, bias, norm = _float_layer(unit, folded)
                quantiser = weight_quantiser(method, weight, specs[layer.name], per_tensor)
                self.weighted[layer.name] = Weighted(layer, weight, bias, quantiser, norm)
            self.grids[layer.name] = ActivationGrid(layer.activation)
        self.register_buffer("input_scale", torch.tensor(INPUT_SCALE))
        self._walk = Walk(self.layers)
        self._observing = False

    def distance_from_grid(self) -> Tensor:
        """Mean over the layers with weights of their `Weighted.distance_from_grid`."""
        layers = [layer for layer in self.weighted.values() if isinstance(layer, Weighted)]
        return torch.stack([layer.distance_from_grid() for layer in layers]).mean()

    @contextmanager
    def observing(self) -> Iterator[None]:
        """Within the block each forward pass moves the activation ranges."""
        self._observing = True
        try:
            yield
        finally:
            self._observing = False

    def forward(self, features: Tensor) -> Tensor:
        """features: float32 [N, 1, T, F], int8 features / 32 -> logits [N, classes], on their grid."""
        values = {NETWORK_INPUT: features}
        result = features
        for layer, spent in self._walk:
            result = self._sums(layer, *(values[name] for name in layer.reads))
            grid = self._grid(layer.name)
            if self._observing:
                grid.observe(result)
            result = grid(result)
            values[layer.name] = result
            for name in spent:
                del values[name]
        return result

    def _sums(self, layer: Layer, x: Tensor, *others: Tensor) -> Tensor:
        match layer:
            case Add():
                return x + others[0]
            case GlobalAveragePool():
                return x.mean((2, 3))
        sums: Tensor = self.weighted[layer.name](x, self._scale(layer.input))
        return sums

    def _grid(self, name: str) -> ActivationGrid:
        grid = self.grids[name]
        assert isinstance(grid, ActivationGrid)
        return grid

    def _scale(self, name: str) -> Tensor:
        return self.input_scale if name == NETWORK_INPUT else self._grid(name).scale

    @torch.no_grad()
    def integers(self) -> IntegerNetwork:
        """Every integer and scale of the deployed network."""
        found = []
        by_name = dict(self.weighted.items())
        for layer in self.layers:
            grid = self._grid(layer.name)
            weighted = by_name.get(layer.name)
            weights = weighted.integers(self._scale(layer.input)) if isinstance(weighted, Weighted) else None
            found.append(IntegerLayer(layer, float(grid.scale), int(grid.zero_point), weights))
        return IntegerNetwork(self.arch, INPUT_SCALE, INPUT_ZERO_POINT, tuple(found))
